    -- Adds the counter to what is there already.
    count = count + excluded.count,
    first_wall_ns = coalesce(min(first_wall_ns, excluded.first_wall_ns), first_wall_ns, excluded.first_wall_ns),
    last_wall_ns = coalesce(max(last_wall_ns, excluded.last_wall_ns), last_wall_ns, excluded.last_wall_ns);
