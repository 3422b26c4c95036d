-- Processes that used cryptography, those with most events first.
SELECT p.pid, p.name
FROM processes p
LEFT JOIN (SELECT process, sum(count) AS count FROM rollups WHERE type IN (16, 17, 21, 23, 24) GROUP BY process) r ON r.process = p.id
WHERE r.count > 0 OR p.id IN (SELECT process FROM mappings) OR p.id IN (SELECT process FROM open_files)
ORDER BY coalesce(r.count, 0) DESC, p.host, p.pid, p.start_ns;
