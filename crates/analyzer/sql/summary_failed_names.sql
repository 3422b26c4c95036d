-- The names of the processes that failed to open a file with an error.
SELECT DISTINCT p.name
FROM rollups r JOIN processes p ON p.id = r.process
WHERE r.type = 16 AND r.path = ?2 AND r.errno = ?3 AND p.host = ?1
ORDER BY p.name;
