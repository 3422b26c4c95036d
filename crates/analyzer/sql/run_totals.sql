-- Captures without a clock, and the redaction that all segments have in common.
SELECT (SELECT sum(without_clock) FROM runs),
    (SELECT min(redaction & 1) + min(redaction & 2) + min(redaction & 4) + min(redaction & 8) FROM runs);
