-- A library in a process.
INSERT INTO mappings (process, library, segment, from_ns, how, from_wall_ns, until_ns, deleted)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO UPDATE SET deleted = max(deleted, excluded.deleted), until_ns = coalesce(until_ns, excluded.until_ns);
