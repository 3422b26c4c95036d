SELECT l.fact_name, l.reason_name, l.count, l.from_wall_ns, l.to_wall_ns
FROM losses l JOIN segments s ON s.id = l.segment
WHERE s.host = ?1
ORDER BY l.from_ns, l.to_ns, l.fact, l.reason, l.count;
