-- The files of a process, by path and error.
SELECT f.path, f.file_type, r.errno, sum(r.count), min(r.first_wall_ns), max(r.last_wall_ns),
    max(r.modes & 1) + max(r.modes & 2) + max(r.modes & 4)
FROM rollups r JOIN paths f ON f.id = r.path
WHERE r.process = ?1 AND r.type = 16
GROUP BY f.id, r.errno
ORDER BY f.path, r.errno;
