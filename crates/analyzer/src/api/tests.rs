//! Calls from records to events, through the whole pipeline.

use crypto_tracer_format::record::{ApiCall, ApiCount, api_bits};
use crypto_tracer_format::redact::{Policy, Redactor};
use serde_json::{Value, json};

use super::*;
use crate::AnalyzeError;
use crate::coverage::Coverage;
use crate::event::Event;
use crate::input::Inputs;
use crate::json::event::EventWriter;
use crate::pipeline::Captures;
use crate::sink::{Note, Range, Sink, Source};
use crate::testing::{HOST, Recording, Who, at, who};

const PYTHON: Who = who(100, b"python3");

#[derive(Default)]
struct Listener {
    json: EventWriter,
    events: Vec<Value>,
    notes: Vec<String>,
}

impl Sink for Listener {
    fn event(&mut self, event: &Event<'_>) -> Result<(), AnalyzeError> {
        let mut out = Vec::new();
        self.json.put(&mut out, event);
        let mut event: Value = serde_json::from_slice(&out).unwrap();
        for field in ["event_type", "timestamp", "pid", "uid", "gid", "process", "library_family"] {
            assert!(event.as_object_mut().unwrap().remove(field).is_some() || field == "library_family");
        }
        self.events.push(event);
        Ok(())
    }

    fn note(&mut self, note: &Note<'_>) -> Result<(), AnalyzeError> {
        if let NoteBody::ApiFunction { name, .. } | NoteBody::ApiLibrary { path: name, .. } = note.body {
            self.notes.push(String::from_utf8_lossy(name).into_owned());
        }
        Ok(())
    }
}

fn hear(recording: &Recording) -> (Listener, Coverage) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ctrace");
    std::fs::write(&path, recording.bytes()).unwrap();
    let redactor = Redactor::new(Policy { paths: true, users: true, network: false });
    let mut listener = Listener::default();
    let coverage = Captures::new(Inputs::find(&[path]).unwrap(), redactor)
        .feed(Range::default(), &mut listener)
        .unwrap();
    (listener, coverage)
}

fn begun() -> Recording {
    let mut r = Recording::begin(HOST);
    r.function(
        1,
        "SSL_CTX_ctrl",
        "protocol",
        "n0=command:openssl_control n1=version:protocol_version n2=flag:bool n3=size:bytes",
        "one",
    )
    .function(
        2,
        "SSL_CTX_use_PrivateKey_file",
        "key",
        "path=file:path host=peer:host name=cipher:algorithm",
        "one",
    )
    .function(3, "EVP_DigestFinal_ex", "algorithm", "n0=digest:nid", "one")
    .api_library(1, "/home/bob/lib/libssl.so.3");
    r
}

#[test]
fn a_call_with_numbers() {
    let mut r = begun();
    r.call(5, PYTHON, |_| ApiCall {
        function: 1,
        library: 1,
        entered_ns: at(5) - 1_500,
        result: 1,
        tries: 3,
        object: 9,
        n0: 123,
        n1: 0x0303,
        n2: 1,
        n3: -1,
        ..ApiCall::default()
    });
    let (heard, coverage) = hear(&r);
    assert_eq!(
        heard.events,
        [json!({
            "function_name": "SSL_CTX_ctrl", "library": "libssl.so.3", "library_path": "/home/USER/lib/libssl.so.3",
            "topic": "protocol", "result": "success", "returned": 1, "duration_ms": 0.001, "tries": 3,
            "args": {
                "command": "SSL_CTRL_SET_MIN_PROTO_VERSION", "command_id": 123,
                "version": "TLSv1.2", "version_id": 771, "flag": true, "size": -1,
            },
        })]
    );
    assert_eq!(heard.notes.len(), 4);
    assert_eq!(coverage.inputs[0].malformed, 0);
}

