-- Goes on in rollup_add.sql.
INSERT INTO kernel_rollups (process, request, errno, segment, count, first_wall_ns, last_wall_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT DO UPDATE SET
