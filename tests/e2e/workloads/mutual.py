# A server that asks for a certificate in TLS 1.3: it verifies when all that can be seen on the wire has been seen.
code = '''
import json, socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain("server.crt", "server.key")
context.load_verify_locations("client.crt")
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(f"ACCEPT 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    for _ in range(2):
        raw, _ = listener.accept()
        try:
            with context.wrap_socket(raw, server_side=True) as tls:
                print(json.dumps(["success", 0]), flush=True)
        except ssl.SSLCertVerificationError as error:
            print(json.dumps(["failure", error.verify_code]), flush=True)
'''
with Server([sys.executable, "-ISc", code], rb"ACCEPT .*:(\d+)") as server:
    for who in ["client", "other"]:
        s_client(server.port, "-servername", "www.shop.example", "-CAfile", "server.crt", "-cert", f"{who}.crt", "-key", f"{who}.key",
                 ok=False)
    server.process.wait(20)
    server.reader.join(20)
for line in server.text.decode().splitlines()[1:]:
    result, code = json.loads(line)
    say(program=os.path.basename(sys.executable)[:15], role="server", version="TLSv1.3", result=result, verify_code=code)
