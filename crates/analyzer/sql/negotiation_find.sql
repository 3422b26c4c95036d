-- IS, since NULL is equal to NULL here.
SELECT id FROM negotiations
WHERE offered IS ?17 AND sni IS ?7 AND cipher_suite_id IS ?4 AND client = ?1 AND server_port = ?2 AND version_id IS ?3
    AND group_id IS ?5 AND signature_scheme_id IS ?6 AND alpn IS ?8 AND resumed IS ?9 AND hello_retry = ?10 AND ech = ?11
    AND result = ?12 AND alert IS ?13 AND alert_sent IS ?14 AND ja4 IS ?15 AND verify IS ?16 AND certificates IS ?18
    AND library IS ?19;
