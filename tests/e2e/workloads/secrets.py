# Secrets of every kind, each really used. Written to planted.json: a name for the test's messages, and the bytes.
import ctypes, hashlib, secrets

planted = {}


def plant(name, value):
    planted[name] = (value if isinstance(value, bytes) else value.encode()).hex()
    return value


def word(name):
    """A secret that looks like a word of no particular kind."""
    return plant(name, "zq" + secrets.token_hex(7))


def run(command, **more):
    done = subprocess.run(command, capture_output=True, timeout=60, **more)
    if done.returncode:
        sys.exit(f"{command}: {done.stdout.decode('latin-1')}{done.stderr.decode('latin-1')}")
    return done.stdout


# Key files: their private part, in binary and in the letters of the file.
with open("server.key") as file:
    lines = file.read().splitlines()
plant("private key, in PEM", lines[12])
# modulus, public exponent, private exponent, prime …: the private one is written out by openssl itself.
exponent = re.search(r"privateExponent:\n((?:\s+[0-9a-f:]+\n)+)", run(["openssl", "rsa", "-in", "server.key", "-noout", "-text"]).decode()).group(1)
plant("private exponent", bytes.fromhex(re.sub(r"[^0-9a-f]", "", exponent))[40:72])

# Passwords: of keys, of files, of containers; on the command line, in the environment, through a pipe, from code.
password = word("password of a key")
run(["openssl", "rsa", "-in", "server.key", "-aes256", "-passout", f"pass:{password}", "-out", "locked.key"])
run(["openssl", "rsa", "-in", "locked.key", "-passin", "env:PASSPHRASE", "-noout"], env={**os.environ, "PASSPHRASE": password})
run(["openssl", "rsa", "-in", "locked.key", "-passin", "stdin", "-noout"], input=password.encode())
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.crt", "locked.key", password=password)
run(["openssl", "pkcs12", "-export", "-in", "server.crt", "-inkey", "server.key", "-passout", "pass:" + word("password of a PKCS 12 file"), "-out", "server.p12"])
content = word("plaintext of a file")
with open("plain.txt", "w") as file:
    file.write(content * 3)
run(["openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:" + word("password of a file"), "-in", "plain.txt", "-out", "locked.bin"])
hashlib.pbkdf2_hmac("sha256", word("password that is hashed").encode(), word("salt").encode(), 1000)
try:
    context.load_cert_chain("pkcs11:object=web;pin-value=" + word("PIN in a URI"))
except (ssl.SSLError, OSError):
    pass
try:
    hashlib.new(word("name of no algorithm"))
except ValueError:
    pass
import hmac
hmac.new(word("key of a MAC").encode(), word("text that is signed").encode(), "sha256").digest()

# Plaintext of a connection: both ways, in the URL, in headers; the name that is asked for.
os.mkdir("www")
with open("www/page.html", "w") as file:
    file.write(word("answer"))
server = Server(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "../server.crt", "-key", "../server.key", "-WWW"], rb"ACCEPT .*:(\d+)", cwd="www")
with server:
    run(["curl", "-sS", "--insecure", "-H", "Cookie: session=" + word("cookie"), "-H", "Authorization: Bearer " + word("bearer token"),
         f"https://localhost:{server.port}/page.html?token=" + word("token in a URL")])
    run(["openssl", "s_client", "-ign_eof", "-connect", f"127.0.0.1:{server.port}"],
        input=f"GET /page.html HTTP/1.0\r\nX-Plain: {word('request header')}\r\n\r\n".encode())
    # A token as a label of the name that is asked for; it stands on no command line.
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["h2", word("application protocol")])
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        with context.wrap_socket(raw, server_hostname=word("label of a host's name") + ".tenant.shop.example") as tls:
            tls.sendall(b"GET /page.html HTTP/1.0\r\n\r\n")
            tls.recv(1000)

# Sessions: the ticket, and the secrets that it stands for.
def plant_session(file, name, *form):
    text = run(["openssl", "sess_id", "-in", file, "-noout", "-text", *form]).decode("latin-1")
    for line in re.findall(r"(?:Master-Key|Resumption PSK): ([0-9A-F]{32,})", text):
        plant(f"session secret {name}", bytes.fromhex(line))
    ticket = re.findall(r"^\s+[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){16})", text, re.M)
    if not ticket:
        sys.exit(f"no ticket: {text}")
    for row, line in enumerate(ticket[:8]):
        plant(f"session ticket {name}, row {row}", bytes.fromhex(re.sub(r"[^0-9a-f]", "", line)))


for version in ["-tls1_2", "-tls1_3"]:
    with s_server() as server:
        s_client(server.port, version, "-sess_out", "session.pem")
        s_client(server.port, version, "-sess_in", "session.pem")
    plant_session("session.pem", version)

# Keys that are shared beforehand: the key, and the name of who has it.
for version in ["-tls1_2", "-tls1_3"]:
    key, identity = secrets.token_hex(16), word(f"PSK identity {version}")
    plant(f"PSK {version}", bytes.fromhex(key))
    with s_server("-nocert", "-psk", key, "-psk_identity", identity, version) as server:
        text = s_client(server.port, version, "-psk", key, "-psk_identity", identity, ok=False)[1]
        if "Cipher is (NONE)" in text:
            sys.exit(f"PSK {version} failed:\n{text}")

