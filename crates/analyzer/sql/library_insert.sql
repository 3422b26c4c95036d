INSERT INTO libraries (host, path, dev_major, dev_minor, ino, family) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