#[test]
fn a_call_with_strings() {
    let mut r = begun();
    for bits in [0, api_bits::RESULT_UNKNOWN | api_bits::ARGUMENT_UNREADABLE] {
        r.call(5, PYTHON, |b| ApiCall {
            function: 2,
            library: 1,
            bits,
            path: b.string(b"pkcs11:token=x?pin-value=1234"),
            host: b.string(b"www.ex\xffample.com"),
            name: b.string(b"AES-256-GCM"),
            ..ApiCall::default()
        });
    }
    let (heard, _) = hear(&r);
    let args = json!({
        "file": "pkcs11:token=x", "peer": "www.ex\u{fffd}ample.com", "peer_hex": "7777772e6578ff616d706c652e636f6d",
        "cipher": "AES-256-GCM",
    });
    assert_eq!((&heard.events[0]["args"], &heard.events[0]["result"]), (&args, &json!("failure")));
    assert_eq!((&heard.events[1]["args"], &heard.events[1]["result"]), (&args, &json!("unknown")));
    assert_eq!(heard.events[1]["args_incomplete"], true);
    assert!(heard.events[1].get("returned").is_none());
}

#[test]
fn counted_calls() {
    let mut r = begun();
    r.count(5, PYTHON, 3, 1, 4_000_000_000, 672);
    let (heard, _) = hear(&r);
    assert_eq!(
        heard.events,
        [json!({
            "function_name": "EVP_DigestFinal_ex", "library": "libssl.so.3",
            "library_path": "/home/USER/lib/libssl.so.3", "topic": "algorithm", "result": "success",
            "args": {"digest": "SHA256", "digest_id": 672}, "count": 4_000_000_000u64,
        })]
    );
}

/// What failed has a count of its own; a number that could not be read is none.
#[test]
fn counted_calls_that_failed() {
    let mut r = begun();
    let of = |count, n0, bits| ApiCount { function: 3, library: 1, count, n0, bits, ..ApiCount::default() };
    r.counted(5, PYTHON, of(2, 672, 0))
        .counted(5, PYTHON, of(3, 672, api_bits::FAILED))
        .counted(5, PYTHON, of(4, 672, api_bits::RESULT_UNKNOWN))
        .counted(5, PYTHON, of(5, 0, api_bits::ARGUMENT_UNREADABLE));
    let (heard, _) = hear(&r);
    let told = |e: &Value| (e["result"].clone(), e["count"].clone(), e["args"].clone());
    let sha256 = json!({"digest": "SHA256", "digest_id": 672});
    assert_eq!(
        heard.events.iter().map(told).collect::<Vec<_>>(),
        [
            (json!("success"), json!(2), sha256.clone()),
            (json!("failure"), json!(3), sha256.clone()),
            (json!("unknown"), json!(4), sha256),
            (json!("success"), json!(5), json!({})),
        ]
    );
}

/// A name may be anything that a program gives to a library.
#[test]
fn what_is_no_algorithm_is_not_shown() {
    let mut r = begun();
    r.call(5, PYTHON, |b| ApiCall {
        function: 2,
        library: 1,
        name: b.string(b"hunter2"),
        ..ApiCall::default()
    });
    let (heard, _) = hear(&r);
    assert_eq!(heard.events[0]["args"], json!({"cipher": "other"}));
}

/// What isn't about versions shows none.
#[test]
fn a_command_decides_what_its_number_means() {
    let mut r = begun();
    r.call(5, PYTHON, |_| ApiCall { function: 1, library: 1, result: 1, n0: 55, ..ApiCall::default() });
    let (heard, _) = hear(&r);
    assert_eq!(
        heard.events[0]["args"],
        json!({"command": "SSL_CTRL_SET_TLSEXT_HOSTNAME", "command_id": 55, "flag": false, "size": 0})
    );
}

#[test]
fn flags_are_hexadecimal() {
    let mut r = begun();
    r.function(6, "SSL_CTX_set_options", "protocol", "n0=options:flags n1=none:flags n2=int:flags", "none");
    r.call(5, PYTHON, |_| ApiCall { function: 6, library: 1, n0: 0x8201_2854, n2: -2, ..ApiCall::default() });
    let (heard, _) = hear(&r);
    let want = json!({"options": "0x82012854", "none": "0x0", "int": "0xfffffffe"});
    assert_eq!(heard.events[0]["args"], want);
}

