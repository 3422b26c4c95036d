-- What a library file says of itself; what one segment could not read, another may have read.
INSERT INTO library_files (host, dev_major, dev_minor, ino, path, size, mtime_ns, bits, soname, version, build_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns, bits = excluded.bits,
    soname = coalesce(excluded.soname, soname), version = coalesce(excluded.version, version),
    build_id = coalesce(excluded.build_id, build_id);
