-- Functions that can't be watched, of each path: a name may come several times.
SELECT p.path, group_concat(l.left_out, ' ')
FROM api_libraries l JOIN paths p ON p.id = l.path
WHERE l.host = ?1 AND l.left_out <> ''
GROUP BY l.path
ORDER BY p.path;
