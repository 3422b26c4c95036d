SELECT f.function, f.family, f.topic, p.path, r.text, a.text, l.dev_major, l.dev_minor, l.ino, c.count, c.returned, c.duration_ns,
    c.tries, c.object, c.parent
FROM api_calls c
JOIN api_functions f ON f.id = c.function
JOIN api_libraries l ON l.id = c.library
JOIN paths p ON p.id = l.path
JOIN texts r ON r.id = c.result
JOIN texts a ON a.id = c.args
WHERE c.id = ?1;
