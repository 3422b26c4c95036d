-- The database of crypto-tracer, version 2. docs/database.md explains it with examples; schema_crypto.sql is the second part.
--
-- Rules:
-- * Every row that a segment told names the segment, so that a segment that has grown is replaced as a whole.
-- * *_ns is the capture's own clock (nanoseconds since boot), *_wall_ns is UTC (nanoseconds since 1970), NULL if not known:
--   datetime(wall_ns / 1000000000, 'unixepoch').
-- * Strings of the traced system are TEXT if they are UTF-8, else BLOB.
-- * NULL is "not known" or "does not apply".

PRAGMA application_id = 0x43545243; -- "CTRC"
PRAGMA user_version = 2;

-- Where it comes from ------------------------------------------------------------------------------------------------

-- One call of `ingest` that added something, and the rows of `events` that it added.
CREATE TABLE runs (
    id             INTEGER PRIMARY KEY,
    first_event    INTEGER,
    last_event     INTEGER,
    first_wall_ns  INTEGER,
    last_wall_ns   INTEGER,
    without_clock  INTEGER NOT NULL, -- captures without any clock record
    redaction      INTEGER NOT NULL  -- bits: 1 secrets, 2 paths, 4 users, 8 network
);

-- The files that were read. `closed` 0: cut, or the recorder was killed.
CREATE TABLE inputs (
    id             INTEGER PRIMARY KEY,
    run            INTEGER NOT NULL REFERENCES runs,
    position       INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    blocks         INTEGER NOT NULL,
    records        INTEGER NOT NULL,
    malformed      INTEGER NOT NULL, -- records that could not be understood
    out_of_order   INTEGER NOT NULL, -- records that came too late for their place in time
    segments       INTEGER NOT NULL,
    damage_more    INTEGER NOT NULL, -- damages that are not listed
    failure        TEXT,             -- why it could not be read on
    closed         INTEGER NOT NULL
);

-- What is damaged or missing in an input.
CREATE TABLE damage (
    input          INTEGER NOT NULL REFERENCES inputs,
    position       INTEGER NOT NULL,
    what           TEXT NOT NULL,
    offset         INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    blocks         INTEGER,
    records        INTEGER,
    after_wall_ns  INTEGER,
    before_wall_ns INTEGER,
    PRIMARY KEY (input, position)
) WITHOUT ROWID;

-- Records of types that the ingesting release did not know.
CREATE TABLE unknown_records (
    input          INTEGER NOT NULL REFERENCES inputs,
    kind           INTEGER NOT NULL,
    count          INTEGER NOT NULL,
    PRIMARY KEY (input, kind)
) WITHOUT ROWID;

-- A boot of a host: process ids and clocks are those of one boot.
CREATE TABLE hosts (
    id             INTEGER PRIMARY KEY,
    boot_id        TEXT NOT NULL,
    hostname       TEXT NOT NULL,
    kernel         TEXT NOT NULL,
    machine        TEXT NOT NULL,
    os             TEXT NOT NULL,
    cpus           INTEGER NOT NULL,
    clock_id       INTEGER NOT NULL,
    schema_major   INTEGER NOT NULL,
    schema_minor   INTEGER NOT NULL,
    recorder       TEXT NOT NULL,
    options        TEXT NOT NULL,
    redaction      INTEGER NOT NULL,
    UNIQUE (boot_id, hostname)
);

-- The parts of captures. Boot and time of the host record name a segment for ever.
CREATE TABLE segments (
    id             INTEGER PRIMARY KEY,
    run            INTEGER NOT NULL REFERENCES runs,
    input          INTEGER REFERENCES inputs,
    host           INTEGER NOT NULL REFERENCES hosts,
    began_ns       INTEGER NOT NULL,
    capture        BLOB,              -- id of the recording
    number         INTEGER,           -- number of the segment in the recording
    recorder       TEXT NOT NULL,
    options        TEXT NOT NULL,     -- the recorder's filters
    redaction      INTEGER NOT NULL,
    first_ns       INTEGER,
    last_ns        INTEGER,
    first_wall_ns  INTEGER,
    last_wall_ns   INTEGER,
    facts          INTEGER NOT NULL,  -- events and other things that it told
    complete       INTEGER NOT NULL   -- nothing can be added: its input was closed and whole
);

-- Who ----------------------------------------------------------------------------------------------------------------

