INSERT OR REPLACE INTO clocks (segment, time_ns, realtime_ns) VALUES (?1, ?2, ?3);
