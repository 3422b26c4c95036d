-- What came of a handshake.
SELECT n.client, n.server_port, n.version_id, n.cipher_suite_id, n.group_id, n.signature_scheme_id, n.resumed, n.hello_retry, n.ech,
    n.alert_id, n.alert_sent, n.result, n.sni, n.alpn, n.ja4, n.verify, n.library, n.offered, n.certificates
FROM outcomes n
WHERE n.id = ?1;
