SELECT id FROM libraries WHERE host = ?1 AND path = ?2 AND dev_major = ?3 AND dev_minor = ?4 AND ino = ?5;
