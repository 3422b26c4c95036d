//! Programs with other libraries, and other ways into TLS.

use super::{
    Alert, ClientHello, Closed, Encrypted, RECEIVED, SENT, ServerHello, TLS13_CLIENT, chosen_version,
    connections, first_encrypted, folder, handshake, kinds, log, need_bpf, nothing_lost, python, record,
    same_by_direction,
};
use std::io::Write;
use std::path::Path;

/// Whether a program is here. Where everything is to be tested (CRYPTO_TRACER_REQUIRE_BPF=1), that it isn't is a failure.
fn there(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .any(|dir| dir.join(program).is_file());
    if !found {
        assert!(
            std::env::var_os("CRYPTO_TRACER_REQUIRE_BPF").is_none_or(|v| v != "1"),
            "{program} is required (CRYPTO_TRACER_REQUIRE_BPF=1; make deps-test installs it)"
        );
        // Not with eprintln!, whose output the test runner keeps to itself when a test passes: a skip must be seen.
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(std::io::stderr(), "SKIPPED in {test}: {program} is not installed");
    }
    found
}

fn tls13_at_both_ends(dir: &Path, script: &str) {
    let [client, server] = handshake(dir, script, &TLS13_CLIENT);
    assert_eq!(client[0].body, server[0].body);
    assert_eq!(chosen_version(&client[1]), 0x0304);
}

