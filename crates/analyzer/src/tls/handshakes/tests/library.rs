//! What the library says of a handshake: its result, and whether the peer was verified.

use crypto_tracer_format::record::{ApiCall, MarkKind, api_bits};

use super::*;

/// SSL and SSL_CTX of the client.
pub const SSL: u64 = 0x1111;
const CTX: u64 = 0x2222;

/// The functions of the library that the tests call.
pub fn library(r: &mut Recording) -> &mut Recording {
    r.function(1, "SSL_new", "context", "", "pointer")
        .function(2, "SSL_CTX_set_verify", "verify_mode", "n0=verify_mode:openssl_verify_mode", "none")
        .function(3, "X509_STORE_CTX_set_default", "verify_mode", "name=purpose:algorithm", "one")
        .function(4, "X509_verify_cert", "verify_result", "n0=error:openssl_verify_result", "one")
        .function(5, "SSL_do_handshake", "handshake", "", "one")
        .api_library(1, "/usr/lib/libssl.so.3")
}

pub fn call(
    r: &mut Recording,
    ms: u64,
    function: u32,
    object: u64,
    parent: u64,
    n0: i64,
    result: i64,
) -> &mut Recording {
    r.call(ms, CURL, |_| ApiCall {
        function,
        library: 1,
        object,
        parent,
        n0,
        result,
        tries: 1,
        ..ApiCall::default()
    })
}

fn purpose<'a>(r: &'a mut Recording, ms: u64, object: u64, purpose: &str) -> &'a mut Recording {
    r.call(ms, CURL, |b| ApiCall {
        function: 3,
        library: 1,
        object,
        result: 1,
        tries: 1,
        name: b.string(purpose.as_bytes()),
        ..ApiCall::default()
    })
}

/// In TLS 1.3 only the library knows that its side refused the certificate.
#[test]
fn the_library_has_the_last_word() {
    for (result, want) in [(1, "success"), (0, "failure"), (-1, "failure")] {
        let mut r = Recording::begin(HOST);
        encrypted(hellos13(library(&mut r), SSL), SSL);
        call(&mut r, 30, 5, SSL, 0, 0, result);
        let event = only(&r);
        assert_eq!((&event["result"], &event["timestamp"]), (&json!(want), &json!(moment(30))));
        assert_eq!(event["duration_ms"], json!(15.0), "to the last message");
    }
}

/// Who makes the connection's object makes its handshake, also where nobody was seen to ask for that.
#[test]
fn the_file_that_made_a_handshake() {
    const ELSE: &str = "/opt/lib/libssl.so.1.1";
    for (made_by, asked_by, want) in [
        (Some(1), Some(1), Some("/usr/lib/libssl.so.3")),
        (Some(2), None, Some(ELSE)),
        (None, Some(2), Some(ELSE)),
        (None, None, None),
    ] {
        let mut r = Recording::begin(HOST);
        library(&mut r).api_library(2, ELSE);
        let by = |r: &mut Recording, ms, function, object, library: Option<u32>| {
            if let Some(library) = library {
                let result = 1;
                r.call(ms, CURL, |_| ApiCall { function, library, object, result, ..ApiCall::default() });
            }
        };
        by(&mut r, 1, 1, SSL, made_by);
        // Another connection of another library says nothing of this one.
        by(&mut r, 2, 1, 0x5555, Some(2));
        encrypted(hellos13(&mut r, SSL), SSL);
        by(&mut r, 30, 5, SSL, asked_by);
        let event = only(&r);
        assert_eq!(event.get("library_path").and_then(Value::as_str), want, "{made_by:?} {asked_by:?}");
        let name = want.and_then(|path| path.rsplit('/').next());
        assert_eq!(event.get("library").and_then(Value::as_str), name);
    }
}

#[test]
fn the_library_is_waited_for_but_not_for_long() {
    let mut r = Recording::begin(HOST);
    encrypted(hellos13(library(&mut r), SSL), SSL).read(400, NGINX, "/x.pem").read(900, NGINX, "/y.pem");
    let (events, _) = hear(&r, Range::default());
    let told: Vec<_> =
        events.iter().map(|e| (e["event_type"].as_str().unwrap(), e["timestamp"].clone())).collect();
    assert_eq!(
        told,
        [
            ("file_open", json!(moment(400))),
            ("tls_handshake", json!(moment(525))),
            ("file_open", json!(moment(900)))
        ]
    );
    assert_eq!(events[1]["result"], "success");
}

/// With marks, the wait is over when nothing older will come, also if nothing newer does.
#[test]
fn a_quiet_capture_does_not_hold_a_handshake_back() {
    let mut r = Recording::begin(HOST);
    encrypted(hellos13(library(&mut r), SSL), SSL).mark(900, MarkKind::Complete, "");
    let event = only(&r);
    assert_eq!(event["timestamp"], json!(moment(525)));
}

