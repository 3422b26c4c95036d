//! Handshakes from records to events, through the whole pipeline.

use crypto_tracer_format::record::{Direction, TlsHello, TlsMessage};
use crypto_tracer_format::redact::{Policy, Redactor};
use serde_json::{Value, json};

use super::*;
use crate::AnalyzeError;
use crate::coverage::Coverage;
use crate::event::{Endpoint, Event};
use crate::identity::Host;
use crate::input::Inputs;
use crate::json::event::EventWriter;
use crate::pipeline::Captures;
use crate::sink::{Range, Sink, Source};
use crate::testing::{HOST, Recording, Who, at, message, wall, who};

mod library;
mod refused;

const CURL: Who = who(100, b"curl");
const NGINX: Who = who(200, b"nginx");

#[derive(Default)]
struct Listener {
    json: EventWriter,
    events: Vec<Value>,
    last_ns: u64,
}

impl Sink for Listener {
    fn host(&mut self, host: &Host) -> Result<(), AnalyzeError> {
        self.json.host(host);
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), AnalyzeError> {
        assert!(event.time_ns >= self.last_ns, "events keep the order of time");
        self.last_ns = event.time_ns;
        let mut out = Vec::new();
        self.json.put(&mut out, event);
        self.events.push(serde_json::from_slice(&out).unwrap());
        Ok(())
    }
}

fn hear(recording: &Recording, range: Range) -> (Vec<Value>, Coverage) {
    hear_redacted(recording, range, Policy { paths: false, users: false, network: false })
}

fn hear_redacted(recording: &Recording, range: Range, policy: Policy) -> (Vec<Value>, Coverage) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ctrace");
    std::fs::write(&path, recording.bytes()).unwrap();
    let redactor = Redactor::new(policy);
    let mut listener = Listener::default();
    let coverage =
        Captures::new(Inputs::find(&[path]).unwrap(), redactor).feed(range, &mut listener).unwrap();
    (listener.events, coverage)
}

/// The handshakes of a recording, and nothing of it malformed.
fn handshakes(recording: &Recording) -> Vec<Value> {
    let (events, coverage) = hear(recording, Range::default());
    assert_eq!(coverage.inputs[0].malformed, 0);
    events.into_iter().filter(|event| event["event_type"] == "tls_handshake").collect()
}

