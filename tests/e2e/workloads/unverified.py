# Clients whose library is told not to verify the server: one that leaves it at that, in a child too, and one that asks what was found.
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
# The certificate is good: that nobody minded if it were not is what has to be told.
context.load_verify_locations("server.crt")


def connect(port):
    with socket.create_connection(("127.0.0.1", port)) as raw, context.wrap_socket(raw, server_hostname="www.shop.example") as tls:
        said = dict(program=os.path.basename(sys.executable)[:15], role="client", version=tls.version(), verify="disabled")
    say(**said)


def curl(port, verify):
    out = subprocess.run(["curl", "-sS", "-k", "-o", "/dev/null", "--resolve", f"www.shop.example:{port}:127.0.0.1",
                          f"https://www.shop.example:{port}/"], capture_output=True)
    assert out.returncode == 0, out
    say(program="curl", role="client", verify=verify)


with s_server() as server:
    connect(server.port)
    child = os.fork()
    if child == 0:
        connect(server.port)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    # curl asks, and says so with --verbose.
    curl(server.port, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT")
