-- Whether a segment that is there is whole.
SELECT complete FROM segments WHERE host = ?1 AND began_ns = ?2 ORDER BY complete DESC LIMIT 1;