fn only(recording: &Recording) -> Value {
    let mut all = handshakes(recording);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

/// The beginning of a handshake in TLS 1.3, seen by the client; the object is that of the call under way.
fn hellos13(r: &mut Recording, object: u64) -> &mut Recording {
    r.tls_of(10, CURL, 7, object, TlsMessage::ClientHello, true, &message!("tls13_client_hello")).tls_of(
        20,
        CURL,
        7,
        object,
        TlsMessage::ServerHello,
        false,
        &message!("tls13_server_hello"),
    )
}

fn encrypted(r: &mut Recording, object: u64) -> &mut Recording {
    r.tls_of(21, CURL, 7, object, TlsMessage::Encrypted, false, b"").tls_of(
        25,
        CURL,
        7,
        object,
        TlsMessage::Encrypted,
        true,
        b"",
    )
}

fn moment(ms: i64) -> String {
    crate::json::time::timestamp(wall(ms))
}

#[test]
fn tls13_as_a_client() {
    let mut r = Recording::begin(HOST);
    encrypted(hellos13(&mut r, 0), 0).exit(90, CURL, 0, 0);
    let event = only(&r);
    let mut offered = event["offered"].clone();
    assert_eq!(offered["versions"], json!(["TLSv1.3", "TLSv1.2"]));
    assert_eq!(offered["version_ids"], json!([772, 771]));
    assert_eq!(offered["cipher_suites"][0], "TLS_AES_256_GCM_SHA384");
    assert_eq!(offered["cipher_suite_ids"][0], 4866);
    assert_eq!(offered["groups"].as_array().unwrap().len(), offered["group_ids"].as_array().unwrap().len());
    assert_eq!(offered["alpn"], json!(["h2", "http/1.1"]));
    assert_eq!(offered["signature_schemes"][0], "ecdsa_secp256r1_sha256");
    offered.take();
    let mut rest = event.clone();
    rest["offered"].take();
    assert_eq!(
        rest,
        json!({
            "event_type": "tls_handshake", "timestamp": moment(25), "pid": 100, "uid": 0, "gid": 0, "process": "curl",
            "role": "client", "version": "TLSv1.3", "version_id": 772,
            "cipher_suite": "TLS_AES_256_GCM_SHA384", "cipher_suite_id": 4866, "group": "x25519", "group_id": 29,
            "sni": "www.example.com", "resumed": false, "hello_retry": false, "ech": false, "result": "success",
            "ja4": "t13d1812h2_85036bcba153_d41ae481755e", "duration_ms": 15.0,
            "local": {"address": "192.168.1.1", "port": 40000}, "peer": {"address": "192.168.1.2", "port": 443},
            "offered": null, "connection": 7, "host": "web1",
        })
    );
}

/// Redaction leaves the questions answered: the recorder writes what is left of a hello, and the same comes of it.
#[test]
fn a_redacted_handshake_tells_as_much_but_for_the_name() {
    let mut r = Recording::begin(HOST);
    encrypted(hellos13(&mut r, 0), 0);
    let (mut plain, _) = hear(&r, Range::default());
    let (mut redacted, _) = hear_redacted(&r, Range::default(), Policy::default());
    assert_eq!(plain[0]["sni"].take(), "www.example.com");
    assert_eq!(redacted[0]["sni"].take(), "example.com");
    assert_eq!(plain, redacted);
}

#[test]
fn both_ends_of_a_connection_are_two_events() {
    let mut r = Recording::begin(HOST);
    r.tls(1, CURL, 1, TlsMessage::ClientHello, true, &message!("tls13_client_hello"))
        .tls(2, NGINX, 2, TlsMessage::ClientHello, false, &message!("tls13_client_hello"))
        .tls(3, NGINX, 2, TlsMessage::ServerHello, true, &message!("tls13_server_hello"))
        .tls(3, NGINX, 2, TlsMessage::Encrypted, true, b"")
        .tls(4, CURL, 1, TlsMessage::ServerHello, false, &message!("tls13_server_hello"))
        .tls(4, CURL, 1, TlsMessage::Encrypted, false, b"")
        .tls(5, CURL, 1, TlsMessage::Encrypted, true, b"")
        .tls(6, NGINX, 2, TlsMessage::Encrypted, false, b"");
    let all = handshakes(&r);
    let told: Vec<_> = all.iter().map(|e| (&e["process"], &e["role"], &e["result"])).collect();
    assert_eq!(
        told,
        [
            (&json!("curl"), &json!("client"), &json!("success")),
            (&json!("nginx"), &json!("server"), &json!("success"))
        ]
    );
    assert_eq!(all[0]["ja4"], all[1]["ja4"]);
}

#[test]
fn tls12_with_its_certificate_and_curve() {
    let mut r = Recording::begin(HOST);
    let rsa = message!("certificate_rsa");
    let ec = message!("certificate_ec");
    r.tls(1, CURL, 1, TlsMessage::ClientHello, true, &message!("tls12_client_hello"))
        .tls(2, CURL, 1, TlsMessage::ServerHello, false, &message!("tls12_server_hello"))
        .tls(2, CURL, 1, TlsMessage::Certificate, false, &rsa)
        .tls(2, CURL, 1, TlsMessage::Certificate, false, &ec)
        .tls(2, CURL, 1, TlsMessage::ServerKeyExchange, false, &message!("tls12_server_key_exchange"))
        .tls(2, CURL, 1, TlsMessage::CertificateRequest, false, b"")
        // The client's own certificate says who it is: it isn't kept.
        .tls(3, CURL, 1, TlsMessage::Certificate, true, &ec)
        .tls(3, CURL, 1, TlsMessage::Encrypted, true, b"")
        .tls(4, CURL, 1, TlsMessage::Encrypted, false, b"");
    let event = only(&r);
    assert_eq!((&event["version"], &event["group"]), (&json!("TLSv1.2"), &json!("x25519")));
    assert_eq!(event["cipher_suite"], "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384");
    assert_eq!((&event["alpn"], &event["resumed"]), (&json!("http/1.1"), &json!(false)));
    let subjects: Vec<_> = event["certificates"].as_array().unwrap().iter().map(|c| &c["subject"]).collect();
    assert_eq!(
        subjects,
        [&json!("C=DE, O=Example\\, Inc., CN=www.example.com"), &json!("CN=ec.example.com")]
    );
}

#[test]
fn the_server_of_tls12_signs_with_a_scheme() {
    // The version is the first number behind the four bytes of type and length.
    for (version, signed, want) in [
        (0x0303u16, &[3, 0, 29, 32, 8, 4][..], Some(("rsa_pss_rsae_sha256", 0x0804))),
        (0x0303, &[3, 0, 29, 32], None),
        // Up to TLS 1.1, a signature of 256 bytes.
        (0x0302, &[3, 0, 29, 32, 1, 0], None),
    ] {
        let mut hello = message!("tls12_server_hello");
        hello[4..6].copy_from_slice(&version.to_be_bytes());
        let mut r = Recording::begin(HOST);
        r.tls(1, CURL, 1, TlsMessage::ClientHello, true, &message!("tls12_client_hello"))
            .tls(2, CURL, 1, TlsMessage::ServerHello, false, &hello)
            .tls(2, CURL, 1, TlsMessage::ServerKeyExchange, false, signed)
            .tls(3, CURL, 1, TlsMessage::Encrypted, true, b"")
            .tls(4, CURL, 1, TlsMessage::Encrypted, false, b"");
        let event = only(&r);
        assert_eq!((&event["version_id"], &event["group"]), (&json!(version), &json!("x25519")));
        let told =
            event.get("signature_scheme").map(|name| (name.clone(), event["signature_scheme_id"].clone()));
        assert_eq!(told, want.map(|(name, id)| (json!(name), json!(id))));
    }
}

#[test]
fn tls12_resumed_has_no_certificate() {
    let mut r = Recording::begin(HOST);
    r.tls(1, CURL, 1, TlsMessage::ClientHello, true, &message!("resumed12_client_hello"))
        .tls(2, CURL, 1, TlsMessage::ServerHello, false, &message!("resumed12_server_hello"))
        .tls(2, CURL, 1, TlsMessage::Encrypted, false, b"")
        .tls(3, CURL, 1, TlsMessage::Encrypted, true, b"");
    let event = only(&r);
    assert_eq!((&event["resumed"], &event["result"]), (&json!(true), &json!("success")));
    assert!(event.get("certificates").is_none() && event.get("group").is_none());
}

#[test]
fn a_hello_retry_is_one_handshake() {
    let mut r = Recording::begin(HOST);
    r.tls(1, CURL, 1, TlsMessage::ClientHello, true, &message!("retry_client_hello"))
        .tls(2, CURL, 1, TlsMessage::ServerHello, false, &message!("retry_request"))
        // For middleboxes only, both ways.
        .tls(2, CURL, 1, TlsMessage::Encrypted, false, b"")
        .tls(3, CURL, 1, TlsMessage::Encrypted, true, b"")
        .tls(3, CURL, 1, TlsMessage::ClientHello, true, &message!("retry_client_hello_2"))
        .tls(4, CURL, 1, TlsMessage::ServerHello, false, &message!("retry_server_hello"))
        .tls(5, CURL, 1, TlsMessage::Encrypted, false, b"")
        .tls(6, CURL, 1, TlsMessage::Encrypted, true, b"");
    let event = only(&r);
    assert_eq!((&event["hello_retry"], &event["group"]), (&json!(true), &json!("secp384r1")));
    assert_eq!((&event["result"], &event["duration_ms"]), (&json!("success"), &json!(5.0)));
    assert_eq!(event["timestamp"], json!(moment(6)));
}

#[test]
fn what_ends_a_handshake_early() {
    for (end, body, sent, result, alert) in [
        (TlsMessage::Alert, &[2, 40][..], false, "failure", Some(("handshake_failure", "received"))),
        (TlsMessage::Alert, &[2, 48], true, "failure", Some(("unknown_ca", "sent"))),
        (TlsMessage::Alert, &[1, 0], true, "incomplete", Some(("close_notify", "sent"))),
        (TlsMessage::Closed, &[], false, "incomplete", None),
    ] {
        let mut r = Recording::begin(HOST);
        hellos13(&mut r, 0).tls(30, CURL, 7, end, sent, body).tls(
            31,
            CURL,
            7,
            TlsMessage::Closed,
            false,
            b"",
        );
        let event = only(&r);
        assert_eq!((&event["result"], &event["timestamp"]), (&json!(result), &json!(moment(30))));
        let told = alert.map_or(Value::Null, |(name, direction)| {
            json!({"description": name, "description_id": body[1], "direction": direction})
        });
        assert_eq!(event.get("alert").cloned().unwrap_or_default(), told);
    }
}

#[test]
fn a_warning_does_not_end_it() {
    let mut r = Recording::begin(HOST);
    encrypted(hellos13(&mut r, 0).tls(20, CURL, 7, TlsMessage::Alert, false, &[1, 112]), 0);
    let event = only(&r);
    assert_eq!(
        (&event["result"], &event["alert"]["description"]),
        (&json!("success"), &json!("unrecognized_name"))
    );
}

#[test]
fn a_process_or_a_capture_that_ends() {
    let mut r = Recording::begin(HOST);
    hellos13(&mut r, 0).exit(40, CURL, 1, 0).read(50, NGINX, "/x.pem");
    let event = only(&r);
    assert_eq!((&event["result"], &event["timestamp"]), (&json!("incomplete"), &json!(moment(40))));
    let mut r = Recording::begin(HOST);
    hellos13(&mut r, 0).read(50, NGINX, "/x.pem");
    let (events, _) = hear(&r, Range::default());
    let last = events.last().unwrap();
    assert_eq!((&last["event_type"], &last["result"]), (&json!("tls_handshake"), &json!("unknown")));
    assert_eq!((&last["timestamp"], events.len()), (&json!(moment(50)), 2));
}

/// What lies after `--until` isn't read: a handshake that is open there ends later, or never.
#[test]
fn a_range_shows_what_the_whole_capture_does() {
    let mut r = Recording::begin(HOST);
    hellos13(&mut r, 0).complete(22).block();
    r.tls(40, CURL, 7, TlsMessage::Encrypted, false, b"").complete(41).block();
    r.tls(60, CURL, 7, TlsMessage::Encrypted, true, b"").read(70, NGINX, "/x.pem").complete(71);
    for (since, until) in
        [(None, Some(30)), (None, Some(50)), (Some(50), Some(65)), (Some(50), None), (Some(65), None)]
    {
        let range = Range { since_wall_ns: since.map(wall), until_wall_ns: until.map(wall) };
        let times = |range| {
            let (events, _) = hear(&r, range);
            let inside: Vec<_> = events
                .into_iter()
                .filter(|e| {
                    let time = e["timestamp"].as_str().unwrap().to_owned();
                    since.is_none_or(|s| time >= moment(s)) && until.is_none_or(|u| time <= moment(u))
                })
                .collect();
            inside
        };
        assert_eq!(times(range), times(Range::default()), "{since:?} {until:?}");
    }
}

#[test]
fn the_end_of_what_was_not_seen_is_nothing() {
    let mut r = Recording::begin(HOST);
    encrypted(&mut r, 0).tls(30, CURL, 7, TlsMessage::Closed, false, b"").tls(
        31,
        CURL,
        8,
        TlsMessage::Alert,
        false,
        &[2, 40],
    );
    assert!(handshakes(&r).is_empty());
}

#[test]
fn what_makes_no_sense_is_counted() {
    let mut r = Recording::begin(HOST);
    r.tls(1, CURL, 1, TlsMessage::ClientHello, true, b"\x01")
        .tls(2, CURL, 1, TlsMessage::ServerHello, false, &[2; 30])
        .tls(3, CURL, 1, TlsMessage::Alert, false, &[2])
        .record(CURL.header(at(4)), |_| TlsHello {
            message: 99,
            direction: Direction::Sent.number(),
            ..TlsHello::default()
        })
        .tls(5, CURL, 1, TlsMessage::Closed, false, b"");
    let (events, coverage) = hear(&r, Range::default());
    assert_eq!(coverage.inputs[0].malformed, 4);
    // That there was a handshake is known all the same.
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["role"], &events[0]["result"]), (&json!("client"), &json!("incomplete")));
    assert!(events[0].get("version").is_none() && events[0].get("offered").is_none());
}

