-- Which process had which library, in the order in which processes started.
SELECT m.library, p.id, p.pid, p.name, x.path, p.container, max(m.deleted), min(m.from_wall_ns)
FROM mappings m
JOIN processes p ON p.id = m.process
LEFT JOIN paths x ON x.id = p.exe
WHERE p.host = ?1
GROUP BY m.library, p.id
ORDER BY p.start_ns, p.pid, p.id, m.library;
