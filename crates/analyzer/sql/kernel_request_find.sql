SELECT id FROM kernel_requests
WHERE call = ?1 AND operation = ?3 AND version = ?4 AND cipher = ?5 AND kind IS ?6 AND name IS ?7;
