INSERT INTO marks (segment, position, time_ns, wall_ns, mark, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
