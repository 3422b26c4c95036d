-- Which process had which library.
SELECT DISTINCT m.library, m.process, max(m.deleted)
FROM mappings m JOIN processes p ON p.id = m.process
WHERE p.host = ?1
GROUP BY m.library, m.process;
