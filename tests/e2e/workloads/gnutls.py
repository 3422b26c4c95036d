# GnuTLS on both sides.
port = free_port()
server = subprocess.Popen(["gnutls-serv", "--port", str(port), "--x509certfile", "server.crt", "--x509keyfile", "server.key", "--http", "--quiet"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    wait_for(port)
    for priority in ["NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"]:
        out = subprocess.run(["gnutls-cli", "--port", str(port), "--x509cafile", "server.crt", "--sni-hostname", "www.shop.example",
                              "--verify-hostname", "www.shop.example", "--priority", priority, "127.0.0.1"],
                             input="GET / HTTP/1.0\r\n\r\n", capture_output=True, text=True, timeout=60)
        # - Description: (TLS1.3)-(ECDHE-SECP256R1)-(RSA-PSS-RSAE-SHA256)-(AES-256-GCM)
        found = re.search(r"Description: \(TLS(\S+?)(?:-X\.509)?\)-\((?:ECDHE-)?(\w+)[^)]*\)", out.stdout)
        if not found:
            sys.exit(out.stdout + out.stderr)
        group = {"SECP256R1": "secp256r1", "X25519": "x25519", "SECP384R1": "secp384r1"}.get(found.group(2))
        say(case="gnutls", program="gnutls-cli", role="client", version="TLSv" + found.group(1), **({"group": group} if group else {}))
finally:
    server.terminate()
    server.wait()
