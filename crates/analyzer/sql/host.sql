-- A boot of a host; described anew, it is known as it was described last.
INSERT INTO hosts (boot_id, hostname, kernel, machine, os, cpus, clock_id, schema_major, schema_minor, recorder, options, redaction)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
ON CONFLICT DO UPDATE SET kernel = excluded.kernel, machine = excluded.machine, os = excluded.os, cpus = excluded.cpus,
    clock_id = excluded.clock_id, schema_major = excluded.schema_major, schema_minor = excluded.schema_minor,
    recorder = excluded.recorder, options = excluded.options, redaction = excluded.redaction
RETURNING id;
