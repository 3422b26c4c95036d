-- The calls of a host's processes (?1), or of one process (?2), counted.
SELECT u.process, f.family, f.function, f.topic, l.path, a.text, sum(u.count), sum(u.failures), min(u.first_wall_ns),
    max(u.last_wall_ns), p.name
FROM api_rollups u
JOIN processes p ON p.id = u.process
JOIN api_functions f ON f.id = u.function
JOIN api_libraries b ON b.id = u.library
JOIN paths l ON l.id = b.path
JOIN texts a ON a.id = u.args
WHERE u.process IN (SELECT id FROM processes WHERE host = ?1 UNION ALL SELECT ?2)
GROUP BY u.process, u.function, b.path, u.args
ORDER BY f.family, f.function, f.topic, l.path, a.text, p.name, p.id;
