-- The requests of a host's processes (?1), or of one process (?2), to the kernel, counted.
SELECT q.call_name, q.operation, q.version, q.cipher, k.text, m.text, sum(u.count), sum(iif(u.errno <> 0, u.count, 0)),
    max(u.last_wall_ns), p.name
FROM kernel_rollups u
JOIN processes p ON p.id = u.process
JOIN kernel_requests q ON q.id = u.request
LEFT JOIN texts k ON k.id = q.kind
LEFT JOIN texts m ON m.id = q.name
WHERE u.process IN (SELECT id FROM processes WHERE host = ?1 UNION ALL SELECT ?2)
GROUP BY u.process, u.request
ORDER BY q.call_name, k.text, m.text, q.operation, q.version, q.cipher, p.name;
