-- Removes what the segments in temp.dropped told, and what nothing names any more.
DELETE FROM events WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM execs WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM loads WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM mappings WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM open_files WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM rollups WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM tls_handshakes WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM tls_rollups WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM api_calls WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM api_rollups WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM kernel_rollups WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM losses WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM probes WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM clocks WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM scans WHERE segment IN (SELECT segment FROM temp.dropped);
DELETE FROM marks WHERE segment IN (SELECT segment FROM temp.dropped);

CREATE TEMP TABLE left_inputs AS
SELECT DISTINCT input FROM segments
WHERE input IS NOT NULL AND id IN (SELECT segment FROM temp.dropped)
    AND input NOT IN (SELECT input FROM segments WHERE input IS NOT NULL AND id NOT IN (SELECT segment FROM temp.dropped));
DELETE FROM damage WHERE input IN (SELECT input FROM temp.left_inputs);
DELETE FROM unknown_records WHERE input IN (SELECT input FROM temp.left_inputs);
DELETE FROM inputs WHERE id IN (SELECT input FROM temp.left_inputs);
DROP TABLE temp.left_inputs;

DELETE FROM segments WHERE id IN (SELECT segment FROM temp.dropped);
DELETE FROM runs WHERE id NOT IN (SELECT run FROM segments) AND id NOT IN (SELECT run FROM inputs);

-- Processes whose start isn't known can't be recognized again: without an event they are nothing.
DELETE FROM processes
WHERE start_ticks = 0 AND id NOT IN (SELECT process FROM rollups) AND id NOT IN (SELECT process FROM mappings)
    AND id NOT IN (SELECT process FROM open_files);
