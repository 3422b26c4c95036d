-- The hosts, and the time that was captured of each.
SELECT h.id, h.hostname, h.boot_id, h.kernel, h.machine, h.os,
    min(s.first_ns), max(s.last_ns), min(s.first_wall_ns), max(s.last_wall_ns), count(s.id)
FROM hosts h JOIN segments s ON s.host = h.id
GROUP BY h.id
ORDER BY h.hostname, min(s.first_wall_ns), h.boot_id;
