-- All that was redacted in any segment.
SELECT max(redaction & 1) + max(redaction & 2) + max(redaction & 4) FROM segments WHERE host = ?1;