/// Zeros are no values where something could not be read.
#[test]
fn what_could_not_be_read_is_left_out() {
    let mut r = begun();
    r.call(5, PYTHON, |_| ApiCall {
        function: 1,
        library: 1,
        bits: api_bits::ARGUMENT_UNREADABLE,
        n0: 124,
        result: 1,
        ..ApiCall::default()
    });
    let (heard, _) = hear(&r);
    assert_eq!(
        heard.events[0]["args"],
        json!({"command": "SSL_CTRL_SET_MAX_PROTO_VERSION", "command_id": 124})
    );
}

/// libssl's calls of `X509_verify_cert` (function 4) after `X509_STORE_CTX_set_default` (function 5).
fn verifying(purposes: bool, left_out: &str) -> Recording {
    let mut r = Recording::begin(HOST);
    r.function(4, "X509_verify_cert", "verify_result", "", "one");
    if purposes {
        r.function(5, "X509_STORE_CTX_set_default", "verify_result", "name=purpose:algorithm", "one");
    }
    r.api_library_without(1, "/usr/lib/libcrypto.so.3", left_out);
    r
}

fn verify(r: &mut Recording, who: Who, object: u64, result: i64, bits: u32) {
    r.call(5, who, |_| ApiCall { function: 4, library: 1, object, result, bits, ..ApiCall::default() });
}

fn set_purpose(r: &mut Recording, who: Who, object: u64, purpose: &[u8], bits: u32) {
    r.call(5, who, |b| ApiCall {
        function: 5,
        library: 1,
        object,
        result: 1,
        bits,
        name: b.string(purpose),
        ..ApiCall::default()
    });
}

/// Result, what was returned and the arguments of each call of `X509_verify_cert`.
fn verified(r: &Recording) -> Vec<Value> {
    let (heard, coverage) = hear(r);
    assert_eq!(coverage.inputs[0].malformed, 0);
    let verifications = heard.events.iter().filter(|e| e["function_name"] == "X509_verify_cert");
    verifications.map(|e| json!([e["result"], e["returned"], e["args"]])).collect()
}

const INTERNAL: u32 = api_bits::INTERNAL;

#[test]
fn a_chain_that_libssl_builds_is_no_verification() {
    let mut r = verifying(true, "SSL_new EVP_md5");
    set_purpose(&mut r, PYTHON, 7, b"ssl_server", INTERNAL);
    verify(&mut r, PYTHON, 7, 0, INTERNAL);
    // In the same place, for which nothing was said now.
    verify(&mut r, PYTHON, 7, 0, INTERNAL);
    verify(&mut r, PYTHON, 7, 1, INTERNAL);
    verify(&mut r, PYTHON, 7, 0, INTERNAL | api_bits::RESULT_UNKNOWN);
    set_purpose(&mut r, PYTHON, 8, b"ssl_client", INTERNAL);
    verify(&mut r, PYTHON, 7, -1, INTERNAL);
    verify(&mut r, PYTHON, 8, 1, INTERNAL);
    assert_eq!(
        verified(&r),
        [
            json!(["failure", 0, {"purpose": "ssl_server"}]),
            json!(["unknown", 0, {"purpose": "own_chain"}]),
            json!(["success", 1, {"purpose": "own_chain"}]),
            json!(["unknown", null, {"purpose": "own_chain"}]),
            json!(["unknown", -1, {"purpose": "own_chain"}]),
            json!(["success", 1, {"purpose": "ssl_client"}]),
        ]
    );
}

#[test]
fn a_purpose_is_that_of_an_object_of_its_process() {
    let other = who(101, b"python3");
    let mut r = verifying(true, "");
    set_purpose(&mut r, PYTHON, 7, b"ssl_server", INTERNAL);
    verify(&mut r, other, 7, 0, INTERNAL);
    verify(&mut r, PYTHON, 7, 0, INTERNAL);
    let want =
        [json!(["unknown", 0, {"purpose": "own_chain"}]), json!(["failure", 0, {"purpose": "ssl_server"}])];
    assert_eq!(verified(&r), want);
}

