-- Calls of the functions of libraries: of the same path and file, or where the kernel and the scan name devices differently
-- (overlay and btrfs do), of the only library of that path.
SELECT p.path, l.id, sum(u.count)
FROM api_rollups u
JOIN api_libraries b ON b.id = u.library
JOIN libraries l ON l.host = b.host AND l.path = b.path
    AND ((l.dev_major = b.dev_major AND l.dev_minor = b.dev_minor AND l.ino = b.ino)
        OR (SELECT count(*) FROM libraries o WHERE o.host = b.host AND o.path = b.path) = 1)
JOIN paths p ON p.id = b.path
WHERE b.host = ?1
GROUP BY l.id;
