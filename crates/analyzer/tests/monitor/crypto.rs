//! Calls and handshakes: in every form, from the capture and from a database alike.

use crypto_tracer_analyzer::filter::Filter;
use crypto_tracer_analyzer::json::time::timestamp;
use crypto_tracer_analyzer::monitor::{Format, MonitorOptions};
use crypto_tracer_analyzer::when::When;
use crypto_tracer_format::record::{ApiCall, ApiCount, Direction, TlsHello, TlsMessage};
use serde_json::{Value, json};

use crate::testing::{HOST, Recording, Who, at, message, wall, who};
use crate::{Folder, events_with, run, schema};

/// Calls and handshakes of a client: one in TLS 1.3 through its library, one in TLS 1.2 that the client breaks off.
pub fn crypto(r: &mut Recording, client: Who) {
    r.function(
        1,
        "SSL_CTX_ctrl",
        "protocol",
        "n0=command:openssl_control n1=version:protocol_version",
        "one",
    )
    .function(2, "EVP_DigestFinal", "algorithm", "n0=digest:nid", "one")
    .api_library(1, "/usr/lib/x86_64-linux-gnu/libssl.so.3")
    .api_library(2, "/usr/lib/x86_64-linux-gnu/libcrypto.so.3")
    .call(7, client, |_| ApiCall {
        function: 1,
        library: 1,
        entered_ns: at(7) - 2_345,
        result: 1,
        n0: 123,
        n1: 0x0303,
        ..ApiCall::default()
    })
    .count(8, client, 2, 2, 212, 672)
    .two_handshakes(client);
}

#[test]
fn calls_and_handshakes_in_a_table() {
    let mut r = Recording::begin(HOST);
    let client = who(77, b"curl");
    crypto(&mut r, client);
    // It gives back nothing that tells.
    r.function(3, "SSL_CTX_set_options", "protocol", "", "none");
    r.call(9, client, |_| ApiCall { function: 3, library: 1, result: 5, ..ApiCall::default() });
    let folder = Folder::new();
    let options = MonitorOptions { format: Format::Table, ..MonitorOptions::default() };
    let (text, _) = run(&[folder.file("a.ctrace", &r.bytes())], &options).unwrap();
    let lines: Vec<&str> = text.lines().skip(1).map(|line| line.split_at(54).1).collect();
    assert_eq!(
        lines,
        [
            "call     ok         SSL_CTX_ctrl command=SSL_CTRL_SET_MIN_PROTO_VERSION, version=TLSv1.2  [libssl.so.3]",
            "call     ok         EVP_DigestFinal x212 digest=SHA256  [libcrypto.so.3]",
            "call     -          SSL_CTX_set_options  [libssl.so.3]",
            "TLS      ok         client of 192.168.1.2:443 example.com  TLSv1.3 TLS_AES_256_GCM_SHA384 x25519",
            "TLS      failed     client of 192.168.1.2:443 example.com  TLSv1.2 TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384  \
             [alert sent: unknown_ca]",
        ]
    );
}

#[test]
fn an_alert_that_is_encrypted() {
    let mut r = Recording::begin(HOST);
    let client = who(77, b"curl");
    let hello = message!("tls13_client_hello");
    let answer = message!("tls13_server_hello");
    r.tls(10, client, 1, TlsMessage::ClientHello, true, &hello);
    r.tls(20, client, 1, TlsMessage::ServerHello, false, &answer);
    for (ms, direction, length) in [(21, Direction::Received, 2000), (22, Direction::Sent, 19)] {
        r.record(client.header(at(ms)), |_| TlsHello {
            connection: 1,
            message: TlsMessage::Encrypted.number(),
            direction: direction.number(),
            length,
            ..TlsHello::default()
        });
    }
    let events = events_with(&r, &MonitorOptions::default());
    assert_eq!((events.len(), &events[0]["result"]), (1, &"failure".into()));
    assert_eq!(events[0]["alert"], json!({"encrypted": true, "direction": "sent"}));
    let folder = Folder::new();
    let options = MonitorOptions { format: Format::Table, ..MonitorOptions::default() };
    let (text, _) = run(&[folder.file("a.ctrace", &r.bytes())], &options).unwrap();
    assert!(text.ends_with("x25519  [alert sent: encrypted]\n"), "{text}");
    // Which of the two it is must be said, and only one.
    for alert in [
        json!({"direction": "sent"}),
        json!({"encrypted": true, "direction": "sent", "description": "unknown_ca", "description_id": 48}),
        json!({"encrypted": false, "direction": "sent"}),
    ] {
        let event = Value::Object(
            events[0].as_object().unwrap().clone().into_iter().chain([("alert".to_owned(), alert)]).collect(),
        );
        assert!(schema().validate(&event).is_err(), "{event}");
    }
}

/// `--library` is about calls too, by file and by family, and lets no handshake pass.
#[test]
fn calls_of_a_library() {
    let mut r = Recording::begin(HOST);
    crypto(&mut r, who(77, b"curl"));
    let folder = Folder::new();
    let file = folder.file("a.ctrace", &r.bytes());
    for (library, want) in [("libssl", 1), ("libcrypto", 1), ("OPENSSL", 2), ("gnutls", 0)] {
        let filter = Filter { libraries: vec![library.to_owned()], ..Filter::default() };
        let options = MonitorOptions { filter, ..MonitorOptions::default() };
        let (text, _) = run(std::slice::from_ref(&file), &options).unwrap();
        assert_eq!(text.lines().count(), want, "{library}: {text}");
    }
}

/// The kernel counts; that is read later, when the process may have ended.
#[test]
fn counted_calls_have_the_time_at_which_they_were_made() {
    let client = who(77, b"curl");
    let mut r = Recording::begin(HOST);
    r.counted_function(1, "EVP_CIPHER_CTX_free", "").api_library(1, "/usr/lib/libcrypto.so.3");
    let done =
        ApiCount { function: 1, library: 1, count: 3, from_ns: at(20), to_ns: at(40), ..ApiCount::default() };
    r.exit(50, client, 0, 0).block().counted(900, client, done);
    // Of a clock that lies: nothing completes after its counter was read.
    r.counted(901, client, ApiCount { to_ns: at(950), from_ns: 0, ..done });
    let of = |options: &MonitorOptions| {
        let said = |e: &Value| {
            (e["event_type"].to_string(), e["timestamp"].to_string(), e["duration_ms"].to_string())
        };
        events_with(&r, options).iter().map(said).collect::<Vec<_>>()
    };
    let stamp = |ms: i64| json!(timestamp(wall(ms))).to_string();
    let event = |kind: &str, ms, took: &str| (format!("\"{kind}\""), stamp(ms), took.to_owned());
    let first = event("api_call", 40, "20.0");
    let all = [event("process_exit", 50, "null"), first.clone(), event("api_call", 901, "null")];
    assert_eq!(of(&MonitorOptions::default()), all);
    // What is in another block than the range's is found.
    let until = Some(When::At(wall(45)));
    assert_eq!(of(&MonitorOptions { until, ..MonitorOptions::default() }), [first]);
}
