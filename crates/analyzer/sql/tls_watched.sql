-- The files of a host whose functions were watched, and the family of libraries that they are of.
SELECT l.path, b.family
FROM api_libraries b JOIN paths l ON l.id = b.path
WHERE b.host = ?1 AND b.family IS NOT NULL;
