SELECT kind, count FROM unknown_records WHERE input = ?1 ORDER BY kind;
