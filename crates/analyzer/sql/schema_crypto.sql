-- The database of crypto-tracer, second part: what the libraries and the kernel did, and TLS as it was negotiated. The rules are
-- those of schema.sql, which is the first part.

-- Texts that come again and again: names of hosts, addresses, offers, certificates, arguments. Each once.
CREATE TABLE texts (
    id             INTEGER PRIMARY KEY,
    text           NOT NULL UNIQUE
);

-- TLS ----------------------------------------------------------------------------------------------------------------

-- Numbers of the TLS registries (IANA) that were seen, and their names, where the ingesting release knew them.
CREATE TABLE tls_names (
    registry       TEXT NOT NULL,     -- version, cipher_suite, group, signature_scheme, alert
    number         INTEGER NOT NULL,
    name           TEXT NOT NULL,
    PRIMARY KEY (registry, number)
) WITHOUT ROWID;

-- What came of handshakes: each combination once.
CREATE TABLE negotiations (
    id             INTEGER PRIMARY KEY,
    client         INTEGER NOT NULL,         -- 1: the process is the client
    server_port    INTEGER NOT NULL,         -- the port that the server listens on
    version_id     INTEGER,                  -- what was chosen: numbers of the registries, see tls_names
    cipher_suite_id INTEGER,
    group_id       INTEGER,
    signature_scheme_id INTEGER,
    sni            INTEGER REFERENCES texts, -- NULL: the client named none
    alpn           INTEGER REFERENCES texts,
    resumed        INTEGER,                  -- NULL: not known
    hello_retry    INTEGER NOT NULL,
    ech            INTEGER NOT NULL,
    result         INTEGER NOT NULL REFERENCES texts, -- success, failure, incomplete, unknown
    alert          INTEGER,                  -- its number; NULL where alert_sent is not: it was encrypted
    alert_sent     INTEGER,                  -- 1: by this process; 0: by its peer; NULL: no alert was seen
    ja4            INTEGER REFERENCES texts,
    verify         INTEGER REFERENCES texts, -- ok, the name of an error, disabled, by_program; NULL: not known
    library        INTEGER REFERENCES paths, -- the file whose functions made the handshake; NULL: not seen
    offered        INTEGER REFERENCES texts, -- JSON: what the client offered
    certificates   INTEGER REFERENCES texts  -- JSON: the server's, where they travelled in clear
);
CREATE INDEX negotiations_by_offer ON negotiations (offered, sni, cipher_suite_id);

-- Handshakes, a row each.
CREATE TABLE tls_handshakes (
    id             INTEGER PRIMARY KEY,
    segment        INTEGER NOT NULL REFERENCES segments,
    process        INTEGER REFERENCES processes,
    negotiation    INTEGER NOT NULL REFERENCES negotiations,
    time_ns        INTEGER NOT NULL,         -- when it ended
    wall_ns        INTEGER,
    connection     INTEGER NOT NULL,         -- names it within its capture
    local_address  INTEGER NOT NULL REFERENCES texts,
    local_port     INTEGER NOT NULL,
    peer_address   INTEGER NOT NULL REFERENCES texts,
    peer_port      INTEGER NOT NULL,
    duration_ns    INTEGER,
    bits           INTEGER NOT NULL          -- 1 a message was cut, 2 parts were masked, 4 its beginning was not seen
);

-- Handshakes counted while they came.
CREATE TABLE tls_rollups (
    process        INTEGER NOT NULL REFERENCES processes,
    negotiation    INTEGER NOT NULL REFERENCES negotiations,
    peer           INTEGER NOT NULL REFERENCES texts, -- the other side's address
    segment        INTEGER NOT NULL REFERENCES segments,
    count          INTEGER NOT NULL,
    first_wall_ns  INTEGER,
    last_wall_ns   INTEGER,
    PRIMARY KEY (process, negotiation, peer, segment)
) WITHOUT ROWID;

-- Libraries' functions -----------------------------------------------------------------------------------------------

-- Functions that were watched or called.
CREATE TABLE api_functions (
    id             INTEGER PRIMARY KEY,
    family         NOT NULL,
    function       NOT NULL,
    topic          NOT NULL,          -- handshake, verify_mode, key_generation …
    recorded       TEXT,              -- event, count; NULL: only its calls tell of it
    UNIQUE (family, function, topic)
);