#[test]
fn clients_of_several_libraries_are_seen() {
    need_bpf!();
    let connect_by_python = format!(
        "'{}' -ISc 'import ssl, socket, sys
c = ssl._create_unverified_context()
c.wrap_socket(socket.create_connection((\"127.0.0.1\", int(sys.argv[1]))), server_hostname=\"h.example.com\").close()' $port",
        python()
    );
    let connect_by_node = "node -e 'const s = require(\"tls\").connect({port: +process.argv[1], host: \"127.0.0.1\", rejectUnauthorized: false}, () => s.end())' $port";
    let connect_by_gnutls = "gnutls-cli --insecure --port $port 127.0.0.1 </dev/null";
    for (program, connect) in [
        ("curl", "curl -sk https://127.0.0.1:$port/"),
        ("python3", connect_by_python.as_str()),
        ("node", connect_by_node),
        ("gnutls-cli", connect_by_gnutls),
    ] {
        if there(program) {
            eprintln!("{program}");
            let script = format!("serve -accept 127.0.0.1:$port\n{connect} >client.log 2>&1");
            tls13_at_both_ends(folder().path(), &script);
        }
    }
}

#[test]
fn a_server_with_another_library_is_seen() {
    need_bpf!();
    if there("gnutls-serv") {
        let script = "gnutls-serv --port $port --x509keyfile key.pem --x509certfile cert.pem --http >server.log 2>&1 & server=$!
i=0; until grep -q ready server.log || [ $i = 100 ]; do sleep 0.05; i=$((i+1)); done
curl -sk https://127.0.0.1:$port/ >client.log 2>&1";
        tls13_at_both_ends(folder().path(), script);
    }
}

/// In TLS 1.3 a client that doesn't trust the server says so encrypted, and the length tells it; but OpenSSL says it in clear,
/// since it has encrypted nothing yet.
#[test]
fn clients_that_refuse_in_tls_1_3_are_seen() {
    need_bpf!();
    let openssl = "openssl s_client -tls1_3 -CAfile other.pem -verify_return_error -connect 127.0.0.1:$port";
    let gnutls =
        "gnutls-cli --x509cafile other.pem --priority NORMAL:-VERS-ALL:+VERS-TLS1.3 --port $port 127.0.0.1";
    for (program, connect) in [("openssl", openssl), ("gnutls-cli", gnutls)] {
        if !there(program) {
            continue;
        }
        let dir = folder();
        let script = format!(
            "openssl req -x509 -key key.pem -days 2 -subj /CN=other.example.com -out other.pem 2>/dev/null
serve -accept 127.0.0.1:$port
{connect} </dev/null >client.log 2>&1 && echo trusted >>client.log
true"
        );
        let recorded = record(dir.path(), &script, |_| {});
        nothing_lost(&recorded);
        let all = connections(&recorded);
        let said = log(dir.path(), "client.log");
        assert_eq!(all.len(), 2, "{program}: {said}");
        assert!(!said.ends_with("trusted\n"), "{said}");
        let client = &all[0];
        if program == "openssl" {
            let want = [
                (ClientHello, SENT),
                (ServerHello, RECEIVED),
                (Encrypted, RECEIVED),
                (Alert, SENT),
                (Closed, 0),
            ];
            same_by_direction(&kinds(client), &want);
            assert_eq!(client[3].body, [2, 48], "fatal, unknown_ca");
        } else {
            same_by_direction(&kinds(client), &TLS13_CLIENT);
            assert_eq!(first_encrypted(client, SENT), 2 + 1 + 16, "an alert, its type and its tag");
        }
        assert!(first_encrypted(client, RECEIVED) >= 4 + 2 + 1 + 16, "EncryptedExtensions");
    }
}

#[test]
fn tls_that_begins_in_the_middle_is_seen() {
    starttls(0);
}

/// However long the dialogue before it is.
#[test]
fn tls_that_begins_late_is_seen() {
    starttls(40);
}

/// A dialogue with so many commands more before TLS begins.
fn starttls(more: u32) {
    need_bpf!();
    let dir = folder();
    let server = r#"
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ACCEPT", flush=True)
s, _ = listener.accept()
def line():
    out = b""
    while not out.endswith(b"\n"): out += s.recv(1024)
    return out
s.sendall(b"220 h.example.com ESMTP\r\n")
assert line().startswith(b"EHLO")
s.sendall(b"250-h.example.com\r\n250 STARTTLS\r\n")
while (command := line()) != b"STARTTLS\r\n":
    assert command == b"NOOP\r\n"
    s.sendall(b"250 ok\r\n")
s.sendall(b"220 go ahead\r\n")
s = context.wrap_socket(s, server_side=True)
s.recv(100)
"#;
    std::fs::write(dir.path().join("server.py"), server).expect("written");
    let client = format!(
        r#"
import socket, ssl, sys
context = ssl._create_unverified_context()
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.recv(1024)
for command in [b"EHLO c"] + [b"NOOP"] * {more} + [b"STARTTLS"]:
    s.sendall(command + b"\r\n")
    s.recv(1024)
context.wrap_socket(s).sendall(b"x")
"#
    );
    std::fs::write(dir.path().join("client.py"), client).expect("written");
    let client = match more {
        0 => "openssl s_client -starttls smtp -connect 127.0.0.1:$port </dev/null".to_owned(),
        _ => format!("'{}' -IS client.py $port", python()),
    };
    let script = format!(
        "'{}' -IS server.py $port >server.log 2>&1 & server=$!
i=0; until grep -q ACCEPT server.log || [ $i = 100 ]; do sleep 0.05; i=$((i+1)); done
{client} >client.log 2>&1",
        python()
    );
    tls13_at_both_ends(dir.path(), &script);
}

#[test]
fn a_resumed_session_shows_that_it_was_offered_and_nothing_of_it() {
    need_bpf!();
    let dir = folder();
    let script = "serve -accept 127.0.0.1:$port
(echo GET /; sleep 0.3) | openssl s_client -connect 127.0.0.1:$port -sess_out session.pem -ign_eof >client.log 2>&1
openssl s_client -connect 127.0.0.1:$port -sess_in session.pem </dev/null >again.log 2>&1";
    let recorded = record(dir.path(), script, |_| {});
    nothing_lost(&recorded);
    let again = log(dir.path(), "again.log");
    assert!(again.contains("Reused, TLSv1.3"), "{again}");
    let all = connections(&recorded);
    assert_eq!(all.len(), 4);
    let resumed = &all[2];
    same_by_direction(
        &kinds(resumed),
        &[(ClientHello, SENT), (ServerHello, RECEIVED), (Encrypted, RECEIVED), (Encrypted, SENT)],
    );
    // One identity of one zero, one binder of zeros.
    let offered = resumed[0].hello();
    let want = [&[0, 7, 0, 1, 0, 0, 0, 0, 0, 0, 33, 32][..], &[0; 32]].concat();
    assert_eq!(offered.extension(41), Some(&want[..]));
    assert_eq!(resumed[1].hello().extension(41), Some(&[0, 0][..]), "the first one was taken");
}
