-- A function; what is known of it may grow.
INSERT INTO api_functions (family, function, topic, recorded) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET recorded = coalesce(excluded.recorded, recorded)
RETURNING id;
