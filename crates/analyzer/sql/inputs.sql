SELECT id, bytes, blocks, records, malformed, closed, out_of_order, segments, damage_more, failure
FROM inputs ORDER BY run, position;
