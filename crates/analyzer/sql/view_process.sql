-- A process. It was there before the recording if it started before its host's first segment, or if nobody saw it start.
SELECT p.pid, p.name, x.path, c.cmdline, c.argv, p.bits, p.ppid, p.uid, p.gid, u.name, p.container,
    p.start_wall_ns, p.exit_wall_ns, p.exit_code, p.exit_signal,
    iif(p.start_ns = 0, p.in_baseline, p.start_ns < (SELECT min(s.began_ns) FROM segments s WHERE s.host = p.host))
FROM processes p
LEFT JOIN paths x ON x.id = p.exe
LEFT JOIN commands c ON c.id = p.command
LEFT JOIN users u ON u.host = p.host AND u.uid = p.uid
WHERE p.id = ?1;
