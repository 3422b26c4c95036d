# A Go client and a Go server in one program, gotls.go, built before.
out = subprocess.run(["./gotls"], capture_output=True, text=True, timeout=60)
if out.returncode:
    sys.exit(out.stderr)
for line in out.stdout.splitlines():
    version, cipher = json.loads(line)
    for role in ["client", "server"]:
        say(case="go", program="gotls", role=role, version={0x304: "TLSv1.3", 0x303: "TLSv1.2"}[version], cipher_suite=cipher)