#[test]
fn memory_is_bounded() {
    let mut handshakes = Handshakes::default();
    let mut ended = Vec::new();
    let hello = message!("curl_client_hello");
    let end = Endpoint { address: std::net::Ipv6Addr::LOCALHOST, port: 1 };
    let count = HANDSHAKES as u64 * 2;
    for connection in 0..count {
        let header = CURL.header(connection);
        let content = Decoded {
            connection,
            object: connection,
            message: TlsMessage::ClientHello,
            direction: Some(Direction::Sent),
            bits: 0,
            length: 0,
            local: end,
            peer: end,
            body: std::borrow::Cow::Borrowed(&hello),
        };
        let (process, segment) = (ProcessId(0), SegmentId(0));
        let message = Message { header: &header, process, segment, content: &content };
        assert!(handshakes.take(&message, &mut ended));
        assert!(handshakes.order.len() <= HANDSHAKES && handshakes.bytes <= BYTES);
        assert!(handshakes.by_object.len() <= HANDSHAKES && handshakes.open.len() <= HANDSHAKES);
    }
    assert!(ended.iter().all(|e| e.result == "unknown"));
    while !handshakes.is_empty() {
        handshakes.end_oldest(count, &mut ended);
    }
    assert_eq!((ended.len() as u64, handshakes.bytes), (count, 0));
    assert!(handshakes.open.is_empty() && handshakes.waiting.is_empty() && handshakes.by_object.is_empty());
}
