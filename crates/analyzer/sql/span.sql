SELECT min(first_wall_ns), max(last_wall_ns) FROM runs;
