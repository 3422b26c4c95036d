//! Every view of a real capture: valid by its schema, the same bytes each time, from a capture or from a database.

use crate::support::{copy_for_everybody, failures, need_bpf, record_python, text, tracer, validate};
use serde_json::Value;

const WORK: &str = r#"
import os, ssl, subprocess
open("a.pem", "w").close()
for _ in range(3): open("a.pem").close()
try: open("missing.key")
except OSError: pass
subprocess.run(["cat", "a.pem", "missing.crt"], stderr=subprocess.DEVNULL)
subprocess.run(["openssl", "version"], stdout=subprocess.DEVNULL)
"#;

const DOCUMENTS: &[(&str, &[&str])] = &[
    ("profile", &["profile", "--name", "openssl"]),
    ("snapshot", &["snapshot"]),
    ("libs", &["libs"]),
    ("files", &["files"]),
    ("summary", &["summary"]),
];

#[test]
fn documents_are_valid_and_the_same_from_a_database() {
    need_bpf!();
    let capture = record_python(WORK, &[], |_| ());
    let db = capture.dir.path().join("test.db");
    let db = db.to_str().expect("UTF-8");
    capture.analyze(&["ingest", "--db", db]);
    let counts = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM processes)";
    let sql = |query: &str| {
        let out = tracer().args(["analyze", "sql", db, query, "--format", "csv"]).output().expect("starts");
        assert!(out.status.success(), "{}", text(&out.stderr));
        text(&out.stdout)
    };
    let before = sql(counts);
    capture.analyze(&["ingest", "--db", db]);
    assert_eq!(sql(counts), before, "ingesting twice changes nothing");

    let mut all: Vec<Vec<&str>> = vec![];
    for format in ["json", "json-pretty", "table"] {
        for (_, args) in DOCUMENTS {
            all.push([*args, &["--format", format]].concat());
        }
    }
    for format in ["json-stream", "json-array", "table"] {
        all.push(vec!["monitor", "--format", format]);
    }
    all.push(vec!["snapshot", "--format", "summary"]);
    for args in &all {
        let once = capture.analyze(args);
        assert!(!once.is_empty(), "{args:?} printed nothing");
        assert_eq!(text(&capture.analyze(args)), text(&once), "{args:?} twice");
        let mut from_db = vec!["analyze", args[0], db];
        from_db.extend(&args[1..]);
        let out = tracer().args(&from_db).output().expect("starts");
        assert!(out.status.success(), "{from_db:?}: {}", text(&out.stderr));
        assert_eq!(text(&out.stdout), text(&once), "{args:?} from the database");
    }
    for (schema, args) in DOCUMENTS {
        capture.document(schema, args);
    }
    let array: Value =
        serde_json::from_slice(&capture.analyze(&["monitor", "--format", "json-array"])).expect("JSON");
    for event in array.as_array().expect("an array") {
        validate("event", event);
    }
}

#[test]
fn the_profile_counts_what_was_done() {
    need_bpf!();
    let capture = record_python(WORK, &[], |_| ());
    let pid = capture.pid.to_string();
    let profile = capture.document("profile", &["profile", "--pid", &pid]);
    let files = profile["files_accessed"].as_array().expect("a list");
    let failed = profile["files_failed"].as_array().expect("a list");
    let find = |name: &str| {
        files.iter().chain(failed).find(|f| f["path"].as_str().is_some_and(|p| p.ends_with(name)))
    };
    let a = find("/a.pem").expect("a.pem");
    assert_eq!(a["access_count"], 4, "{a}");
    assert!(a["first_access"].as_str() <= a["last_access"].as_str());
    let missing = find("/missing.key").expect("missing.key");
    assert_eq!(failures(missing, "ENOENT"), 1, "{missing}");
    assert!(find("/missing.crt").is_none(), "that was a child's");
    let family = capture.document("profile", &["profile", "--pid", &pid, "--follow-children"]);
    assert!(family.to_string().contains("missing.crt"), "{family:#}");
}

#[test]
fn the_analyzer_needs_no_privileges() {
    need_bpf!();
    let capture = record_python(WORK, &[], |_| ());
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&capture.path, mode).expect("chmod");
    // The program must be readable by nobody: a copy beside the capture.
    let copy = copy_for_everybody(capture.dir.path());
    let mut command = std::process::Command::new("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
    ]);
    command
        .arg("--inh-caps=-all")
        .arg(&copy)
        .args(["analyze", "summary", "--format", "json"])
        .arg(&capture.path);
    let out = command.output().expect("setpriv is part of util-linux");
    assert!(out.status.success(), "{}", text(&out.stderr));
    validate("summary", &serde_json::from_slice(&out.stdout).expect("JSON"));
}

#[test]
fn filters_are_anded() {
    need_bpf!();
    let capture = record_python(WORK, &[], |_| ());
    let events = |args: &[&str]| capture.events(args).len();
    assert_eq!(events(&["--file", "*/a.pem"]), 5);
    assert_eq!(events(&["--file", "*/a.pem", "--name", "CAT"]), 1, "names match in any case");
    assert_eq!(events(&["--file", "*/a.pem", "--name", "openssl"]), 0);
    assert_eq!(events(&["--file", "a.pem"]), 5, "as it was given");
    assert_eq!(events(&["--library", "libssl", "--name", "openssl"]), 1);
    assert_eq!(events(&["--library", "OPENSSL", "--name", "openssl"]), 2, "by its family");
    assert_eq!(events(&["--uid", "12345"]), 0);
    assert_eq!(events(&["--type", "process_exit", "--name", "cat"]), 1);
}

#[test]
fn a_closed_pipe_ends_quietly() {
    need_bpf!();
    let capture = record_python(WORK, &[], |_| ());
    let tracer = env!("CARGO_BIN_EXE_crypto-tracer");
    let command = format!("{tracer} analyze monitor '{}' | head -n 1", capture.path.display());
    let out =
        std::process::Command::new("bash").args(["-c", &format!("set -o pipefail; {command}")]).output();
    let out = out.expect("bash");
    assert!(out.stderr.is_empty(), "{}", text(&out.stderr));
    assert!(out.status.success(), "{}", out.status);
}
