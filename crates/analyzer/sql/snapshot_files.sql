-- The crypto files that scans of the segments ?1 found open in processes that lived at ?2.
SELECT DISTINCT o.process, f.path
FROM open_files o
JOIN processes p ON p.id = o.process
JOIN paths f ON f.id = o.path
WHERE o.segment IN (SELECT value FROM json_each(?1))
    AND p.start_ns <= ?2 AND (p.exit_ns IS NULL OR p.exit_ns > ?2)
ORDER BY o.process, f.path;
