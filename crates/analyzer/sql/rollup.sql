-- Goes on in rollup_add.sql.
INSERT INTO rollups (process, type, path, errno, segment, count, first_wall_ns, last_wall_ns, modes)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET
    modes = modes | excluded.modes,
