INSERT OR REPLACE INTO open_files (process, path, segment, fd, flags, modes, bits, time_ns, wall_ns)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9);
