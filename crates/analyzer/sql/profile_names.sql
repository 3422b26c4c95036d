-- Every name that a process had, in the order in which processes started.
SELECT p.id, n.name
FROM processes p
JOIN (SELECT id AS process, name FROM processes UNION SELECT process, name FROM states) n ON n.process = p.id
WHERE p.host = ?1
ORDER BY p.start_ns, p.pid, p.id;
