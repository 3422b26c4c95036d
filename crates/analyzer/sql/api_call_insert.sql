INSERT INTO api_calls (segment, function, library, count, result, returned, duration_ns, tries, object, parent, args)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11);
