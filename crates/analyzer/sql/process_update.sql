-- A process that is known better.
UPDATE processes SET host = ?2, pid = ?3, start_ticks = ?4, start_ns = ?5, start_wall_ns = ?6, ppid = ?7, parent_start_ns = ?8,
    name = ?9, exe = ?10, command = ?11, argv_len = ?12, bits = ?13, uid = ?14, gid = ?15, cgroup = ?16, container = ?17,
    first_seen_ns = ?18, first_seen_wall_ns = ?19, in_baseline = ?20, start_seen = ?21, exit_ns = ?22, exit_wall_ns = ?23,
    exit_code = ?24, exit_signal = ?25
WHERE id = ?1;
