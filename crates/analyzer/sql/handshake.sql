-- A handshake: what came of it, in the columns of negotiation.sql, and what is its own.
SELECT n.client, n.server_port, n.version_id, n.cipher_suite_id, n.group_id, n.signature_scheme_id, n.resumed, n.hello_retry, n.ech,
    n.alert_id, n.alert_sent, n.result, n.sni, n.alpn, n.ja4, n.verify, n.library, n.offered, n.certificates,
    h.connection, h.local_port, h.peer_port, h.duration_ns, h.bits, la.text, pa.text
FROM tls_handshakes h
JOIN outcomes n ON n.id = h.negotiation
JOIN texts la ON la.id = h.local_address
JOIN texts pa ON pa.id = h.peer_address
WHERE h.id = ?1;
