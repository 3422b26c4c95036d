SELECT x.path, f.path, c.argv, e.argv_len, e.bits
FROM execs e
LEFT JOIN paths x ON x.id = e.exe
LEFT JOIN paths f ON f.id = e.filename
LEFT JOIN commands c ON c.id = e.command
WHERE e.id = ?1;
