-- The libraries of a process, a row for each sighting, the earliest first.
SELECT m.library, m.how, m.from_wall_ns, m.deleted
FROM mappings m
JOIN libraries l ON l.id = m.library
JOIN paths f ON f.id = l.path
WHERE m.process = ?1
ORDER BY m.from_ns, f.path, m.segment;
