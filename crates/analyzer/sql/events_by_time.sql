-- The events of a stretch of time, merged by UTC; losses always, since they span time.
SELECT e.seq, e.segment, e.type, e.state, e.time_ns, e.wall_ns, f.path, e.result, e.flags, e.mode, e.bits, g.path, e.detail, s.host
FROM events e
JOIN segments s ON s.id = e.segment
LEFT JOIN paths f ON f.id = e.path
LEFT JOIN paths g ON g.id = e.given
WHERE e.type = 3 OR ((?1 IS NULL OR e.wall_ns >= ?1) AND (?2 IS NULL OR e.wall_ns <= ?2))
ORDER BY e.wall_ns IS NULL, e.wall_ns, e.seq;