-- Paths of files, programs and libraries, each once.
CREATE TABLE paths (
    id             INTEGER PRIMARY KEY,
    path           NOT NULL UNIQUE,
    file_type      TEXT NOT NULL      -- certificate, private_key, keystore, unknown: by its name
);

-- Command lines, each once: arguments ended by NUL, and joined by spaces for people.
CREATE TABLE commands (
    id             INTEGER PRIMARY KEY,
    argv           BLOB NOT NULL UNIQUE,
    cmdline        NOT NULL
);

-- Processes: host, pid and start name one for ever. What is told here is the last that is known.
CREATE TABLE processes (
    id             INTEGER PRIMARY KEY,
    host           INTEGER NOT NULL REFERENCES hosts,
    pid            INTEGER NOT NULL,
    start_ticks    INTEGER NOT NULL,  -- hundredths of a second since boot; 0: not known
    start_ns       INTEGER NOT NULL,
    start_wall_ns  INTEGER,
    ppid           INTEGER,
    parent_start_ns INTEGER NOT NULL, -- 0: not known
    name           NOT NULL,
    exe            INTEGER REFERENCES paths,
    command        INTEGER REFERENCES commands,
    argv_len       INTEGER NOT NULL,
    bits           INTEGER NOT NULL,
    uid            INTEGER,
    gid            INTEGER,
    cgroup         ,
    container      TEXT,
    first_seen_ns  INTEGER NOT NULL,
    first_seen_wall_ns INTEGER,
    in_baseline    INTEGER NOT NULL,  -- a scan of /proc has seen it
    start_seen     INTEGER NOT NULL,  -- the capture saw it being created, or beginning a program
    exit_ns        INTEGER,
    exit_wall_ns   INTEGER,
    exit_code      INTEGER,
    exit_signal    INTEGER
);
CREATE INDEX processes_by_pid ON processes (host, pid, start_ticks);

-- How a process was at the time of an event.
CREATE TABLE states (
    id             INTEGER PRIMARY KEY,
    process        INTEGER NOT NULL REFERENCES processes,
    ppid           INTEGER,
    uid            INTEGER,
    gid            INTEGER,
    name           NOT NULL,
    container      TEXT
);

-- The programs that processes began.
CREATE TABLE execs (
    id             INTEGER PRIMARY KEY,
    segment        INTEGER NOT NULL REFERENCES segments,
    process        INTEGER NOT NULL REFERENCES processes,
    time_ns        INTEGER NOT NULL,
    wall_ns        INTEGER,
    exe            INTEGER REFERENCES paths,
    filename       INTEGER REFERENCES paths, -- as given: of a script, the script
    command        INTEGER REFERENCES commands,
    argv_len       INTEGER NOT NULL,
    bits           INTEGER NOT NULL
);

CREATE TABLE users (
    host           INTEGER NOT NULL REFERENCES hosts,
    uid            INTEGER NOT NULL,
    name           NOT NULL,
    PRIMARY KEY (host, uid)
) WITHOUT ROWID;

CREATE TABLE cgroups (
    host           INTEGER NOT NULL REFERENCES hosts,
    cgroup         INTEGER NOT NULL,
    path           NOT NULL,
    PRIMARY KEY (host, cgroup)
) WITHOUT ROWID;

-- Libraries ----------------------------------------------------------------------------------------------------------

-- Crypto libraries that were in use: a path, and the file behind it.
CREATE TABLE libraries (
    id             INTEGER PRIMARY KEY,
    host           INTEGER NOT NULL REFERENCES hosts,
    path           INTEGER NOT NULL REFERENCES paths,
    dev_major      INTEGER NOT NULL,
    dev_minor      INTEGER NOT NULL,
    ino            INTEGER NOT NULL,
    family         TEXT,
    UNIQUE (host, path, dev_major, dev_minor, ino)
);

-- What a library file says of itself.
CREATE TABLE library_files (
    host           INTEGER NOT NULL REFERENCES hosts,
    dev_major      INTEGER NOT NULL,
    dev_minor      INTEGER NOT NULL,
    ino            INTEGER NOT NULL,
    path           INTEGER NOT NULL REFERENCES paths,
    size           INTEGER NOT NULL,
    mtime_ns       INTEGER NOT NULL,
    bits           INTEGER NOT NULL,  -- 1 deleted, 2 not readable, 4 not ELF
    soname         ,
    version        ,
    build_id       ,
    PRIMARY KEY (host, dev_major, dev_minor, ino, path)
) WITHOUT ROWID;