-- Files whose functions were watched or called.
CREATE TABLE api_libraries (
    id             INTEGER PRIMARY KEY,
    host           INTEGER NOT NULL REFERENCES hosts,
    path           INTEGER NOT NULL REFERENCES paths,
    dev_major      INTEGER NOT NULL,
    dev_minor      INTEGER NOT NULL,
    ino            INTEGER NOT NULL,
    bits           INTEGER,           -- 1 deleted, 2 not readable, 4 not ELF
    family         ,
    functions      INTEGER,           -- how many are watched; NULL: only their calls tell of the file
    left_out       ,                  -- those that can't be watched, separated by spaces
    UNIQUE (host, path, dev_major, dev_minor, ino)
);

-- Calls, or of functions that the kernel counts, calls of about a second: a row each.
CREATE TABLE api_calls (
    id             INTEGER PRIMARY KEY,
    segment        INTEGER NOT NULL REFERENCES segments,
    function       INTEGER NOT NULL REFERENCES api_functions,
    library        INTEGER NOT NULL REFERENCES api_libraries,
    count          INTEGER,           -- NULL: one call
    result         INTEGER NOT NULL REFERENCES texts, -- success, failure, unknown
    returned       INTEGER,
    duration_ns    INTEGER NOT NULL,  -- 0: not known; of counted calls, in how long a time they completed
    tries          INTEGER NOT NULL,
    object         INTEGER NOT NULL,  -- names a connection or context within its process; 0: none
    parent         INTEGER NOT NULL,  -- the one that it was made from
    args           INTEGER NOT NULL REFERENCES texts -- JSON
);

-- Calls counted while they came.
CREATE TABLE api_rollups (
    process        INTEGER NOT NULL REFERENCES processes,
    function       INTEGER NOT NULL REFERENCES api_functions,
    library        INTEGER NOT NULL REFERENCES api_libraries,
    args           INTEGER NOT NULL REFERENCES texts,
    segment        INTEGER NOT NULL REFERENCES segments,
    count          INTEGER NOT NULL,  -- all of them
    failures       INTEGER NOT NULL,  -- those that failed
    first_wall_ns  INTEGER,
    last_wall_ns   INTEGER,
    PRIMARY KEY (process, function, library, args, segment)
) WITHOUT ROWID;

-- The kernel ---------------------------------------------------------------------------------------------------------

-- What was asked of the kernel's cryptography: each combination once.
CREATE TABLE kernel_requests (
    id             INTEGER PRIMARY KEY,
    call           INTEGER NOT NULL,
    call_name      TEXT NOT NULL,     -- af_alg_bind, ktls_tx, ktls_rx, add_key, request_key, keyctl
    operation      INTEGER NOT NULL,  -- of keyctl(2)
    version        INTEGER NOT NULL,  -- of kTLS
    cipher         INTEGER NOT NULL,  -- of kTLS
    kind           INTEGER REFERENCES texts, -- type of the algorithm or key
    name           INTEGER REFERENCES texts  -- of the algorithm; of a key, its description
);

-- Requests counted while they came.
CREATE TABLE kernel_rollups (
    process        INTEGER NOT NULL REFERENCES processes,
    request        INTEGER NOT NULL REFERENCES kernel_requests,
    errno          INTEGER NOT NULL,  -- 0: it succeeded
    segment        INTEGER NOT NULL REFERENCES segments,
    count          INTEGER NOT NULL,
    first_wall_ns  INTEGER,
    last_wall_ns   INTEGER,
    PRIMARY KEY (process, request, errno, segment)
) WITHOUT ROWID;

-- What hosts say of their cryptography.
CREATE TABLE host_crypto (
    host           INTEGER NOT NULL REFERENCES hosts,
    what           TEXT NOT NULL,     -- fips (value is 0 or 1), crypto_policy (value is its name), algorithm (of the kernel)
    name           NOT NULL,          -- of an algorithm …
    driver         NOT NULL,
    kind           NOT NULL,
    value          NOT NULL,
    passed         INTEGER NOT NULL,  -- of an algorithm: its self-test
    priority       INTEGER NOT NULL,
    PRIMARY KEY (host, what, name, driver, kind, value)
) WITHOUT ROWID;

-- For reading by hand ------------------------------------------------------------------------------------------------

-- What came of handshakes, with the texts and names for its numbers.
CREATE VIEW outcomes AS
SELECT n.id, n.client, iif(n.client, 'client', 'server') AS role, n.server_port, n.version_id, v.name AS version,
       n.cipher_suite_id, c.name AS cipher_suite, n.group_id, g.name AS key_group,
       n.signature_scheme_id, s.name AS signature_scheme, sni.text AS sni, alpn.text AS alpn, n.resumed, n.hello_retry, n.ech,
       r.text AS result, n.alert AS alert_id, n.alert_sent,
       iif(n.alert IS NULL AND n.alert_sent IS NOT NULL, 'encrypted', a.name) AS alert, y.text AS verify, j.text AS ja4,
       l.path AS library, f.text AS offered, k.text AS certificates
