-- Like tls_rows.sql, of a stretch of time: from the handshakes themselves.
SELECT h.process, h.negotiation, a.text, count(*), min(h.wall_ns), max(h.wall_ns)
FROM tls_handshakes h
JOIN processes p ON p.id = h.process
JOIN texts a ON a.id = h.peer_address
WHERE p.host = ?1 AND (?2 IS NULL OR h.wall_ns >= ?2) AND (?3 IS NULL OR h.wall_ns <= ?3)
GROUP BY h.process, h.negotiation, h.peer_address
ORDER BY h.process, h.negotiation, h.peer_address;
