SELECT fact, reason, count, from_ns, to_ns, from_wall_ns, to_wall_ns FROM losses WHERE id = ?1;
