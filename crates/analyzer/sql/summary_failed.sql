-- The opens that failed, by file and error.
SELECT f.path, f.file_type, r.errno, sum(r.count) AS count, max(r.last_wall_ns), f.id
FROM rollups r
JOIN processes p ON p.id = r.process
JOIN paths f ON f.id = r.path
WHERE r.type = 16 AND r.errno <> 0 AND p.host = ?1
GROUP BY f.id, r.errno
ORDER BY count DESC, f.path, r.errno
LIMIT ?2;
