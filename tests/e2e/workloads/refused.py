# Clients that don't trust the server in TLS 1.3: one says so in clear, one encrypted, one goes away without a word.
with s_server("-tls1_3") as server:
    _, text = s_client(server.port, "-CAfile", "other.crt", "-verify_return_error", ok=False)
    if "certificate verify failed" not in text:
        sys.exit(text)
    say(case="untrusted-tls1_3", program="openssl", result="failure",
        alert={"description": "unknown_ca", "description_id": 48, "direction": "sent"})

    out = subprocess.run(["gnutls-cli", "--port", str(server.port), "--x509cafile", "other.crt", "127.0.0.1"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if out.returncode == 0 or "NOT trusted" not in out.stdout + out.stderr:
        sys.exit(out.stdout + out.stderr)
    say(case="untrusted-encrypted", program="gnutls-cli", result="failure", alert={"encrypted": True, "direction": "sent"})

    code = f'''
import socket, ssl
came, goes = ssl.MemoryBIO(), ssl.MemoryBIO()
client = ssl.create_default_context().wrap_bio(came, goes, server_hostname="www.shop.example")
with socket.create_connection(("127.0.0.1", {server.port})) as raw:
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        raw.sendall(goes.read())
    # All that the server says before the client does.
    raw.settimeout(0.5)
    try:
        while raw.recv(65536):
            pass
    except TimeoutError:
        pass
'''
    subprocess.run([sys.executable, "-ISc", code], check=True, timeout=60)
    say(case="gone", program=os.path.basename(sys.executable)[:15], result="incomplete")

    # The same server goes on as if nothing had been.
    said, _ = s_client(server.port, "-CAfile", "server.crt")
    say(case="trusted", program="openssl", result="success")
