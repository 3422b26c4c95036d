//! The fields of events that tell of cryptography in use: calls and TLS handshakes.
//!
//! Invariant: what stands for something is written by its name and, in a field with `_id` at its end, as a number.

use crypto_tracer_format::catalogue::files::basename;
use crypto_tracer_format::record::{api_bits, tls_bits};

use crate::event::{ApiCall, Endpoint, TlsHandshake};
use crate::json::{put_name, put_number, put_object, put_text, put_true};
use crate::tls::registry::{CIPHER_SUITES, GROUPS, Registry, SIGNATURE_SCHEMES, VERSIONS};

/// A call.
pub fn put_call(out: &mut Vec<u8>, call: &ApiCall<'_>) {
    put_text(out, "function_name", call.function);
    put_text(out, "library", basename(call.library));
    put_text(out, "library_path", call.library);
    put_text(out, "library_family", call.family);
    put_text(out, "topic", call.topic);
    put_text(out, "result", call.result.as_bytes());
    if let Some(returned) = call.returned {
        put_number(out, "returned", returned);
    }
    put_name(out, "args");
    out.extend_from_slice(if call.args.is_empty() { b"{}" } else { call.args });
    if let Some(count) = call.count {
        put_number(out, "count", count);
    }
    if call.duration_ns != 0 {
        put_milliseconds(out, "duration_ms", call.duration_ns);
    }
    if call.tries > 1 {
        put_number(out, "tries", call.tries);
    }
    for (bit, name) in [
        (api_bits::ARGUMENT_UNREADABLE | api_bits::STRING_CUT, "args_incomplete"),
        (api_bits::INTERNAL, "internal"),
    ] {
        if call.bits & bit != 0 {
            put_true(out, name);
        }
    }
}

/// A handshake.
pub fn put_handshake(out: &mut Vec<u8>, tls: &TlsHandshake<'_>) {
    put_text(out, "role", if tls.client { b"client" } else { b"server" });
    put_registered(out, "version", "version_id", &VERSIONS, tls.version);
    put_registered(out, "cipher_suite", "cipher_suite_id", &CIPHER_SUITES, tls.cipher_suite);
    put_registered(out, "group", "group_id", &GROUPS, tls.group);
    put_registered(out, "signature_scheme", "signature_scheme_id", &SIGNATURE_SCHEMES, tls.signature_scheme);
    for (name, text) in [("sni", tls.sni), ("alpn", tls.alpn)] {
        if !text.is_empty() {
            put_text(out, name, text);
        }
    }
    if let Some(resumed) = tls.resumed {
        put_bool(out, "resumed", resumed);
    }
    put_bool(out, "hello_retry", tls.hello_retry);
    if !tls.offered.is_empty() {
        put_bool(out, "ech", tls.ech);
    }
    put_text(out, "result", tls.result.as_bytes());
    if let Some(alert) = tls.alert {
        put_name(out, "alert");
        put_object(out, |out| {
            match alert.description {
                Some(number) => {
                    put_text(out, "description", alert.name().as_bytes());
                    put_number(out, "description_id", number);
                }
                None => put_bool(out, "encrypted", true),
            }
            put_text(out, "direction", if alert.sent { b"sent" } else { b"received" });
        });
    }
    for (name, text) in [
        ("verify", tls.verify),
        ("library", basename(tls.library)),
        ("library_path", tls.library),
        ("ja4", tls.ja4),
    ] {
        if !text.is_empty() {
            put_text(out, name, text);
        }
    }
    if let Some(duration_ns) = tls.duration_ns {
        put_milliseconds(out, "duration_ms", duration_ns);
    }
    put_endpoint(out, "local", tls.local);
    put_endpoint(out, "peer", tls.peer);
    for (name, json) in [("offered", tls.offered), ("certificates", tls.certificates)] {
        if !json.is_empty() {
            put_name(out, name);
            out.extend_from_slice(json);
        }
    }
    put_number(out, "connection", tls.connection);
    for (bit, name) in [(tls_bits::CUT, "hello_incomplete"), (tls_bits::LATE, "late")] {
        if tls.bits & bit != 0 {
            put_true(out, name);
        }
    }
}

fn put_registered(out: &mut Vec<u8>, name: &str, id: &str, registry: &Registry, number: Option<u16>) {
    if let Some(number) = number {
        put_text(out, name, registry.name(number).as_bytes());
        put_number(out, id, number);
    }
}

fn put_bool(out: &mut Vec<u8>, name: &str, value: bool) {
    put_name(out, name);
    out.extend_from_slice(if value { b"true" } else { b"false" });
}

/// Milliseconds with three digits behind the point: to the microsecond, as time stamps are.
fn put_milliseconds(out: &mut Vec<u8>, name: &str, ns: u64) {
    put_name(out, name);
    let micros = ns / 1000;
    out.extend_from_slice(format!("{}.{:03}", micros / 1000, micros % 1000).as_bytes());
}

fn put_endpoint(out: &mut Vec<u8>, name: &str, end: Endpoint) {
    put_name(out, name);
    put_object(out, |out| {
        put_text(out, "address", end.address_text().as_bytes());
        put_number(out, "port", end.port);
    });
}
