INSERT INTO negotiations (client, server_port, version_id, cipher_suite_id, group_id, signature_scheme_id, sni, alpn, resumed,
    hello_retry, ech, result, alert, alert_sent, ja4, verify, offered, certificates, library)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19);
