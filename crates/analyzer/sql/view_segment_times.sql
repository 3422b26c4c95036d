SELECT first_ns, last_ns FROM segments WHERE host = ?1 AND first_ns IS NOT NULL ORDER BY first_ns, last_ns;