/// Two are left: the one that is waited for ends first, the other one not before it.
#[test]
fn what_is_left_open_ends_after_what_was_waited_for() {
    let mut r = Recording::begin(HOST);
    r.tls(1, NGINX, 3, TlsMessage::ClientHello, false, &message!("tls13_client_hello"));
    encrypted(hellos13(library(&mut r), SSL), SSL).mark(900, MarkKind::Complete, "");
    let ends: Vec<_> =
        handshakes(&r).iter().map(|e| (e["process"].clone(), e["timestamp"].clone())).collect();
    assert_eq!(ends, [(json!("curl"), json!(moment(525))), (json!("nginx"), json!(moment(525)))]);
}

#[test]
fn verification_as_the_library_told() {
    // Mode of the context; purpose; result of the verification and its error.
    for (mode, of, verified, want) in [
        (Some(1), "ssl_server", Some((1, 0)), Some("ok")),
        (Some(1), "ssl_server", Some((0, 20)), Some("X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY")),
        (Some(0), "ssl_server", Some((0, 20)), Some("disabled")),
        // Whether anybody minded isn't known.
        (None, "ssl_server", Some((0, 10)), Some("X509_V_ERR_CERT_HAS_EXPIRED")),
        (None, "ssl_server", Some((1, 0)), None),
        (None, "default", Some((0, 20)), None),
        (Some(1), "ssl_server", None, None),
    ] {
        let mut r = Recording::begin(HOST);
        library(&mut r);
        if let Some(mode) = mode {
            call(&mut r, 1, 2, CTX, 0, mode, 0);
        }
        call(&mut r, 2, 1, SSL, CTX, 0, 0x7f00);
        hellos13(&mut r, SSL);
        if let Some((result, error)) = verified {
            purpose(&mut r, 21, 0x3333, of);
            call(&mut r, 22, 4, 0x3333, SSL, error, result);
        }
        encrypted(&mut r, SSL);
        call(&mut r, 30, 5, SSL, 0, 0, 1);
        let event = only(&r);
        assert_eq!(event.get("verify").and_then(Value::as_str), want, "{mode:?} {of} {verified:?}");
    }
}

/// A client that shows a certificate builds a chain too: that this failed says nothing of the server.
#[test]
fn a_chain_of_ones_own_says_nothing_of_the_peer() {
    let mut r = Recording::begin(HOST);
    call(library(&mut r), 1, 2, SSL, 0, 1, 0);
    hellos13(&mut r, SSL);
    let own_chain = |r: &mut Recording, ms| {
        r.call(ms, CURL, |_| ApiCall {
            function: 4,
            library: 1,
            object: 0x3333,
            parent: SSL,
            n0: 20,
            bits: api_bits::INTERNAL,
            ..ApiCall::default()
        });
    };
    purpose(&mut r, 21, 0x3333, "ssl_server");
    call(&mut r, 22, 4, 0x3333, SSL, 0, 1);
    own_chain(&mut r, 23);
    encrypted(&mut r, SSL);
    call(&mut r, 30, 5, SSL, 0, 0, 1);
    assert_eq!(only(&r)["verify"], "ok");
}

/// Most ask when the handshake is through. The event waits for that, and says so where the library would let anything pass.
#[test]
fn a_program_that_asks_what_the_library_found() {
    const UNTRUSTED: &str = "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT";
    // Mode; what the library found; when the program asks, and what it is told; when the event is told, and what it says.
    for (mode, found, asked, want, told) in [
        (Some(0), None, Some((31, 0)), Some("by_program"), 31),
        (Some(0), None, Some((31, 18)), Some(UNTRUSTED), 31),
        (Some(0), Some(1), Some((31, 0)), Some("by_program"), 31),
        (Some(0), Some(1), None, Some("disabled"), 530),
        (Some(0), None, Some((531, 0)), Some("disabled"), 530),
        (None, Some(1), Some((31, 0)), Some("ok"), 31),
        (None, Some(0), Some((31, 18)), Some(UNTRUSTED), 31),
        (Some(1), Some(1), Some((31, 0)), Some("ok"), 30),
    ] {
        let mut r = Recording::begin(HOST);
        library(&mut r).function(
            6,
            "SSL_get_verify_result",
            "verify_result",
            "n0=r:openssl_verify_result",
            "zero",
        );
        call(&mut r, 2, 1, SSL, CTX, 0, 0x7f00);
        if let Some(mode) = mode {
            call(&mut r, 3, 2, SSL, 0, mode, 0);
        }
        hellos13(&mut r, SSL);
        if let Some(result) = found {
            purpose(&mut r, 21, 0x3333, "ssl_server");
            call(&mut r, 22, 4, 0x3333, SSL, 20 * (1 - result), result);
        }
        encrypted(&mut r, SSL);
        call(&mut r, 30, 5, SSL, 0, 0, 1);
        if let Some((ms, error)) = asked {
            call(&mut r, ms, 6, SSL, 0, error, error);
        }
        r.exit(900, CURL, 0, 0);
        let event = only(&r);
        let case = format!("{mode:?} {found:?} {asked:?}");
        assert_eq!(
            (event.get("verify").and_then(Value::as_str), &event["result"]),
            (want, &json!("success")),
            "{case}"
        );
        assert_eq!(
            (&event["timestamp"], &event["duration_ms"]),
            (&json!(moment(told)), &json!(15.0)),
            "{case}"
        );
    }
}

