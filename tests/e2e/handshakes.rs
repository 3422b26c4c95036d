//! TLS handshakes of real programs: what was recorded of each is what the program itself printed.

use crate::support::{Capture, folder, need_bpf, of_type, private, python, record, s, text};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const COMMON: &str = include_str!("workloads/common.py");

/// A self-signed certificate for names of our own, and two that nobody trusts.
pub fn certificates(work: &Path) {
    for (name, subject, names) in [
        ("server", "/CN=www.shop.example", "DNS:*.shop.example,DNS:localhost,IP:127.0.0.1"),
        ("client", "/CN=client.shop.example", "DNS:client.shop.example"),
        ("other", "/CN=other.example", "DNS:other.example"),
    ] {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", subject])
            .args(["-addext", &format!("subjectAltName={names}")])
            .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")])
            .current_dir(work)
            .output()
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
}

/// Records a workload; what its programs said, and what was recorded of their handshakes.
fn handshakes(
    workload: &str,
    more: &[&str],
    prepare: impl FnOnce(&Path),
) -> (Vec<Value>, Vec<Value>, Capture) {
    let script = format!("{COMMON}{workload}");
    // The programs find the copies of OpenSSL that are probed.
    let mut args = vec![private::openssl().variable.as_str(), python(), "-IS", "work.py"];
    args.retain(|arg| !arg.is_empty());
    let capture = record("env", &args, more, |work| {
        certificates(work);
        std::fs::write(work.join("work.py"), &script).expect("written");
        prepare(work);
    });
    let (out, err) = (text(&capture.output.stdout), text(&capture.output.stderr));
    assert!(capture.output.status.success(), "the workload failed:\n{out}{err}");
    let said = out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let events = capture.events(&["--no-redact"]);
    let losses = of_type(&events, "loss");
    assert!(losses.is_empty(), "{losses:#?}");
    let handshakes = of_type(&events, "tls_handshake").into_iter().cloned().collect();
    (said, handshakes, capture)
}

/// What a program said that has the same name in the event.
const SAME: &[&str] = &["role", "version", "cipher_suite", "group", "resumed", "sni"];

/// Takes the event of this program and role that says the same off the list; where there is none, the first, and shows how it
/// differs. Events stand in the order in which all was known of their handshakes, programs speak in another.
fn held_against(said: &Value, events: &mut Vec<Value>) -> Value {
    let (program, role) = (s(said, "program"), s(said, "role"));
    let its = |e: &&Value| s(e, "process") == program && s(e, "role") == role;
    let same = |e: &&Value| SAME.iter().all(|field| said.get(field).is_none_or(|want| &e[field] == want));
    let found = events.iter().find(|e| its(e) && same(e)).or_else(|| events.iter().find(its));
    let at = found.and_then(|found| events.iter().position(|e| e == found));
    let at = at.unwrap_or_else(|| panic!("no handshake of {program} as {role} is left: {said}\n{events:#?}"));
    let event = events.remove(at);
    for field in SAME {
        if let Some(want) = said.get(field) {
            assert_eq!(&event[field], want, "{field}: the program said {said}, recorded was {event:#}");
        }
    }
    event
}

/// The same, of a handshake with the server of the tests that succeeded.
fn success_held_against(said: &Value, events: &mut Vec<Value>) -> Value {
    let event = held_against(said, events);
    assert_eq!((s(&event, "sni"), s(&event, "result")), ("www.shop.example", "success"), "{event:#}");
    event
}

/// The other end of a connection over loopback.
fn other_end<'a>(event: &Value, events: &'a [Value]) -> &'a Value {
    let found = events.iter().find(|e| e["local"] == event["peer"] && e["peer"] == event["local"]);
    found.unwrap_or_else(|| panic!("no event of the other end of {event:#}\n{events:#?}"))
}

