SELECT DISTINCT options FROM segments WHERE host = ?1 AND options <> '' ORDER BY options;
