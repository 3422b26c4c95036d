-- What came of a handshake.
SELECT n.client, n.server_port, n.version_id, n.cipher_suite_id, n.group_id, n.signature_scheme_id, n.resumed, n.alert, n.alert_sent,
    r.text, sni.text, alpn.text, j.text, y.text, f.text, k.text
FROM negotiations n
JOIN texts r ON r.id = n.result
LEFT JOIN texts sni ON sni.id = n.sni
LEFT JOIN texts alpn ON alpn.id = n.alpn
LEFT JOIN texts j ON j.id = n.ja4
LEFT JOIN texts y ON y.id = n.verify
LEFT JOIN texts f ON f.id = n.offered
LEFT JOIN texts k ON k.id = n.certificates
WHERE n.id = ?1;
