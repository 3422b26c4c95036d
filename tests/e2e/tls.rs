//! Real TLS programs over loopback: which certificates, keys and libraries each of them used.

use crate::support::{failures, need_bpf, of_type, record_python, s, text};
use serde_json::Value;
use std::path::Path;

/// A key and a self-signed certificate for localhost.
fn certificate(work: &Path) {
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout", "server.key", "-out", "server.crt"])
        .current_dir(work)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", text(&made.stderr));
}

const SERVER: &str = r#"
import os, re, socket, ssl, subprocess, sys, threading, time
server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.crt", "-key", "server.key", "-www"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
for line in server.stdout:
    found = re.search(rb"ACCEPT .*:(\d+)", line)
    if found:
        port = int(found.group(1)); break
threading.Thread(target=server.stdout.read, daemon=True).start()
try:
"#;

const END: &str = r#"
finally:
    server.kill(); server.wait()
"#;

fn opens_of<'a>(events: &'a [Value], process: &str) -> Vec<(&'a str, &'a str)> {
    of_type(events, "file_open")
        .into_iter()
        .filter(|e| e["process"] == process)
        .map(|e| (s(e, "file").rsplit('/').next().unwrap_or_default(), s(e, "result")))
        .collect()
}

fn loads_of(events: &[Value], process: &str) -> Vec<String> {
    let loads = of_type(events, "lib_load").into_iter().filter(|e| e["process"] == process);
    let mut loads: Vec<String> = loads.map(|e| s(e, "library_name").to_owned()).collect();
    loads.sort();
    loads
}

#[test]
fn openssl_server_and_client() {
    need_bpf!();
    let client = r#"
    out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost",
                          "-CAfile", "server.crt", "-verify_return_error"], input=b"GET / HTTP/1.0\r\n\r\n", capture_output=True)
    assert b"Verify return code: 0 (ok)" in out.stdout, out
"#;
    let capture = record_python(&format!("{SERVER}{client}{END}"), &[], certificate);
    let events = capture.events(&[]);
    let servers: Vec<u64> = of_type(&events, "process_exec")
        .iter()
        .filter(|e| s(e, "cmdline").starts_with("openssl s_server"))
        .filter_map(|e| e["pid"].as_u64())
        .collect();
    let [server] = servers[..] else { panic!("one server, got {servers:?}") };
    let (by_server, by_client): (Vec<&Value>, Vec<&Value>) =
        of_type(&events, "file_open").into_iter().partition(|e| e["pid"] == server);
    let base = |e: &&Value| s(e, "file").rsplit('/').next().unwrap_or_default().to_owned();
    // Whatever trust store this host's OpenSSL is set up with, it may look at too.
    let mut server_files: Vec<String> =
        by_server.iter().map(base).filter(|f| f.starts_with("server.")).collect();
    server_files.dedup();
    assert_eq!(server_files, ["server.key", "server.crt"], "the server reads its key, then its certificate");
    assert!(by_client.iter().map(base).any(|f| f == "server.crt"), "{by_client:#?}");
    assert!(!by_client.iter().map(base).any(|f| f == "server.key"), "a client reads no key: {by_client:#?}");
}

#[test]
fn curl_and_python_ssl() {
    need_bpf!();
    let clients = r#"
    out = subprocess.run(["curl", "-sS", "--cacert", "server.crt", f"https://localhost:{port}/"], capture_output=True)
    assert out.returncode == 0, out
    context = ssl.create_default_context(cafile="server.crt")
    with socket.create_connection(("127.0.0.1", port)) as raw, context.wrap_socket(raw, server_hostname="localhost") as tls:
        assert tls.version() == "TLSv1.3", tls.version()
"#;
    let capture = record_python(&format!("{SERVER}{clients}{END}"), &[], certificate);
    let events = capture.events(&[]);
    let curl = opens_of(&events, "curl");
    assert!(curl.contains(&("server.crt", "success")), "{curl:?}");
    let loads = loads_of(&events, "curl");
    assert!(loads.iter().any(|l| l.starts_with("libssl.so")), "curl needs libssl: {loads:?}");
    let python = opens_of(&events, s(of_type(&events, "process_exec")[0], "process"));
    assert!(python.contains(&("server.crt", "success")), "{python:?}");

    // The profile of curl says the same.
    let profile = capture.document("profile", &["profile", "--name", "curl"]);
    let files = profile["files_accessed"].as_array().expect("a list");
    let cert = files.iter().find(|f| s(f, "path").ends_with("/server.crt")).expect("the certificate");
    assert_eq!(cert["type"], "certificate");
    assert!(cert["access_count"].as_u64().is_some_and(|n| n >= 1), "{cert}");
    assert_eq!(s(&profile["process"], "name"), "curl");
}

#[test]
fn a_server_that_may_not_read_its_key() {
    need_bpf!();
    // The question of SRS 4.2: why does the service not start?
    let script = r#"
import os, subprocess
os.chmod("server.key", 0o000)
out = subprocess.run(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "server.crt", "-key", "server.key"],
                     capture_output=True, user=65534, group=65534, stdin=subprocess.DEVNULL)
assert out.returncode != 0
"#;
    let capture = record_python(script, &[], certificate);
    let events = capture.events(&["--file", "*/server.key"]);
    assert!(!events.is_empty());
    for event in &events {
        let want = (s(event, "result"), s(event, "file_type"), event["uid"].as_u64());
        assert_eq!(want, ("EACCES", "private_key", Some(65534)), "{event}");
    }
    let files = capture.document("files", &["files", "--path", "*/server.key"]);
    let row = &files["files"][0];
    assert_eq!(failures(row, "EACCES"), events.len() as u64, "{files:#}");
}
