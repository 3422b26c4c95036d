INSERT INTO segments (run, host, began_ns, capture, number, recorder, options, redaction, facts, complete)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0);
