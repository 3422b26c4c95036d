# What every workload of handshakes begins with. Each run prints what the program itself said it negotiated, one JSON
# object a line; the test compares it with what was recorded.
import json, os, re, shutil, signal, socket, ssl, subprocess, sys, threading, time

NAMES = {}
for line in subprocess.run(["openssl", "ciphers", "-stdname", "-s", "ALL:eNULL"], capture_output=True, text=True).stdout.splitlines() + \
        subprocess.run(["openssl", "ciphers", "-stdname", "ALL:eNULL"], capture_output=True, text=True).stdout.splitlines():
    fields = line.split()
    if len(fields) > 2:
        NAMES[fields[2]] = fields[0]

GROUPS = {"X25519": "x25519", "P-256": "secp256r1", "prime256v1": "secp256r1", "P-384": "secp384r1", "P-521": "secp521r1",
          "X448": "x448", "SECP256R1": "secp256r1"}


def say(**what):
    print(json.dumps(what), flush=True)


class Server:
    """A server that says on which port it listens, and is ended with the block."""

    def __init__(self, command, pattern, stream="stdout", **more):
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: subprocess.PIPE}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **pipes, **more)
        self.output = getattr(self.process, stream)
        self.text = b""
        self.port = None
        for line in self.output:
            self.text += line
            found = re.search(pattern, line)
            if found:
                self.port = int(found.group(1))
                break
        if self.port is None:
            self.process.kill()
            sys.exit(f"{command} did not start: {self.text}")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.output:
            self.text += line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def s_server(*more, cert="server"):
    return Server(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", f"{cert}.crt", "-key", f"{cert}.key", "-www", *more],
                  rb"ACCEPT .*:(\d+)")


def wait_for(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def s_client(port, *more, ok=True):
    """Runs a client and tells what it printed of its handshake."""
    out = subprocess.run(["openssl", "s_client", "-ign_eof", "-connect", f"127.0.0.1:{port}", *more],
                         input=b"GET / HTTP/1.0\r\n\r\n", capture_output=True, timeout=60)
    text = out.stdout.decode("latin-1") + out.stderr.decode("latin-1")
    found = re.search(r"(New|Reused), (\S+), Cipher is (\S+)", text)
    said = {"program": "openssl", "role": "client"}
    if found and found.group(3) != "(NONE)":
        said.update(version=found.group(2), cipher_suite=NAMES[found.group(3)], resumed=found.group(1) == "Reused")
        protocol = re.search(r"Protocol\s*: (\S+)", text)
        if protocol:
            said["version"] = protocol.group(1)
    elif ok:
        sys.exit(f"no handshake:\n{text}")
    key = re.search(r"Server Temp Key: (?:ECDH, )?([\w-]+)", text)
    if key:
        said["group"] = GROUPS.get(key.group(1), key.group(1))
    for half in ["type", "digest"]:
        signed = re.search(rf"Peer (?:signing|signature) {half}: (\S+)", text)
        if signed:
            said["signature_" + half] = signed.group(1)
    alpn = re.search(r"ALPN protocol: (\S+)", text)
    if alpn:
        said["negotiated_alpn"] = alpn.group(1)
    verified = re.search(r"Verify return code: (\d+)", text)
    if verified:
        said["verify_code"] = int(verified.group(1))
    return said, text
