-- The files of whose functions that have to do with TLS a host's processes called some.
SELECT DISTINCT u.process, l.path
FROM api_rollups u
JOIN processes p ON p.id = u.process
JOIN api_functions f ON f.id = u.function
JOIN api_libraries b ON b.id = u.library
JOIN paths l ON l.id = b.path
WHERE p.host = ?1 AND f.topic IN ('context', 'handshake', 'protocol', 'ciphers', 'data')
ORDER BY u.process, l.path;
