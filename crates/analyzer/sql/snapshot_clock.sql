-- The last clock record before a moment in UTC, or else the first after it.
SELECT time_ns, realtime_ns FROM clocks
WHERE segment IN (SELECT id FROM segments WHERE host = ?1)
ORDER BY realtime_ns <= ?2 DESC, abs(realtime_ns - ?2), time_ns
LIMIT 1;