/// One that made a context and forked: the child's connections are those of that context, until it runs something else.
#[test]
fn a_child_has_the_contexts_of_its_parent() {
    const PARENT: Who = who(90, b"curl");
    for (forked, began_another, want) in
        [(true, false, Some("disabled")), (true, true, None), (false, false, None)]
    {
        let mut r = Recording::begin(HOST);
        library(&mut r).call(1, PARENT, |_| ApiCall {
            function: 2,
            library: 1,
            object: CTX,
            ..ApiCall::default()
        });
        if forked {
            r.fork(2, CURL, PARENT);
        }
        if began_another {
            r.exec(3, CURL, PARENT.pid, "/usr/bin/curl", &["curl"]);
        }
        call(&mut r, 4, 1, SSL, CTX, 0, 0x7f00);
        hellos13(&mut r, SSL);
        purpose(&mut r, 21, 0x3333, "ssl_server");
        call(&mut r, 22, 4, 0x3333, SSL, 0, 1);
        encrypted(&mut r, SSL);
        call(&mut r, 30, 5, SSL, 0, 0, 1);
        let event = only(&r);
        assert_eq!(event.get("verify").and_then(Value::as_str), want, "{forked} {began_another}");
    }
}

/// In TLS 1.3 a server verifies the client's certificate when all that is seen on the wire has been seen: it is waited for.
#[test]
fn a_server_verifies_its_client_after_the_last_message() {
    for (error, verified, answer, verify, result) in
        [(0, 1, 1, "ok", "success"), (18, 0, -1, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT", "failure")]
    {
        let mut r = Recording::begin(HOST);
        library(&mut r);
        call(&mut r, 1, 2, CTX, 0, 3, 0);
        call(&mut r, 2, 1, SSL, CTX, 0, 0x7f00);
        let hello = (TlsMessage::ClientHello, message!("tls13_client_hello"));
        let answered = (TlsMessage::ServerHello, message!("tls13_server_hello"));
        for (ms, (message, body), sent) in [
            (10, hello, false),
            (20, answered, true),
            (21, (TlsMessage::Encrypted, Vec::new()), true),
            (25, (TlsMessage::Encrypted, Vec::new()), false),
        ] {
            r.tls_of(ms, CURL, 7, SSL, message, sent, &body);
        }
        purpose(&mut r, 26, 0x3333, "ssl_client");
        call(&mut r, 27, 4, 0x3333, SSL, error, verified);
        call(&mut r, 30, 5, SSL, 0, 0, answer);
        let event = only(&r);
        assert_eq!((&event["role"], &event["verify"]), (&json!("server"), &json!(verify)));
        assert_eq!((&event["result"], &event["timestamp"]), (&json!(result), &json!(moment(30))));
    }
}

/// A connection in the place of another one has nothing of what was said of that.
#[test]
fn an_object_that_is_made_anew_is_another_one() {
    let mut r = Recording::begin(HOST);
    library(&mut r);
    call(&mut r, 1, 2, CTX, 0, 0, 0);
    call(&mut r, 2, 1, SSL, CTX, 0, 0x7f00);
    call(&mut r, 3, 1, SSL, 0x4444, 0, 0x7f00);
    encrypted(hellos13(&mut r, SSL), SSL);
    call(&mut r, 30, 5, SSL, 0, 0, 1);
    assert!(only(&r).get("verify").is_none());
}

#[test]
fn a_result_that_is_not_known_says_nothing() {
    let mut r = Recording::begin(HOST);
    encrypted(hellos13(library(&mut r), SSL), SSL).call(30, CURL, |_| ApiCall {
        function: 5,
        library: 1,
        object: SSL,
        bits: api_bits::RESULT_UNKNOWN,
        ..ApiCall::default()
    });
    assert_eq!(only(&r)["timestamp"], json!(moment(30)), "the capture's last record");
}