FROM negotiations n
JOIN texts r ON r.id = n.result
LEFT JOIN tls_names v ON v.registry = 'version' AND v.number = n.version_id
LEFT JOIN tls_names c ON c.registry = 'cipher_suite' AND c.number = n.cipher_suite_id
LEFT JOIN tls_names g ON g.registry = 'group' AND g.number = n.group_id
LEFT JOIN tls_names s ON s.registry = 'signature_scheme' AND s.number = n.signature_scheme_id
LEFT JOIN tls_names a ON a.registry = 'alert' AND a.number = n.alert
LEFT JOIN texts sni ON sni.id = n.sni
LEFT JOIN texts alpn ON alpn.id = n.alpn
LEFT JOIN texts y ON y.id = n.verify
LEFT JOIN texts j ON j.id = n.ja4
LEFT JOIN paths l ON l.id = n.library
LEFT JOIN texts f ON f.id = n.offered
LEFT JOIN texts k ON k.id = n.certificates;

CREATE VIEW handshakes AS
SELECT h.id, o.hostname, strftime('%Y-%m-%dT%H:%M:%fZ', h.wall_ns / 1e9, 'unixepoch') AS time,
       p.pid, p.name AS process, n.role, n.version, n.cipher_suite, n.key_group, n.signature_scheme, n.sni, n.alpn, n.resumed,
       n.hello_retry, n.result, n.alert, n.verify, n.ja4, la.text AS local_address, h.local_port, pa.text AS peer_address,
       h.peer_port, h.duration_ns / 1e6 AS duration_ms, n.library, n.offered, n.certificates
FROM tls_handshakes h
JOIN outcomes n ON n.id = h.negotiation
JOIN texts la ON la.id = h.local_address
JOIN texts pa ON pa.id = h.peer_address
LEFT JOIN processes p ON p.id = h.process
LEFT JOIN hosts o ON o.id = p.host;

CREATE VIEW tls_usage AS
SELECT o.hostname, p.pid, p.name AS process, n.role, pa.text AS peer, n.server_port, n.sni, n.version, n.cipher_suite, n.key_group,
       n.result, n.verify, sum(u.count) AS count,
       strftime('%Y-%m-%dT%H:%M:%fZ', min(u.first_wall_ns) / 1e9, 'unixepoch') AS first,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(u.last_wall_ns) / 1e9, 'unixepoch') AS last
FROM tls_rollups u
JOIN outcomes n ON n.id = u.negotiation
JOIN processes p ON p.id = u.process
JOIN hosts o ON o.id = p.host
JOIN texts pa ON pa.id = u.peer
GROUP BY p.id, n.client, u.peer, n.server_port, n.sni, n.version_id, n.cipher_suite_id, n.group_id, n.result, n.verify;

CREATE VIEW api_usage AS
SELECT o.hostname, p.pid, p.name AS process, f.family, f.function, f.topic, l.path AS library, a.text AS args,
       sum(u.count) AS count, sum(u.failures) AS failures,
       strftime('%Y-%m-%dT%H:%M:%fZ', min(u.first_wall_ns) / 1e9, 'unixepoch') AS first,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(u.last_wall_ns) / 1e9, 'unixepoch') AS last
FROM api_rollups u
JOIN processes p ON p.id = u.process
JOIN hosts o ON o.id = p.host
JOIN api_functions f ON f.id = u.function
JOIN api_libraries b ON b.id = u.library
JOIN paths l ON l.id = b.path
JOIN texts a ON a.id = u.args
GROUP BY u.process, u.function, u.library, u.args;

CREATE VIEW kernel_usage AS
SELECT o.hostname, p.pid, p.name AS process, q.call_name AS call, k.text AS kind, m.text AS name, q.operation, q.version, q.cipher,
       u.errno, sum(u.count) AS count,
       strftime('%Y-%m-%dT%H:%M:%fZ', min(u.first_wall_ns) / 1e9, 'unixepoch') AS first,
       strftime('%Y-%m-%dT%H:%M:%fZ', max(u.last_wall_ns) / 1e9, 'unixepoch') AS last
FROM kernel_rollups u
JOIN processes p ON p.id = u.process
JOIN hosts o ON o.id = p.host
JOIN kernel_requests q ON q.id = u.request
LEFT JOIN texts k ON k.id = q.kind
LEFT JOIN texts m ON m.id = q.name
GROUP BY u.process, u.request, u.errno;
