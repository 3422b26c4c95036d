-- The handshakes of a host's processes (?1), or of one process (?2), counted: what came of them, whose they are, and with whom.
SELECT u.process, u.negotiation, a.text, sum(u.count), min(u.first_wall_ns), max(u.last_wall_ns)
FROM tls_rollups u
JOIN texts a ON a.id = u.peer
WHERE u.process IN (SELECT id FROM processes WHERE host = ?1 UNION ALL SELECT ?2)
GROUP BY u.process, u.negotiation, u.peer
ORDER BY u.process, u.negotiation, u.peer;
