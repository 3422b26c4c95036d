-- The handshakes of a host, counted: what came of them, whose they are, and with whom.
SELECT u.process, u.negotiation, a.text, sum(u.count), min(u.first_wall_ns), max(u.last_wall_ns)
FROM tls_rollups u
JOIN processes p ON p.id = u.process
JOIN texts a ON a.id = u.peer
WHERE p.host = ?1
GROUP BY u.process, u.negotiation, u.peer
ORDER BY u.process, u.negotiation, u.peer;
