INSERT INTO damage (input, position, what, offset, bytes, blocks, records, after_wall_ns, before_wall_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
