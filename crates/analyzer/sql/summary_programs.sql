-- Programs (processes of one name and program file) by what they did with cryptography.
WITH opens AS (
    SELECT process, sum(iif(errno = 0, count, 0)) AS good, sum(iif(errno <> 0, count, 0)) AS bad
    FROM rollups WHERE type = 16 GROUP BY process
),
calls AS (SELECT process, sum(count) AS count FROM api_rollups GROUP BY process),
shakes AS (SELECT process, sum(count) AS count FROM tls_rollups GROUP BY process),
used AS (
    SELECT process FROM rollups WHERE type IN (16, 21, 23, 24)
    UNION SELECT process FROM mappings
    UNION SELECT process FROM open_files
)
SELECT p.name, x.path, count(*) AS processes,
    (SELECT count(DISTINCT l.path) FROM mappings m JOIN libraries l ON l.id = m.library JOIN processes q ON q.id = m.process
     WHERE q.host = ?1 AND q.name = p.name AND q.exe IS p.exe) AS libraries,
    coalesce(sum(o.good), 0) AS good, coalesce(sum(o.bad), 0) AS bad,
    coalesce(sum(c.count), 0) AS calls, coalesce(sum(t.count), 0) AS shakes
FROM used u
JOIN processes p ON p.id = u.process
LEFT JOIN paths x ON x.id = p.exe
LEFT JOIN opens o ON o.process = p.id
LEFT JOIN calls c ON c.process = p.id
LEFT JOIN shakes t ON t.process = p.id
WHERE p.host = ?1
GROUP BY p.name, p.exe
ORDER BY good + bad + shakes DESC, calls DESC, processes DESC, p.name, x.path
LIMIT ?2;
