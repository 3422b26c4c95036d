-- A file with functions; what is known of it may grow.
INSERT INTO api_libraries (host, path, dev_major, dev_minor, ino, bits, family, functions, left_out)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET bits = coalesce(excluded.bits, bits), family = coalesce(excluded.family, family),
    functions = coalesce(excluded.functions, functions), left_out = coalesce(excluded.left_out, left_out)
RETURNING id;