-- Which process had which library, from when, until when (a process that begins a new program starts empty).
CREATE TABLE mappings (
    process        INTEGER NOT NULL REFERENCES processes,
    library        INTEGER NOT NULL REFERENCES libraries,
    segment        INTEGER NOT NULL REFERENCES segments,
    from_ns        INTEGER NOT NULL,
    how            TEXT NOT NULL,     -- load, baseline (was there when /proc was scanned), inherited (from the parent)
    from_wall_ns   INTEGER,
    until_ns       INTEGER,
    deleted        INTEGER NOT NULL,  -- the file was deleted or replaced on disk
    PRIMARY KEY (process, library, segment, from_ns)
) WITHOUT ROWID;

-- Crypto files that were open when /proc was scanned.
CREATE TABLE open_files (
    process        INTEGER NOT NULL REFERENCES processes,
    path           INTEGER NOT NULL REFERENCES paths,
    segment        INTEGER NOT NULL REFERENCES segments,
    fd             INTEGER NOT NULL,
    flags          INTEGER NOT NULL,
    modes          INTEGER NOT NULL,  -- bits: 1 read, 2 write, 4 path only
    bits           INTEGER NOT NULL,
    time_ns        INTEGER NOT NULL,
    wall_ns        INTEGER,
    PRIMARY KEY (process, path, segment, fd)
) WITHOUT ROWID;

-- What happened ------------------------------------------------------------------------------------------------------

CREATE TABLE event_types (
    type           INTEGER PRIMARY KEY,
    name           TEXT NOT NULL UNIQUE
);
INSERT INTO event_types VALUES
    (3, 'loss'), (16, 'file_open'), (17, 'lib_load'), (18, 'process_fork'), (19, 'process_exec'), (20, 'process_exit'),
    (21, 'api_call'), (23, 'tls_handshake'), (24, 'kernel_crypto');

-- Every event, in the order of each run. What a column holds depends on the type; the views below have plain names.
CREATE TABLE events (
    seq            INTEGER PRIMARY KEY,
    segment        INTEGER NOT NULL REFERENCES segments,
    type           INTEGER NOT NULL REFERENCES event_types,
    state          INTEGER REFERENCES states,
    time_ns        INTEGER NOT NULL,
    wall_ns        INTEGER,
    path           INTEGER REFERENCES paths, -- file_open, lib_load
    given          INTEGER REFERENCES paths, -- file_open: the path as the program gave it, where it differs
    result         INTEGER,                  -- file_open: file descriptor or negative errno; process_exit: exit code;
                                             -- kernel_crypto: what the call returned
    flags          INTEGER,                  -- file_open: flags; process_exit: the signal; kernel_crypto: length of the payload
    mode           INTEGER,                  -- file_open: mode; process_exit: 1 if a core was dumped
    bits           INTEGER,                  -- file_open, lib_load, api_call: what is cut or unknown
    detail         INTEGER                   -- lib_load: loads.id; process_exec: execs.id; loss: losses.id; api_call: api_calls.id;
                                             -- tls_handshake: tls_handshakes.id; kernel_crypto: kernel_requests.id
);

CREATE TABLE loads (
    id             INTEGER PRIMARY KEY,
    segment        INTEGER NOT NULL REFERENCES segments,
    dev_major      INTEGER NOT NULL,
    dev_minor      INTEGER NOT NULL,
    ino            INTEGER NOT NULL,
    addr           INTEGER NOT NULL,
    len            INTEGER NOT NULL,
    offset         INTEGER NOT NULL
);

-- Events counted while they came: they answer every view without a look at `events`.
CREATE TABLE rollups (
    process        INTEGER NOT NULL REFERENCES processes,
    type           INTEGER NOT NULL REFERENCES event_types,
    path           INTEGER NOT NULL,  -- 0: none
    errno          INTEGER NOT NULL,  -- 0: it succeeded
    segment        INTEGER NOT NULL REFERENCES segments,
    count          INTEGER NOT NULL,
    first_wall_ns  INTEGER,
    last_wall_ns   INTEGER,
    modes          INTEGER NOT NULL,  -- bits: 1 read, 2 write, 4 path only
    PRIMARY KEY (process, type, path, errno, segment)
) WITHOUT ROWID;

-- What is known to be missing, and how it was looked -------------------------------------------------------------------

