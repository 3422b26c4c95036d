INSERT OR REPLACE INTO host_crypto (host, what, name, driver, kind, value, passed, priority) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);
