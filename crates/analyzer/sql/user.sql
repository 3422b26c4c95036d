INSERT OR REPLACE INTO users (host, uid, name) VALUES (?1, ?2, ?3);
