-- Processes of this run (above temp.boundary) that an earlier run knows: host, pid and start are the same.
CREATE TEMP TABLE same AS
SELECT n.id AS new, min(o.id) AS old
FROM processes n
JOIN processes o ON o.host = n.host AND o.pid = n.pid AND o.start_ticks = n.start_ticks
JOIN temp.boundary b ON n.id > b.process AND o.id <= b.process
WHERE n.start_ticks <> 0
GROUP BY n.id;
CREATE UNIQUE INDEX temp.same_new ON same (new);

-- The later capture knows better what the process is now; the earlier one, since when.
UPDATE processes SET
    start_ns = max(processes.start_ns, n.start_ns),
    start_wall_ns = iif(n.start_ns > processes.start_ns, coalesce(n.start_wall_ns, processes.start_wall_ns),
        coalesce(processes.start_wall_ns, n.start_wall_ns)),
    ppid = iif(n.first_seen_ns >= processes.first_seen_ns, coalesce(n.ppid, processes.ppid), coalesce(processes.ppid, n.ppid)),
    parent_start_ns = max(processes.parent_start_ns, n.parent_start_ns),
    name = iif(n.first_seen_ns >= processes.first_seen_ns AND n.name <> '', n.name, processes.name),
    exe = iif(n.first_seen_ns >= processes.first_seen_ns, coalesce(n.exe, processes.exe), coalesce(processes.exe, n.exe)),
    argv_len = iif(n.command IS NOT NULL AND (n.first_seen_ns >= processes.first_seen_ns OR processes.command IS NULL),
        n.argv_len, processes.argv_len),
    bits = iif(n.first_seen_ns >= processes.first_seen_ns, n.bits, processes.bits),
    command = iif(n.first_seen_ns >= processes.first_seen_ns, coalesce(n.command, processes.command),
        coalesce(processes.command, n.command)),
    uid = iif(n.first_seen_ns >= processes.first_seen_ns, coalesce(n.uid, processes.uid), coalesce(processes.uid, n.uid)),
    gid = iif(n.first_seen_ns >= processes.first_seen_ns, coalesce(n.gid, processes.gid), coalesce(processes.gid, n.gid)),
    cgroup = coalesce(n.cgroup, processes.cgroup),
    container = coalesce(n.container, processes.container),
    first_seen_wall_ns = iif(n.first_seen_ns < processes.first_seen_ns, n.first_seen_wall_ns, processes.first_seen_wall_ns),
    first_seen_ns = min(n.first_seen_ns, processes.first_seen_ns),
    in_baseline = max(n.in_baseline, processes.in_baseline),
    start_seen = max(n.start_seen, processes.start_seen),
    exit_ns = coalesce(n.exit_ns, processes.exit_ns),
    exit_wall_ns = coalesce(n.exit_wall_ns, processes.exit_wall_ns),
    exit_code = coalesce(n.exit_code, processes.exit_code),
    exit_signal = coalesce(n.exit_signal, processes.exit_signal)
FROM temp.same s JOIN processes n ON n.id = s.new
WHERE processes.id = s.old;

UPDATE states SET process = s.old FROM temp.same s WHERE states.process = s.new;
UPDATE execs SET process = s.old FROM temp.same s WHERE execs.process = s.new;
UPDATE mappings SET process = s.old FROM temp.same s WHERE mappings.process = s.new;
UPDATE open_files SET process = s.old FROM temp.same s WHERE open_files.process = s.new;
UPDATE rollups SET process = s.old FROM temp.same s WHERE rollups.process = s.new;
UPDATE tls_handshakes SET process = s.old FROM temp.same s WHERE tls_handshakes.process = s.new;
UPDATE tls_rollups SET process = s.old FROM temp.same s WHERE tls_rollups.process = s.new;
UPDATE api_rollups SET process = s.old FROM temp.same s WHERE api_rollups.process = s.new;
UPDATE kernel_rollups SET process = s.old FROM temp.same s WHERE kernel_rollups.process = s.new;
DELETE FROM processes WHERE id IN (SELECT new FROM temp.same);
DROP TABLE temp.same;
