# curl, Python and Node against one server.
with s_server("-alpn", "http/1.1") as server:
    out = subprocess.run(["curl", "-sSv", "--cacert", "server.crt", "--resolve", f"www.shop.example:{server.port}:127.0.0.1",
                          f"https://www.shop.example:{server.port}/?token=battery-staple"], capture_output=True, text=True)
    found = re.search(r"SSL connection using (\S+) / (\S+)", out.stderr)
    if out.returncode or not found:
        sys.exit(out.stderr)
    say(case="curl", program="curl", role="client", version=found.group(1), cipher_suite=NAMES[found.group(2)])

    code = f'''
import json, socket, ssl
context = ssl.create_default_context(cafile="server.crt")
with socket.create_connection(("127.0.0.1", {server.port})) as raw:
    with context.wrap_socket(raw, server_hostname="www.shop.example") as tls:
        print(json.dumps([tls.version(), tls.cipher()[0]]))
'''
    version, cipher = json.loads(subprocess.run([sys.executable, "-ISc", code], capture_output=True, check=True).stdout)
    say(case="python", program=os.path.basename(sys.executable)[:15], role="client", version=version, cipher_suite=NAMES[cipher])

    code = f'''
const tls = require("tls"), fs = require("fs");
const s = tls.connect({{port: {server.port}, host: "127.0.0.1", servername: "www.shop.example", ca: fs.readFileSync("server.crt")}}, () => {{
    console.log(JSON.stringify([s.getProtocol(), s.getCipher().standardName, s.getEphemeralKeyInfo().name]));
    s.end();
}});
'''
    version, cipher, group = json.loads(subprocess.run(["node", "-e", code], capture_output=True, check=True).stdout)
    said = {"group": GROUPS[group]} if group in GROUPS else {}
    say(case="node", program="node", role="client", version=version, cipher_suite=cipher, **said)
