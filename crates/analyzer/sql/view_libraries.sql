SELECT l.id, l.dev_major, l.dev_minor, l.ino, l.path, f.path, l.family
FROM libraries l JOIN paths f ON f.id = l.path
WHERE l.host = ?1;
