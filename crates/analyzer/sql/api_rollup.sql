-- Adds a counter to what is there already.
INSERT INTO api_rollups (process, function, library, args, segment, count, failures, first_wall_ns, last_wall_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET
    count = count + excluded.count,
    failures = failures + excluded.failures,
    first_wall_ns = coalesce(min(first_wall_ns, excluded.first_wall_ns), first_wall_ns, excluded.first_wall_ns),
    last_wall_ns = coalesce(max(last_wall_ns, excluded.last_wall_ns), last_wall_ns, excluded.last_wall_ns);
