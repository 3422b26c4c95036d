-- Files that scans of /proc found open.
SELECT f.path, f.file_type, max(o.modes & 1) + max(o.modes & 2) + max(o.modes & 4)
FROM open_files o
JOIN processes p ON p.id = o.process
JOIN paths f ON f.id = o.path
WHERE p.host = ?1
GROUP BY f.id
ORDER BY f.path;
