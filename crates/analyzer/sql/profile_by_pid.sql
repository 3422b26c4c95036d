-- The processes that had a pid, one after the other.
SELECT id FROM processes WHERE host = ?1 AND pid = ?2 ORDER BY start_ns, first_seen_ns, id;
