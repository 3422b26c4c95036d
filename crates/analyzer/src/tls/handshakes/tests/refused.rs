//! Handshakes of TLS 1.3 that one side refused: its alert is encrypted, and told by its length.

use super::library::{SSL, call, library};
use super::*;

/// The first record of application data that one side sent, with the length that it said.
fn first_record(
    r: &mut Recording,
    ms: u64,
    who: Who,
    object: u64,
    sent: bool,
    length: u32,
) -> &mut Recording {
    let direction = if sent { Direction::Sent } else { Direction::Received };
    r.record(who.header(at(ms)), |_| TlsHello {
        connection: 7,
        object,
        message: TlsMessage::Encrypted.number(),
        direction: direction.number(),
        length,
        ..TlsHello::default()
    })
}

/// A refusal in TLS 1.3 is encrypted; an alert is shorter than all else that may come first (RFC 8446, 5.2 and 4.4.4).
#[test]
fn an_encrypted_alert_is_told_by_its_length() {
    let refused =
        |direction| (json!("failure"), json!({"encrypted": true, "direction": direction}), json!(moment(25)));
    let through = || (json!("success"), Value::Null, json!(moment(25)));
    // Server's and client's first record; suite.
    for (server, client, suite, want) in [
        (2000, 19, 0x1302, refused("sent")),
        (2000, 69, 0x1302, through()),
        (2000, 53, 0x1301, through()),
        (2000, 18, 0x1302, through()),
        (2000, 20, 0x1302, through()),
        (2000, 11, 0x1302, through()),
        (2000, 0, 0x1302, through()),
        (2000, 11, 0x1305, refused("sent")),
        (2000, 19, 0x1305, through()),
        (2000, 35, 0xc0b4, refused("sent")),
        (2000, 51, 0xc0b5, refused("sent")),
    ] {
        let mut r = Recording::begin(HOST);
        let mut answer = message!("tls13_server_hello");
        // Type and length, version, random, session id: the suite.
        let at = 4 + 2 + 32 + 1 + usize::from(answer[4 + 2 + 32]);
        answer[at..at + 2].copy_from_slice(&u16::to_be_bytes(suite));
        r.tls(10, CURL, 7, TlsMessage::ClientHello, true, &message!("tls13_client_hello"));
        r.tls(20, CURL, 7, TlsMessage::ServerHello, false, &answer);
        first_record(&mut r, 21, CURL, 0, false, server);
        first_record(&mut r, 25, CURL, 0, true, client);
        let event = only(&r);
        let told = (
            event["result"].clone(),
            event.get("alert").cloned().unwrap_or_default(),
            event["timestamp"].clone(),
        );
        assert_eq!(told, want, "{server} {client} {suite:#x}");
    }
}

/// The server's first record, and nothing more of the client: either that was a refusal, or the client went away without a word.
#[test]
fn a_client_that_says_nothing_more() {
    let refusal = json!({"encrypted": true, "direction": "received"});
    for (length, result, ms, alert) in [(19, "failure", 21, Some(refusal)), (2000, "incomplete", 30, None)] {
        let mut r = Recording::begin(HOST);
        first_record(hellos13(&mut r, 0), 21, CURL, 0, false, length);
        r.tls(30, CURL, 7, TlsMessage::Closed, false, b"");
        let event = only(&r);
        assert_eq!((&event["result"], &event["timestamp"]), (&json!(result), &json!(moment(ms))));
        assert_eq!(event["duration_ms"], json!((ms - 10) as f64), "from the hello on");
        assert_eq!(event.get("alert"), alert.as_ref());
    }
}

/// Seen from the other end.
#[test]
fn a_server_is_refused() {
    let mut r = Recording::begin(HOST);
    r.tls(1, NGINX, 7, TlsMessage::ClientHello, false, &message!("tls13_client_hello"));
    r.tls(2, NGINX, 7, TlsMessage::ServerHello, true, &message!("tls13_server_hello"));
    first_record(&mut r, 3, NGINX, 0, true, 27);
    first_record(&mut r, 9, NGINX, 0, false, 19);
    let event = only(&r);
    assert_eq!((&event["role"], &event["result"]), (&json!("server"), &json!("failure")));
    assert_eq!(event["alert"], json!({"encrypted": true, "direction": "received"}));
}

/// Up to TLS 1.2 a record as short may be anything.
#[test]
fn what_is_short_in_tls12_is_no_alert() {
    let mut r = Recording::begin(HOST);
    r.tls(1, CURL, 7, TlsMessage::ClientHello, true, &message!("tls12_client_hello"));
    r.tls(2, CURL, 7, TlsMessage::ServerHello, false, &message!("tls12_server_hello"));
    first_record(&mut r, 3, CURL, 0, true, 19);
    first_record(&mut r, 4, CURL, 0, false, 19);
    assert_eq!(only(&r)["result"], "success");
}

/// What a client may send at once can be as short as an alert.
#[test]
fn early_data_is_no_alert() {
    let mut r = Recording::begin(HOST);
    let mut hello = message!("tls13_client_hello");
    // An empty extension more, and all lengths before it with it.
    let sessions = 4 + 2 + 32;
    let suites = sessions + 1 + usize::from(hello[sessions]);
    let methods = suites + 2 + usize::from(u16::from_be_bytes([hello[suites], hello[suites + 1]]));
    let extensions = methods + 1 + usize::from(hello[methods]);
    for at in [2, extensions] {
        let length = u16::from_be_bytes([hello[at], hello[at + 1]]) + 4;
        hello[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    hello.splice(extensions + 2..extensions + 2, [0, 42, 0, 0]);
    r.tls(10, CURL, 7, TlsMessage::ClientHello, true, &hello);
    r.tls(20, CURL, 7, TlsMessage::ServerHello, false, &message!("tls13_server_hello"));
    first_record(&mut r, 21, CURL, 0, false, 2000);
    first_record(&mut r, 25, CURL, 0, true, 19);
    assert_eq!(only(&r)["result"], "success");
}

/// Also of what was refused: its answer ends the handshake, and without one its refusal stands.
#[test]
fn the_library_is_waited_for_where_an_alert_was_told_by_its_length() {
    for (answer, want, ms) in [
        (Some(1), "success", 30),
        (Some(0), "failure", 30),
        (Some(-1), "failure", 30),
        (None, "failure", 525),
    ] {
        let mut r = Recording::begin(HOST);
        hellos13(library(&mut r), SSL);
        first_record(&mut r, 21, CURL, SSL, false, 2000);
        first_record(&mut r, 25, CURL, SSL, true, 19);
        if let Some(answer) = answer {
            call(&mut r, 30, 5, SSL, 0, 0, answer);
        }
        r.read(900, NGINX, "/x.pem");
        let event = only(&r);
        assert_eq!((&event["result"], &event["timestamp"]), (&json!(want), &json!(moment(ms))));
        assert_eq!(event["alert"], json!({"encrypted": true, "direction": "sent"}));
    }
}
