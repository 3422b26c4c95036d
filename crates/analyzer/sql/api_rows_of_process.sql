-- The calls of a process, counted.
SELECT u.process, f.family, f.function, f.topic, l.path, a.text, sum(u.count), sum(u.failures), min(u.first_wall_ns),
    max(u.last_wall_ns), p.name
FROM api_rollups u
JOIN processes p ON p.id = u.process
JOIN api_functions f ON f.id = u.function
JOIN api_libraries b ON b.id = u.library
JOIN paths l ON l.id = b.path
JOIN texts a ON a.id = u.args
WHERE u.process = ?1
GROUP BY u.function, b.path, u.args
ORDER BY f.family, f.function, f.topic, l.path, a.text;
