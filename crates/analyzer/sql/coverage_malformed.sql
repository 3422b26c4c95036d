SELECT sum(malformed) FROM inputs WHERE id IN (SELECT input FROM segments WHERE host = ?1);
