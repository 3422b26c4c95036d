-- All descendants of a process, in the order in which they started. A child names its parent's pid and start; where the start
-- isn't known, the parent is who had that pid when the child started.
WITH RECURSIVE family(id) AS (
    SELECT ?1
    UNION
    SELECT c.id
    FROM family
    JOIN processes p ON p.id = family.id
    JOIN processes c ON c.host = p.host AND c.ppid = p.pid AND c.id <> p.id
        AND iif(c.parent_start_ns > 0 AND p.start_ns > 0, c.parent_start_ns / 10000000 = p.start_ticks,
            p.start_ns <= c.start_ns AND (p.exit_ns IS NULL OR p.exit_ns >= c.start_ns))
)
SELECT p.id FROM family JOIN processes p ON p.id = family.id
WHERE p.id <> ?1
ORDER BY p.start_ns, p.pid, p.id;
