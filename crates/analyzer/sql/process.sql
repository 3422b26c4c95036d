SELECT p.id, p.host, p.pid, p.start_ticks, p.start_ns, p.start_wall_ns, p.ppid, p.parent_start_ns, p.name, x.path, c.argv,
    p.argv_len, p.bits, p.uid, p.gid, p.cgroup, p.container, p.first_seen_ns, p.first_seen_wall_ns, p.in_baseline, p.start_seen,
    p.exit_ns, p.exit_wall_ns, p.exit_code, p.exit_signal
FROM processes p
LEFT JOIN paths x ON x.id = p.exe
LEFT JOIN commands c ON c.id = p.command
WHERE p.id = ?1;
