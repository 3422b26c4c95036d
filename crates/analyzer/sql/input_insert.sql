INSERT INTO inputs (run, position, bytes, blocks, records, malformed, out_of_order, segments, damage_more, failure, closed)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
