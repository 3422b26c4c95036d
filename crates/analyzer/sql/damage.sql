SELECT what, offset, bytes, blocks, records, after_wall_ns, before_wall_ns FROM damage WHERE input = ?1 ORDER BY position;