CREATE TABLE losses (
    id             INTEGER PRIMARY KEY,
    segment        INTEGER NOT NULL REFERENCES segments,
    fact           INTEGER NOT NULL,
    fact_name      TEXT NOT NULL,
    reason         INTEGER NOT NULL,
    reason_name    TEXT NOT NULL,
    count          INTEGER NOT NULL,  -- 0: not known
    from_ns        INTEGER NOT NULL,
    to_ns          INTEGER NOT NULL,
    from_wall_ns   INTEGER,
    to_wall_ns     INTEGER
);

CREATE TABLE probes (
    segment        INTEGER NOT NULL REFERENCES segments,
    position       INTEGER NOT NULL,
    fact           TEXT NOT NULL,
    state          TEXT NOT NULL,
    errno          INTEGER NOT NULL,
    probe          NOT NULL,
    reason         NOT NULL,
    PRIMARY KEY (segment, position)
) WITHOUT ROWID;

CREATE TABLE clocks (
    segment        INTEGER NOT NULL REFERENCES segments,
    time_ns        INTEGER NOT NULL,
    realtime_ns    INTEGER NOT NULL,
    PRIMARY KEY (segment, time_ns)
) WITHOUT ROWID;

CREATE TABLE scans (
    segment        INTEGER NOT NULL REFERENCES segments,
    time_ns        INTEGER NOT NULL,
    from_ns        INTEGER NOT NULL,
    processes      INTEGER NOT NULL,
    mappings       INTEGER NOT NULL,
    open_files     INTEGER NOT NULL,
    vanished       INTEGER NOT NULL,
    denied         INTEGER NOT NULL,
    filtered       INTEGER NOT NULL,
    PRIMARY KEY (segment, time_ns)
) WITHOUT ROWID;

CREATE TABLE marks (
    segment        INTEGER NOT NULL REFERENCES segments,
    position       INTEGER NOT NULL,
    time_ns        INTEGER NOT NULL,
    wall_ns        INTEGER,
    mark           TEXT NOT NULL,
    text           NOT NULL,
    PRIMARY KEY (segment, position)
) WITHOUT ROWID;

-- For reading by hand ------------------------------------------------------------------------------------------------

CREATE VIEW file_opens AS
SELECT e.seq, h.hostname, strftime('%Y-%m-%dT%H:%M:%fZ', e.wall_ns / 1e9, 'unixepoch') AS time,
       p.pid, s.name AS process, s.uid, s.container, f.path, f.file_type,
       iif(e.result < 0, -e.result, 0) AS errno, iif(e.result >= 0, e.result, NULL) AS fd, e.flags, e.mode, g.path AS given
FROM events e
JOIN states s ON s.id = e.state
JOIN processes p ON p.id = s.process
JOIN hosts h ON h.id = p.host
JOIN paths f ON f.id = e.path
LEFT JOIN paths g ON g.id = e.given
WHERE e.type = 16;

CREATE VIEW usage AS
SELECT h.hostname, p.pid, p.name AS process, x.path AS exe, t.name AS event_type, f.path, f.file_type, r.errno,
       sum(r.count) AS count,
       strftime('%Y-%m-%dT%H:%M:%fZ', min(r.first_wall_ns) / 1e9, 'unixepoch') AS first,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(r.last_wall_ns) / 1e9, 'unixepoch') AS last
FROM rollups r
JOIN processes p ON p.id = r.process
JOIN hosts h ON h.id = p.host
JOIN event_types t ON t.type = r.type
LEFT JOIN paths f ON f.id = r.path
LEFT JOIN paths x ON x.id = p.exe
GROUP BY r.process, r.type, r.path, r.errno;

CREATE VIEW library_use AS
SELECT h.hostname, p.pid, p.name AS process, f.path AS library, l.family, d.version, d.soname, d.build_id, m.how,
       strftime('%Y-%m-%dT%H:%M:%fZ', m.from_wall_ns / 1e9, 'unixepoch') AS since
FROM mappings m
JOIN processes p ON p.id = m.process
JOIN hosts h ON h.id = p.host
JOIN libraries l ON l.id = m.library
JOIN paths f ON f.id = l.path
LEFT JOIN library_files d ON d.host = l.host AND d.dev_major = l.dev_major AND d.dev_minor = l.dev_minor AND d.ino = l.ino
    AND d.path = l.path;

CREATE VIEW containers AS
SELECT h.hostname, p.container, count(*) AS processes
FROM processes p JOIN hosts h ON h.id = p.host
WHERE p.container IS NOT NULL
GROUP BY h.id, p.container;
