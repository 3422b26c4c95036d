-- The files that were opened most.
SELECT f.path, f.file_type, sum(r.count) AS count, count(DISTINCT r.process)
FROM rollups r
JOIN processes p ON p.id = r.process
JOIN paths f ON f.id = r.path
WHERE r.type = 16 AND r.errno = 0 AND p.host = ?1
GROUP BY f.id
ORDER BY count DESC, f.path
LIMIT ?2;
