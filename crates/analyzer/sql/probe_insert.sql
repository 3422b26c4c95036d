INSERT INTO probes (segment, position, fact, state, errno, probe, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
