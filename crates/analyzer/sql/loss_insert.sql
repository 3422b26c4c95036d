INSERT INTO losses (segment, fact, fact_name, reason, reason_name, count, from_ns, to_ns, from_wall_ns, to_wall_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);
