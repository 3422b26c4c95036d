-- Goes on in rollup_add.sql.
INSERT INTO api_rollups (process, function, library, args, segment, count, failures, first_wall_ns, last_wall_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET
    failures = failures + excluded.failures,
