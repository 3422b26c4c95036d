SELECT id, bytes, blocks, records, malformed, closed FROM inputs ORDER BY run, position;
