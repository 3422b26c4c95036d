-- Adds a counter to what is there already.
INSERT INTO kernel_rollups (process, request, errno, segment, count, first_wall_ns, last_wall_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT DO UPDATE SET
    count = count + excluded.count,
    first_wall_ns = coalesce(min(first_wall_ns, excluded.first_wall_ns), first_wall_ns, excluded.first_wall_ns),
    last_wall_ns = coalesce(max(last_wall_ns, excluded.last_wall_ns), last_wall_ns, excluded.last_wall_ns);
