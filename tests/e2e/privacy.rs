//! No secret reaches a capture, a database or an output: known ones are planted in everything that a workload does, and
//! searched for in all that was written.

use crate::support::{Capture, need_bpf, private, python, record, s, text, tracer};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const WORKLOAD: &str = concat!(include_str!("workloads/common.py"), include_str!("workloads/secrets.py"));

/// What the workload planted: a name for messages, and the bytes.
fn planted(work: &Path) -> BTreeMap<String, Vec<u8>> {
    let json = std::fs::read(work.join("planted.json")).expect("the workload says what it planted");
    let json: BTreeMap<String, String> = serde_json::from_slice(&json).expect("JSON");
    json.into_iter().map(|(name, hex)| (name, crate::support::unhex(&hex))).collect()
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for three in bytes.chunks_exact(3) {
        let n = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        out.extend([18, 12, 6, 0].map(|shift| LETTERS[(n >> shift) as usize & 63]));
    }
    out
}

/// The ways in which bytes might be written: as they are, as hexadecimal numbers, as base64 from each position.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = secret.iter().map(|b| format!("{b:02x}")).collect();
    let mut forms = vec![secret.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    forms.extend((0..3).map(|skip| base64(&secret[skip..])));
    forms
}

/// Secrets of which any 12 bytes in a row stand in `text`.
fn found_in(text: &[u8], secrets: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    const ENOUGH: usize = 12;
    let mut windows = std::collections::HashMap::new();
    for (name, secret) in secrets {
        for form in forms(secret) {
            assert!(form.len() >= ENOUGH, "{name} is too short to be told from chance");
            for window in form.windows(ENOUGH) {
                windows.insert(window.to_vec(), name);
            }
        }
    }
    let mut found: Vec<String> =
        text.windows(ENOUGH).filter_map(|w| windows.get(w)).map(|name| (*name).clone()).collect();
    found.sort();
    found.dedup();
    found
}

/// How a workload is recorded and analyzed, and what of its secrets are names of hosts that are then shown.
#[derive(Default)]
struct Case<'a> {
    record: &'a [&'a str],
    analyze: &'a [&'a str],
    /// In the capture itself.
    in_capture: &'a [&'a str],
    /// In what the analyzer makes of it.
    in_output: &'a [&'a str],
}

/// What is in the capture itself, not made of it.
const CAPTURE: [&str; 2] = ["the capture", "the decompressed stream"];

/// Everything that can be had of a capture: itself, its stream, the database, every view in every format.
fn everything(capture: &Capture, analyze: &[&str]) -> Vec<(String, Vec<u8>)> {
    let path = capture.path.to_str().expect("UTF-8");
    let mut all = vec![(CAPTURE[0].to_owned(), std::fs::read(&capture.path).expect("readable"))];
    let stream = Command::new("zstd").args(["-dcq", path]).output().expect("zstd starts");
    assert!(stream.status.success(), "{}", text(&stream.stderr));
    all.push((CAPTURE[1].into(), stream.stdout));
    let db = capture.dir.path().join("all.db");
    let db = db.to_str().expect("UTF-8");
    capture.analyze(&[&["ingest", "--db", db], analyze].concat());
    all.push(("the database".into(), std::fs::read(db).expect("readable")));
    let help = text(&tracer().args(["analyze", "--help"]).output().expect("starts").stdout);
    for view in ["monitor", "profile", "snapshot", "libs", "files", "tls", "summary"] {
        assert!(help.contains(view), "{view} is a view");
        let formats: &[&str] = if view == "monitor" { &["json-stream", "table"] } else { &["json", "table"] };
        for format in formats {
            let pid = capture.pid.to_string();
            let target = ["--pid", pid.as_str(), "--follow-children"];
            let which: &[&str] = if view == "profile" { &target } else { &[] };
            for from in [path, db] {
                let args = [&["analyze", view, from, "--format", format], which, analyze].concat();
                let out = tracer().args(&args).output().expect("starts");
                assert!(out.status.success(), "{args:?}: {}", text(&out.stderr));
                all.push((args.join(" "), [out.stdout, out.stderr].concat()));
            }
        }
    }
    all
}

