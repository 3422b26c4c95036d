SELECT n.client, n.version_id, n.cipher_suite_id, n.group_id, n.signature_scheme_id, n.resumed, n.hello_retry, n.ech, n.alert,
    n.alert_sent, h.connection, h.local_port, h.peer_port, h.duration_ns, h.bits, la.text, pa.text, r.text, sni.text, alpn.text,
    j.text, y.text, f.text, k.text
FROM tls_handshakes h
JOIN negotiations n ON n.id = h.negotiation
JOIN texts r ON r.id = n.result
JOIN texts la ON la.id = h.local_address
JOIN texts pa ON pa.id = h.peer_address
LEFT JOIN texts sni ON sni.id = n.sni
LEFT JOIN texts alpn ON alpn.id = n.alpn
LEFT JOIN texts j ON j.id = n.ja4
LEFT JOIN texts y ON y.id = n.verify
LEFT JOIN texts f ON f.id = n.offered
LEFT JOIN texts k ON k.id = n.certificates
WHERE h.id = ?1;
