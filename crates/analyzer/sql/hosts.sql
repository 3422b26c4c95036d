SELECT id, boot_id, hostname, kernel, machine, os, cpus, clock_id, schema_major, schema_minor, recorder, options, redaction
FROM hosts ORDER BY id;
