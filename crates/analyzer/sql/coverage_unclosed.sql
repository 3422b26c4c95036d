-- The end of each capture of a host that was not closed, and of which no damage tells. A stream whose frames were stripped
-- (no segments) has no end mark: that says nothing.
SELECT max(s.last_wall_ns)
FROM inputs i JOIN segments s ON s.input = i.id
WHERE s.host = ?1 AND i.closed = 0 AND i.segments > 0 AND NOT EXISTS (SELECT 1 FROM damage d WHERE d.input = i.id)
GROUP BY i.id
ORDER BY i.run, i.position;