# GnuTLS: a password, a key that is shared beforehand, plaintext both ways.
run(["certtool", "--to-p12", "--load-privkey", "server.key", "--load-certificate", "server.crt", "--p12-name", "web", "--outder", "--outfile", "gnutls.p12",
     "--password", word("password of a PKCS 12 file of GnuTLS")])
key, identity = secrets.token_hex(16), word("PSK identity of GnuTLS")
plant("PSK of GnuTLS", bytes.fromhex(key))
with open("psk.txt", "w") as file:
    file.write(f"{identity}:{key}\n")
port = free_port()
priority = "NORMAL:+PSK:+ECDHE-PSK:+DHE-PSK"
gnutls = subprocess.Popen(["gnutls-serv", "--port", str(port), "--echo", "--quiet", "--x509certfile", "server.crt", "--x509keyfile", "server.key",
                           "--pskpasswd", "psk.txt", "--priority", priority], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    wait_for(port)
    for name, more in [("with a certificate", ["--x509cafile", "server.crt", "--verify-hostname", "www.shop.example"]),
                       ("with a PSK", ["--pskusername", identity, "--pskkey", key, "--priority", "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK"])]:
        line = word(f"plaintext of GnuTLS {name}")
        answer = run(["gnutls-cli", "--port", str(port), *more, "127.0.0.1"], input=line.encode() + b"\n")
        if line.encode() not in answer:
            sys.exit(f"GnuTLS {name}: {answer}")
finally:
    gnutls.terminate()
    gnutls.wait()

# Node, with its own OpenSSL: all of these stand in a file, none on the command line.
with s_server() as server, open("secrets.js", "w") as file:
    file.write(f'''
const crypto = require("crypto"), fs = require("fs"), tls = require("tls");
const key = crypto.createPrivateKey({{key: fs.readFileSync("locked.key"), passphrase: "{password}"}});
crypto.pbkdf2Sync("{word("password that node hashes")}", "{word("salt of node")}", 1000, 32, "sha256");
crypto.createHmac("sha256", "{word("key of a MAC of node")}").update("{word("text that node signs")}").digest();
const cipher = crypto.createCipheriv("aes-128-gcm", Buffer.from("{plant("key of a cipher of node", secrets.token_bytes(16)).hex()}", "hex"), Buffer.alloc(12));
cipher.update("{word("text that node encrypts")}");
cipher.final();
const to = {{port: {server.port}, host: "127.0.0.1", servername: "{word("label of a host's name, in node")}.tenant.shop.example", rejectUnauthorized: false}};
const first = tls.connect(to, () => first.write("GET /{word("path that node asks for")} HTTP/1.0\\r\\n\\r\\n"));
let session = null;
first.on("session", ticket => session = ticket);
first.on("data", () => 0);
first.on("end", () => {{
    fs.writeFileSync("node.session", session);
    const second = tls.connect({{...to, session}}, () => {{ console.log(second.isSessionReused()); second.end(); }});
}});
''')
    file.flush()
    reused = run([os.environ["NODE"], "secrets.js"])
    if reused != b"true\n":
        sys.exit(f"node resumed no session: {reused}")
plant_session("node.session", "of node", "-inform", "DER")

# Before STARTTLS, and without TLS at all.
listener = socket.create_server(("127.0.0.1", 0))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.crt", "server.key")


def mail():
    raw, _ = listener.accept()
    with raw:
        lines = raw.makefile("rb")
        raw.sendall(b"220 " + word("greeting").encode() + b"\r\n")
        while line := lines.readline():
            if line.upper().startswith(b"STARTTLS"):
                raw.sendall(b"220 go\r\n")
                break
            raw.sendall(b"250-mail\r\n250 STARTTLS\r\n")
        try:
            with context.wrap_socket(raw, server_side=True) as tls:
                tls.recv(100)
        except (ssl.SSLError, OSError):
            pass


thread = threading.Thread(target=mail)
thread.start()
text = s_client(listener.getsockname()[1], "-starttls", "smtp")[1]
thread.join()

ours, theirs = socket.create_server(("127.0.0.1", 0)), socket.socket()
theirs.connect(ours.getsockname())
accepted, _ = ours.accept()
theirs.sendall(b"POST /login HTTP/1.1\r\n\r\nuser=bob&password=" + word("password without TLS").encode())
accepted.recv(1000)
# A record that says it is a handshake, and is none.
theirs.sendall(b"\x16\x03\x01\x00\x40\x09" + word("false handshake").encode() * 4)
accepted.recv(1000)

# The kernel: keys of AF_ALG, payloads of the keyring.
try:
    with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as s:
        s.bind(("hash", "hmac(sha256)"))
        s.setsockopt(socket.SOL_ALG, socket.ALG_SET_KEY, word("key of AF_ALG").encode() * 2)
        op, _ = s.accept()
        op.sendall(word("text given to AF_ALG").encode())
        op.recv(32)
except OSError as e:
    # A kernel may be built without.
    say(without=f"AF_ALG: {e}")
libc = ctypes.CDLL(None, use_errno=True)
payload = word("payload of a key").encode()
libc.syscall({"x86_64": 248, "aarch64": 217}[os.uname().machine], b"user", b"shop:database", payload, len(payload), -2)

with open("planted.json", "w") as file:
    json.dump(planted, file)
say(planted=len(planted))
