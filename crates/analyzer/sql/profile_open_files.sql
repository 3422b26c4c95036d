-- Crypto files that scans of /proc found open in a process.
SELECT f.path, f.file_type, max(o.modes & 1) + max(o.modes & 2) + max(o.modes & 4)
FROM open_files o JOIN paths f ON f.id = o.path
WHERE o.process = ?1
GROUP BY f.id
ORDER BY f.path;
