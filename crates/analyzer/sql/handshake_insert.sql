INSERT INTO tls_handshakes (segment, process, negotiation, time_ns, wall_ns, connection, local_address, local_port, peer_address,
    peer_port, duration_ns, bits)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);
