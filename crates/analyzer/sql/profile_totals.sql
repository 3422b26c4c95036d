-- Events of a process, and its children: those whose parent's start is known to be this one's, or that started while it lived.
SELECT (SELECT coalesce(sum(count), 0) FROM rollups WHERE process = ?1),
    (SELECT count(*) FROM processes c JOIN processes p ON p.id = ?1
     WHERE c.host = p.host AND c.ppid = p.pid AND c.id <> p.id
        AND iif(c.parent_start_ns > 0 AND p.start_ns > 0, c.parent_start_ns / 10000000 = p.start_ticks,
            p.start_ns <= c.start_ns AND (p.exit_ns IS NULL OR p.exit_ns >= c.start_ns)));
