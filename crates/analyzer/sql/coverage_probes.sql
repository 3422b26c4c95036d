-- How the probes fared; a probe that was not needed says nothing.
SELECT DISTINCT fact, state, probe, reason
FROM probes
WHERE segment IN (SELECT id FROM segments WHERE host = ?1) AND state <> 'not needed'
ORDER BY fact, state, probe, reason;
