UPDATE segments SET first_ns = ?2, last_ns = ?3, first_wall_ns = ?4, last_wall_ns = ?5, facts = ?6, complete = ?7 WHERE id = ?1;
