-- What library files say of themselves. The latest file of a path comes last.
SELECT dev_major, dev_minor, ino, path, version, soname, build_id, iif(bits & 2, NULL, size)
FROM library_files WHERE host = ?1
ORDER BY mtime_ns, dev_major, dev_minor, ino, path;
