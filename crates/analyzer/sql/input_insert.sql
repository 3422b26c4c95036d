INSERT INTO inputs (run, position, bytes, blocks, records, malformed, closed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
