# curl → nginx (TLS) → nginx (TLS): a proxy is a server and a client at once.
front, back = free_port(), free_port()
here = os.getcwd()
for folder in ["logs", "t"]:
    os.makedirs(folder, exist_ok=True)
with open("nginx.conf", "w") as out:
    out.write(f'''
daemon off; master_process off; pid {here}/nginx.pid; error_log {here}/logs/error.log; user root;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {here}/t/1; proxy_temp_path {here}/t/2; fastcgi_temp_path {here}/t/3; uwsgi_temp_path {here}/t/4; scgi_temp_path {here}/t/5;
    ssl_certificate {here}/server.crt; ssl_certificate_key {here}/server.key;
    server {{
        listen 127.0.0.1:{front} ssl; ssl_protocols TLSv1.3;
        location / {{
            proxy_pass https://127.0.0.1:{back}; proxy_ssl_protocols TLSv1.2; proxy_ssl_server_name on; proxy_ssl_name backend.shop.example;
            proxy_ssl_verify on; proxy_ssl_trusted_certificate {here}/server.crt;
        }}
    }}
    server {{
        listen 127.0.0.1:{back} ssl; ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ return 200 "$ssl_protocol $ssl_cipher $ssl_server_name\\n"; }}
    }}
}}
''')
server = subprocess.Popen(["nginx", "-p", here, "-c", f"{here}/nginx.conf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
try:
    wait_for(front)
    out = subprocess.run(["curl", "-sSv", "--cacert", "server.crt", "--resolve", f"www.shop.example:{front}:127.0.0.1", f"https://www.shop.example:{front}/"],
                         capture_output=True, text=True, timeout=60)
    found = re.search(r"SSL connection using (\S+) / (\S+)", out.stderr)
    backend = out.stdout.split()
    if out.returncode or len(backend) != 3:
        sys.exit(out.stdout + out.stderr + open("logs/error.log").read())
    say(case="front", program="curl", role="client", version=found.group(1), cipher_suite=NAMES[found.group(2)], sni="www.shop.example")
    say(case="front", program="nginx", role="server", version=found.group(1), cipher_suite=NAMES[found.group(2)], sni="www.shop.example")
    for role in ["client", "server"]:
        say(case="back", program="nginx", role=role, version=backend[0], cipher_suite=NAMES[backend[1]], sni=backend[2])
finally:
    server.terminate()
    server.wait()
