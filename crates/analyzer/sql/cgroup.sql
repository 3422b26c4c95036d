INSERT OR REPLACE INTO cgroups (host, cgroup, path) VALUES (?1, ?2, ?3);
