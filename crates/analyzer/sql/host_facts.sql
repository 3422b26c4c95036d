-- What a host says of its cryptography: FIPS mode, the crypto policy, and how many algorithms the kernel has.
SELECT (SELECT max(value) FROM host_crypto WHERE host = ?1 AND what = 'fips'),
    (SELECT group_concat(value, ', ') FROM (SELECT value FROM host_crypto WHERE host = ?1 AND what = 'crypto_policy' ORDER BY value)),
    (SELECT count(DISTINCT name) FROM host_crypto WHERE host = ?1 AND what = 'algorithm');
