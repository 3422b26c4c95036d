SELECT sum(u.count) FROM unknown_records u
WHERE u.input IN (SELECT input FROM segments WHERE host = ?1);
