-- The segments that cover a moment, as a JSON array; where none does, the last one that began before it.
SELECT json_group_array(id) FROM segments
WHERE host = ?1 AND began_ns <= ?2
    AND (last_ns >= ?2 OR (
        id = (SELECT id FROM segments WHERE host = ?1 AND began_ns <= ?2 ORDER BY began_ns DESC, id LIMIT 1)
        AND NOT EXISTS (SELECT 1 FROM segments WHERE host = ?1 AND began_ns <= ?2 AND last_ns >= ?2)));
