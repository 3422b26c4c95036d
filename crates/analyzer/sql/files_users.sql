-- Who used each file: opens that succeeded, opens that failed, and whether a scan found it open.
SELECT f.path, p.pid, p.name, sum(u.good), sum(u.bad), max(u.found)
FROM (
    SELECT process, path, iif(errno = 0, count, 0) AS good, iif(errno <> 0, count, 0) AS bad, 0 AS found, first_wall_ns AS first
    FROM rollups WHERE type = 16
    UNION ALL
    SELECT process, path, 0, 0, 1, wall_ns FROM open_files
) u
JOIN processes p ON p.id = u.process
JOIN paths f ON f.id = u.path
WHERE p.host = ?1
GROUP BY f.id, p.id
ORDER BY f.path, min(u.first), p.pid, p.start_ns, p.id;