#[test]
fn openssl_client_and_server() {
    need_bpf!();
    let (said, all, _capture) = handshakes(include_str!("workloads/openssl.py"), &["--no-redact"], |_| {});
    let clients: Vec<Value> = all.iter().filter(|e| e["role"] == "client").cloned().collect();
    // Those that make the sessions which are then resumed say nothing.
    let silent = 2;
    assert_eq!(clients.len(), said.len() + silent, "{clients:#?}");
    let mut left = clients;
    for said in &said {
        let case = s(said, "case");
        if case.starts_with("resumed") {
            left.remove(0);
        }
        let event = held_against(said, &mut left);
        let server = other_end(&event, &all);
        assert_eq!(server["role"], "server", "{case}");
        let failed = case.starts_with("untrusted") || case == "no_common_version";
        // A client that refuses the certificate reads no further.
        let same: &[&str] = if failed {
            &["version", "cipher_suite", "sni"]
        } else {
            &["version", "cipher_suite", "group", "resumed", "sni", "hello_retry"]
        };
        for field in same {
            assert_eq!(server[field], event[field], "{case}: both ends say the same of {field}");
        }
        assert_eq!(event["result"], if failed { "failure" } else { "success" }, "{case}: {event:#}");
        assert_eq!(event["hello_retry"], case == "hello_retry", "{case}");
        assert!(
            event["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0 && ms < 10_000.0),
            "{case}: {event:#}"
        );
        match case {
            "tls13" => {
                assert_eq!(event["sni"], "www.shop.example");
                assert_eq!(event["offered"]["alpn"], serde_json::json!(["h2", "http/1.1"]));
                // Its handshake happens within SSL_read or SSL_write, which are not probed: what it verified is not known.
                assert!(event.get("verify").is_none(), "{event:#}");
                assert_eq!((&event["version_id"], &event["group_id"]), (&0x0304.into(), &29.into()));
                assert!(event.get("certificates").is_none(), "TLS 1.3 encrypts them: {event:#}");
                assert!(event.get("signature_scheme").is_none(), "it is encrypted as well: {event:#}");
            }
            "tls12" => {
                let certificate = &event["certificates"][0];
                assert!(
                    certificate["subject"].as_str().is_some_and(|s| s.contains("www.shop.example")),
                    "{event:#}"
                );
                assert_eq!(
                    (&certificate["key_type"], &certificate["key_bits"]),
                    (&"RSA".into(), &2048.into())
                );
                // As s_client calls both halves of it.
                assert_eq!((s(said, "signature_type"), s(said, "signature_digest")), ("RSA-PSS", "SHA256"));
                assert_eq!(event["signature_scheme"], "rsa_pss_rsae_sha256", "{event:#}");
                assert_eq!(server["signature_scheme"], "rsa_pss_rsae_sha256", "{server:#}");
            }
            "untrusted-tls1_2" => {
                assert_eq!(event["alert"]["description"], "unknown_ca", "{event:#}");
            }
            "no_common_version" => {
                assert_eq!(event["alert"]["description"], "protocol_version", "{event:#}");
                assert!(event.get("version").is_none(), "nothing was chosen: {event:#}");
            }
            "hello_retry" => assert_eq!(event["group"], "secp384r1"),
            "rsa_key_exchange" => assert!(event.get("group").is_none(), "RSA needs no group: {event:#}"),
            _ => {}
        }
    }
    assert!(left.is_empty(), "{left:#?}");
}

/// On the wire alone, without any probe in a library.
#[test]
fn who_refuses_in_tls_1_3_is_seen_without_its_library() {
    need_bpf!();
    let facts = ["--no-redact", "--probes", "tls_handshake,process_fork,process_exec,process_exit"];
    let (said, all, _capture) = handshakes(include_str!("workloads/refused.py"), &facts, |_| {});
    let mut left: Vec<Value> = all.iter().filter(|e| e["role"] == "client").cloned().collect();
    assert_eq!((said.len(), left.len(), all.len()), (4, 4, 8), "{all:#?}");
    for said in &said {
        let (case, event) = (s(said, "case"), left.remove(0));
        assert_eq!((s(&event, "process"), s(&event, "version")), (s(said, "program"), "TLSv1.3"), "{case}");
        assert_eq!((&event["result"], event.get("alert")), (&said["result"], said.get("alert")), "{event:#}");
        assert!(event.get("verify").is_none(), "{case}: only the library knows");
        // Whether the server gets to read the alert before the connection is reset is the kernel's affair.
        let server = other_end(&event, &all);
        let results: &[&str] = match case {
            "untrusted-tls1_3" | "untrusted-encrypted" => &["failure", "incomplete"],
            "gone" => &["incomplete"],
            _ => &["success"],
        };
        assert!(results.contains(&s(server, "result")), "{case}: {server:#}");
        if server["result"] == "failure" {
            let mut alert = said["alert"].clone();
            alert["direction"] = "received".into();
            assert_eq!(server["alert"], alert, "{case}");
        }
    }
}

#[test]
fn curl_python_and_node() {
    need_bpf!();
    let (said, all, _capture) = handshakes(include_str!("workloads/clients.py"), &["--no-redact"], |_| {});
    let mut left: Vec<Value> = all.iter().filter(|e| e["role"] == "client").cloned().collect();
    let programs: Vec<&str> = said.iter().map(|said| s(said, "case")).collect();
    assert_eq!(programs, ["curl", "python", "node"]);
    for said in &said {
        let event = success_held_against(said, &mut left);
        assert!(event["ja4"].as_str().is_some_and(|ja4| ja4.starts_with("t13d")), "{event:#}");
        // Node has an OpenSSL of its own within it, which isn't probed here.
        let (verify, library) = match s(said, "program") {
            "node" => (None, None),
            _ => (Some("ok"), Some("libssl")),
        };
        let told = |field: &str| event.get(field).and_then(Value::as_str);
        let made_by = told("library").and_then(|file| file.split('.').next());
        assert_eq!((told("verify"), made_by), (verify, library), "{event:#}");
    }
    assert!(left.is_empty(), "{left:#?}");
}

/// A context that doesn't verify is the same in a child; who asks for the result has it told.
#[test]
fn clients_that_do_not_verify() {
    need_bpf!();
    let (said, all, _capture) = handshakes(include_str!("workloads/unverified.py"), &["--no-redact"], |_| {});
    let mut left: Vec<Value> = all.iter().filter(|e| e["role"] == "client").cloned().collect();
    assert_eq!((said.len(), left.len()), (3, 3), "{all:#?}");
    for said in &said {
        let event = success_held_against(said, &mut left);
        assert_eq!(event["verify"], said["verify"], "{event:#}");
    }
}

/// In TLS 1.3 the client's certificate travels encrypted, in the last message of the handshake.
#[test]
fn a_server_of_tls_1_3_that_verifies_its_clients() {
    need_bpf!();
    let (said, all, _capture) = handshakes(include_str!("workloads/mutual.py"), &["--no-redact"], |_| {});
    assert_eq!(said.len(), 2, "one client is let in, one isn't: {said:?}");
    let mut left = all;
    for said in &said {
        let event = held_against(said, &mut left);
        let verify = match said["verify_code"].as_u64() {
            Some(0) => "ok",
            Some(18) => "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT",
            _ => panic!("what the server said of its client: {said}"),
        };
        assert_eq!((&event["result"], s(&event, "verify")), (&said["result"], verify), "{event:#}");
    }
}

#[test]
fn gnutls_client_and_server() {
    need_bpf!();
    let (said, all, _capture) = handshakes(include_str!("workloads/gnutls.py"), &["--no-redact"], |_| {});
    let mut left = all.clone();
    assert_eq!(said.len(), 2, "{said:?}");
    for said in &said {
        let event = success_held_against(said, &mut left);
        let server = other_end(&event, &all);
        assert_eq!((s(server, "process"), s(server, "role")), ("gnutls-serv", "server"));
        left.retain(|e| e != server);
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn java_and_go() {
    need_bpf!();
    let (said, all, _capture) = handshakes(include_str!("workloads/java.py"), &["--no-redact"], |_| {});
    let event = held_against(&said[0], &mut all.clone());
    assert_eq!(event["result"], "success", "{event:#}");

    let built = folder();
    std::fs::write(built.path().join("gotls.go"), include_str!("workloads/gotls.go")).expect("written");
    let made = Command::new("go")
        .args(["build", "gotls.go"])
        .current_dir(built.path())
        .envs([("GO111MODULE", "off".as_ref()), ("GOCACHE", built.path().join("cache").as_os_str())])
        .output()
        .expect("go is installed");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let (said, all, _capture) = handshakes(include_str!("workloads/go.py"), &["--no-redact"], |work| {
        std::fs::copy(built.path().join("gotls"), work.join("gotls")).expect("copied");
    });
    let mut left = all;
    for said in &said {
        success_held_against(said, &mut left);
    }
    assert!(left.is_empty(), "{left:#?}");
}

#[test]
fn nginx_is_a_server_and_a_client_at_once() {
    need_bpf!();
    let (said, all, capture) = handshakes(include_str!("workloads/nginx.py"), &["--no-redact"], |_| {});
    let mut left = all;
    for said in &said {
        let event = held_against(said, &mut left);
        assert_eq!(event["result"], "success", "{event:#}");
        if (s(said, "program"), s(said, "role")) == ("nginx", "client") {
            // `proxy_ssl_verify on`: the library isn't told to insist, nginx looks at the result itself.
            assert_eq!(event["verify"], "by_program", "{event:#}");
        }
    }
    assert!(left.is_empty(), "{left:#?}");
    // It asks what the library found of the backend, once, and goes on since nothing was wrong.
    let calls = capture.events(&["--type", "api_call", "--name", "nginx"]);
    let asked: Vec<_> =
        calls.iter().filter(|call| call["function_name"] == "SSL_get_verify_result").collect();
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert_eq!((s(asked[0], "result"), s(&asked[0]["args"], "verify_result")), ("success", "X509_V_OK"));
    // Is my application really using TLS 1.3, or falling back? The view answers for each side.
    let view =
        capture.document("tls", &["tls", "--no-redact", "--name", "nginx", "--group-by", "role,version"]);
    let rows = view["handshakes"].as_array().expect("a list");
    let answer = |role: &str, version: &str| {
        rows.iter().any(|r| r["role"] == role && r["version"] == version && r["count"] == 1)
    };
    assert!(
        answer("server", "TLSv1.3") && answer("client", "TLSv1.2") && answer("server", "TLSv1.2"),
        "{view:#}"
    );
}
