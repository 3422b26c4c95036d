-- The libraries of the processes that lived at ?2, told by the segments ?1. What the scan at a segment's begin found was there
-- when the segment began.
SELECT DISTINCT m.process, m.library
FROM mappings m
JOIN processes p ON p.id = m.process
WHERE m.segment IN (SELECT value FROM json_each(?1))
    AND (m.how = 'baseline' OR m.from_ns <= ?2) AND (m.until_ns IS NULL OR m.until_ns > ?2)
    AND p.start_ns <= ?2 AND (p.exit_ns IS NULL OR p.exit_ns > ?2)
ORDER BY m.process, m.library;
