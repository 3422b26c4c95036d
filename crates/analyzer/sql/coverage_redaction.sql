-- All that was redacted in any segment, by the recorder or when it was read.
SELECT max((s.redaction | r.redaction) & 1) + max((s.redaction | r.redaction) & 2) + max((s.redaction | r.redaction) & 4)
    + max((s.redaction | r.redaction) & 8)
FROM segments s JOIN runs r ON r.id = s.run
WHERE s.host = ?1;
