INSERT INTO execs (segment, process, time_ns, wall_ns, exe, filename, command, argv_len, bits)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
