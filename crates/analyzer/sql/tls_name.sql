INSERT OR IGNORE INTO tls_names (registry, number, name) VALUES (?1, ?2, ?3);
