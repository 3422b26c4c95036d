# s_client against s_server: versions, resumption, another hello, certificates of both sides, failures.
ca = ["-CAfile", "server.crt"]
name = ["-servername", "www.shop.example"]

with s_server() as server:
    said, _ = s_client(server.port, *ca, *name, "-alpn", "h2,http/1.1")
    say(case="tls13", **said)
    said, _ = s_client(server.port, *ca, *name, "-tls1_2")
    say(case="tls12", **said)
    # A session kept, and used again.
    for version in ["-tls1_2", "-tls1_3"]:
        s_client(server.port, *ca, version, "-sess_out", "session.pem")
        said, _ = s_client(server.port, *ca, version, "-sess_in", "session.pem")
        if not said["resumed"]:
            sys.exit(f"{version} was not resumed")
        say(case="resumed" + version, **said)
    # The client doesn't know the issuer, and minds.
    for version in ["-tls1_2", "-tls1_3"]:
        said, text = s_client(server.port, version, "-CAfile", "other.crt", "-verify_return_error", ok=False)
        say(case="untrusted" + version, program="openssl", role="client")
    # The client doesn't mind.
    said, text = s_client(server.port, "-CAfile", "other.crt")
    say(case="unverified", **said)

with s_server("-groups", "P-384") as server:
    said, _ = s_client(server.port, *ca, "-groups", "X25519:P-384", "-tls1_3")
    say(case="hello_retry", **said)

with s_server("-tls1_3") as server:
    said, _ = s_client(server.port, *ca, "-tls1_2", ok=False)
    say(case="no_common_version", program="openssl", role="client")

with s_server("-Verify", "1", "-CAfile", "client.crt", "-tls1_2") as server:
    said, _ = s_client(server.port, *ca, "-cert", "client.crt", "-key", "client.key")
    say(case="client_certificate", **said)

with s_server("-cipher", "AES128-GCM-SHA256", "-tls1_2") as server:
    said, _ = s_client(server.port, *ca)
    say(case="rsa_key_exchange", **said)
