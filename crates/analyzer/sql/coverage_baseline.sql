SELECT count(*), coalesce(sum(processes), 0), coalesce(sum(vanished), 0), coalesce(sum(denied), 0), coalesce(sum(filtered), 0)
FROM scans WHERE segment IN (SELECT id FROM segments WHERE host = ?1);
