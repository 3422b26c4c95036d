-- The crypto libraries that the processes of a host had.
SELECT DISTINCT m.process, m.library
FROM mappings m JOIN processes p ON p.id = m.process
WHERE p.host = ?1;
