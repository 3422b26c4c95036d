-- Totals of a host. rollups hold a row for each process, type, path, error and segment.
WITH r AS (SELECT r.* FROM rollups r JOIN processes p ON p.id = r.process WHERE p.host = ?1),
used AS (
    SELECT process FROM r WHERE type IN (16, 17, 21, 23, 24)
    UNION SELECT m.process FROM mappings m JOIN processes p ON p.id = m.process WHERE p.host = ?1
    UNION SELECT o.process FROM open_files o JOIN processes p ON p.id = o.process WHERE p.host = ?1
)
SELECT (SELECT count(*) FROM processes WHERE host = ?1),
    (SELECT count(*) FROM used),
    (SELECT count(DISTINCT l.path) FROM libraries l WHERE l.host = ?1),
    (SELECT count(*) FROM (
        SELECT path FROM r WHERE type = 16
        UNION SELECT o.path FROM open_files o JOIN processes p ON p.id = o.process WHERE p.host = ?1)),
    (SELECT coalesce(sum(count), 0) FROM r WHERE type = 16 AND errno = 0),
    (SELECT coalesce(sum(count), 0) FROM r WHERE type = 16 AND errno <> 0),
    (SELECT coalesce(sum(count), 0) FROM r WHERE type = 17),
    (SELECT coalesce(sum(count), 0) FROM r WHERE type = 18),
    (SELECT coalesce(sum(count), 0) FROM r WHERE type = 19),
    (SELECT coalesce(sum(count), 0) FROM r WHERE type = 20);
