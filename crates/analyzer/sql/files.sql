-- The files of a host, by path and error.
SELECT f.path, f.file_type, r.errno, sum(r.count), min(r.first_wall_ns), max(r.last_wall_ns),
    max(r.modes & 1) + max(r.modes & 2) + max(r.modes & 4)
FROM rollups r
JOIN processes p ON p.id = r.process
JOIN paths f ON f.id = r.path
WHERE r.type = 16 AND p.host = ?1
GROUP BY f.id, r.errno
ORDER BY f.path, r.errno;
