SELECT dev_major, dev_minor, ino, addr, len, offset FROM loads WHERE id = ?1;
