INSERT INTO loads (segment, dev_major, dev_minor, ino, addr, len, offset) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
