INSERT INTO runs (id, first_event, last_event, first_wall_ns, last_wall_ns, without_clock, redaction)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
