-- A process as it was at ?2: its program is the one that it began last before; the last one that is known, unless it began that later.
SELECT p.pid, p.ppid, p.name,
    coalesce(
        (SELECT x.path FROM execs e JOIN paths x ON x.id = e.exe WHERE e.process = p.id AND e.time_ns <= ?2
         ORDER BY e.time_ns DESC LIMIT 1),
        iif(EXISTS (SELECT 1 FROM execs e WHERE e.process = p.id AND e.time_ns > ?2), NULL,
            (SELECT x.path FROM paths x WHERE x.id = p.exe))),
    p.uid, u.name, p.container, p.start_wall_ns
FROM processes p
LEFT JOIN users u ON u.host = p.host AND u.uid = p.uid
WHERE p.id = ?1;
