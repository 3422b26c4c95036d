INSERT INTO states (process, ppid, uid, gid, name, container) VALUES (?1, ?2, ?3, ?4, ?5, ?6);
