INSERT INTO kernel_requests (call, call_name, operation, version, cipher, kind, name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);
