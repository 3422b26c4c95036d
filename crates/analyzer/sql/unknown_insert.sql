INSERT INTO unknown_records (input, kind, count) VALUES (?1, ?2, ?3);
