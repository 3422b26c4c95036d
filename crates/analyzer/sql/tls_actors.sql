-- The processes of a host that made handshakes.
SELECT p.id, p.pid, p.name, x.path
FROM processes p LEFT JOIN paths x ON x.id = p.exe
WHERE p.host = ?1 AND p.id IN (SELECT process FROM tls_rollups);