fn secrets_stay_where_they_are(case: &Case<'_>) {
    need_bpf!();
    let mut more: Vec<&str> = case.record.to_vec();
    let (openssl, gnutls) = (private::openssl(), private::gnutls());
    let node = private::node().to_str().expect("UTF-8");
    let libraries = [openssl.arguments(), gnutls.arguments()].concat();
    more.extend(libraries.iter().map(|a| a.to_str().expect("UTF-8")));
    more.extend(["--library", node]);
    let folder_of = |variable: &str| variable.split_once('=').expect("NAME=VALUE").1.to_owned();
    let path = format!("{}:{}", openssl.variable, folder_of(&gnutls.variable));
    let node = format!("NODE={node}");
    let args = [path.as_str(), node.as_str(), python(), "-IS", "work.py"];
    let capture = record("env", &args, &more, |work| {
        crate::handshakes::certificates(work);
        std::fs::write(work.join("work.py"), WORKLOAD).expect("written");
    });
    let (out, err) = (text(&capture.output.stdout), text(&capture.output.stderr));
    assert!(capture.output.status.success(), "the workload failed:\n{out}{err}");
    let secrets = planted(&capture.work());
    assert!(secrets.len() > 50, "{secrets:?}");
    let but_for = |shown: &[&str]| {
        let mut hidden = secrets.clone();
        let shown: BTreeMap<_, _> = shown.iter().filter_map(|name| hidden.remove_entry(*name)).collect();
        (hidden, shown)
    };
    let (in_capture, in_output) = (but_for(case.in_capture), but_for(case.in_output));
    assert_eq!(
        (in_capture.1.len(), in_output.1.len()),
        (case.in_capture.len(), case.in_output.len()),
        "all of them were planted"
    );

    // What was recorded is what the secrets went through.
    let events = capture.events(case.analyze);
    let seen = |kind: &str| events.iter().filter(|e| e["event_type"] == kind).count();
    for (kind, least) in
        [("tls_handshake", 20), ("api_call", 100), ("kernel_crypto", 1), ("process_exec", 20)]
    {
        assert!(seen(kind) >= least, "{} of {kind}", seen(kind));
    }
    assert!(events.iter().any(|e| e["event_type"] == "tls_handshake" && s(e, "role") == "server"));
    for program in ["gnutls-cli", "gnutls-serv", "node"] {
        for kind in ["tls_handshake", "api_call"] {
            let found = events.iter().any(|e| e["event_type"] == kind && e["process"] == program);
            assert!(found, "no {kind} of {program}");
        }
    }

    let mut leaks = Vec::new();
    for (what, bytes) in everything(&capture, case.analyze) {
        assert!(!bytes.is_empty(), "{what} is empty");
        let (hidden, shown) = if CAPTURE.contains(&what.as_str()) { &in_capture } else { &in_output };
        leaks.extend(found_in(&bytes, hidden).into_iter().map(|name| format!("{name} in {what}")));
        // What the capture holds, and the analyzer is to hide, is there to be hidden.
        if what == CAPTURE[1] {
            assert_eq!(found_in(&bytes, shown).len(), shown.len(), "{shown:?}");
        }
    }
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// Tokens that stand in the name of a host.
const LABELS: &[&str] = &["label of a host's name", "label of a host's name, in node"];

#[test]
fn by_default() {
    secrets_stay_where_they_are(&Case::default());
}

#[test]
fn with_bulk_functions_and_nothing_redacted() {
    // The names of hosts are shown then; nothing else is.
    secrets_stay_where_they_are(&Case {
        record: &["--no-redact", "--probes", "bulk"],
        analyze: &["--no-redact"],
        in_capture: LABELS,
        in_output: LABELS,
    });
}

#[test]
fn redacted_by_the_analyzer_alone() {
    secrets_stay_where_they_are(&Case { record: &["--no-redact"], in_capture: LABELS, ..Case::default() });
}

#[test]
fn the_search_finds_what_is_there() {
    let secret = b"correct horse battery staple";
    let secrets = BTreeMap::from([("a phrase".to_owned(), secret.to_vec())]);
    for form in forms(secret) {
        let text = [b"before ".as_slice(), &form[..form.len() - 1], b" after"].concat();
        assert_eq!(found_in(&text, &secrets), ["a phrase"], "{}", String::from_utf8_lossy(&form));
    }
    assert!(found_in(b"a correct HORSE, a battery STAPLE", &secrets).is_empty());
}
