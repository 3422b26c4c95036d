-- The handshakes of a process, counted: what came of them, and with whom.
SELECT u.process, u.negotiation, a.text, sum(u.count), min(u.first_wall_ns), max(u.last_wall_ns)
FROM tls_rollups u JOIN texts a ON a.id = u.peer
WHERE u.process = ?1
GROUP BY u.negotiation, u.peer
ORDER BY u.negotiation, u.peer;