/// It may have set its purpose with X509_STORE_CTX_set_purpose or a parameter.
#[test]
fn what_a_program_verifies_itself_fails() {
    let mut r = verifying(true, "");
    verify(&mut r, PYTHON, 7, 0, 0);
    // As a callback that libssl asks does.
    set_purpose(&mut r, PYTHON, 7, b"ssl_server", INTERNAL);
    verify(&mut r, PYTHON, 7, 0, 0);
    assert_eq!(verified(&r), [json!(["failure", 0, {}]), json!(["failure", 0, {"purpose": "ssl_server"}])]);
}

/// Neither where the function isn't watched, nor of an object that isn't known, nor after a purpose that could not be read.
#[test]
fn a_purpose_that_would_not_be_seen_is_not_missed() {
    for (purposes, left_out) in [(false, ""), (true, "SSL_new X509_STORE_CTX_set_default")] {
        let mut r = verifying(purposes, left_out);
        verify(&mut r, PYTHON, 7, 0, INTERNAL);
        assert_eq!(verified(&r), [json!(["failure", 0, {}])], "{purposes} {left_out}");
    }
    let mut r = verifying(true, "");
    verify(&mut r, PYTHON, 0, 0, INTERNAL);
    set_purpose(&mut r, PYTHON, 7, b"", INTERNAL | api_bits::ARGUMENT_UNREADABLE);
    verify(&mut r, PYTHON, 7, 0, INTERNAL);
    verify(&mut r, PYTHON, 7, 0, INTERNAL);
    assert_eq!(
        verified(&r),
        [
            json!(["failure", 0, {}]),
            json!(["failure", 0, {}]),
            json!(["unknown", 0, {"purpose": "own_chain"}])
        ]
    );
    // A function that is only counted says nothing of objects.
    let mut r = verifying(false, "");
    r.counted_function(5, "X509_STORE_CTX_set_default", "n0=purpose:number");
    verify(&mut r, PYTHON, 7, 0, INTERNAL);
    assert_eq!(verified(&r), [json!(["failure", 0, {}])]);
}

#[test]
fn numbers_that_the_segment_does_not_explain_are_malformed() {
    let mut r = begun();
    let call = |function, library| ApiCall { function, library, ..ApiCall::default() };
    r.call(1, PYTHON, |_| call(9, 1)).call(2, PYTHON, |_| call(1, 9)).count(3, PYTHON, 9, 1, 1, 1);
    r.segment(10).call(11, PYTHON, |_| call(1, 1));
    let (heard, coverage) = hear(&r);
    assert!(heard.events.is_empty());
    assert_eq!(coverage.inputs.iter().map(|i| i.malformed).sum::<u64>(), 4);
}

#[test]
fn tables_are_bounded() {
    let mut tables = Tables::default();
    let mut r = Recording::empty();
    r.function(1, "f", "key", &"n0=a:number ".repeat(1000), "one");
    let block = r.blocks().remove(0);
    let (record, _) = Record::split_first(&block).unwrap();
    for segment in 0..10_000 {
        tables.function(&record, SegmentId(segment)).unwrap();
        assert!(tables.segments.len() <= SEGMENTS && tables.bytes <= BYTES);
    }
    // Named once, though described a thousand times.
    let known = tables.segments.values().next().unwrap().functions.get(&1).unwrap();
    assert_eq!(known.args.len(), 1);
    assert_eq!(tables.segments.keys().next_back(), Some(&SegmentId(9_999)));
}

#[test]
fn names_of_arguments_are_plain() {
    let names =
        |text: &str| arguments(text.as_bytes()).iter().map(|a| a.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names("n0=a:number n1=b_2:bits"), ["a", "b_2"]);
    assert_eq!(names("n0=a\":number n1=:bits n2=A:bits n3=a,b:bits n0=a\u{e9}:bits"), Vec::<String>::new());
    assert_eq!(arguments(b"\xff").len(), 0);
}
