//! What the documents say, field by field, where it matters.

use crypto_tracer_analyzer::AnalyzeError;
use crypto_tracer_analyzer::views::{FilesOptions, LibsOptions, SummaryOptions, ViewError};
use crypto_tracer_format::record::{Fact, ProbeState};
use serde_json::{Value, json};

use crate::scene::{CRYPTO, CURL, GNUTLS, NGINX, OPENSSL, PYTHON, SSL, WORKER, scene};
use crate::testing::{HOST, Recording, who};
use crate::{Folder, View, material};

fn documents(recording: &Recording, view: &View) -> Vec<Value> {
    let folder = Folder::new();
    view.documents(&material(&[folder.file("a.ctrace", &recording.bytes())]))
}

fn strings<'a>(list: &'a Value, field: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|entry| entry[field].as_str().unwrap()).collect()
}

#[test]
fn every_document_of_every_view_is_valid() {
    for view in View::all() {
        assert!(!documents(&scene(), &view).is_empty());
    }
    // Also of a host of which nothing is known.
    let mut bare = Recording::empty();
    bare.host("", "", 0);
    for view in View::all().into_iter().skip(2) {
        assert_eq!(documents(&bare, &view).len(), 1, "{view:?}");
    }
}

#[test]
fn a_short_lived_process_is_complete() {
    let documents = documents(&scene(), &View::pid(CURL.pid));
    let curl = &documents[0];
    assert_eq!(
        curl["process"],
        json!({
            "pid": 2000, "name": "curl", "exe": "/usr/bin/curl", "cmdline": "curl -s https://example.org/",
            "ppid": 900, "uid": 1000, "gid": 1000, "before_recording": false, "exit_code": 35,
            "start_time": "2025-11-17T10:30:47.000000Z", "end_time": "2025-11-17T10:30:47.100000Z",
        })
    );
    assert_eq!(strings(&curl["libraries"], "path"), [CRYPTO, SSL]);
    assert_eq!(curl["libraries"][0]["load_time"], "2025-11-17T10:30:47.010000Z");
    assert_eq!(curl["libraries"][0]["version"], OPENSSL);
    assert_eq!(strings(&curl["files_accessed"], "path"), ["/etc/ssl/certs/ca-certificates.crt"]);
    assert_eq!(
        curl["files_failed"],
        json!([{
            "path": "/home/alice/client.key", "type": "private_key", "access_count": 0, "mode": "read",
            "failures": [{
                "error": "EACCES", "errno": 13, "count": 1,
                "first": "2025-11-17T10:30:47.030000Z", "last": "2025-11-17T10:30:47.030000Z",
            }],
        }])
    );
    assert_eq!(
        curl["statistics"],
        json!({
            "total_events": 7, "libraries_loaded": 2, "files_accessed": 1, "files_failed": 1, "accesses": 1,
            "failures": 1, "api_calls_made": 0, "tls_handshakes": 0, "tls_failures": 0, "children": 0,
        })
    );
}

#[test]
fn failures_and_accesses_of_one_file_are_told_apart() {
    let documents = documents(&scene(), &View::pid(PYTHON.pid));
    let python = &documents[0];
    let cert = &python["files_accessed"][0];
    assert_eq!(cert["path"], "/srv/app/cert.pem");
    assert_eq!(cert["access_count"], 1);
    assert_eq!(cert["first_access"], "2025-11-17T10:30:48.300000Z");
    assert_eq!(cert["failures"][0]["error"], "ENOENT");
    assert_eq!(cert["failures"][0]["count"], 2);
    assert_eq!(cert["failures"][0]["last"], "2025-11-17T10:30:48.200000Z");
    assert_eq!(python["files_accessed"][1]["mode"], "write");
    assert_eq!(python["process"]["signal"], 9);
    let container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    assert_eq!(python["process"]["container"], container, "forked outside of it, by bash");
    assert_eq!(python["process"].get("exit_code"), None);
    let odd = &python["files_failed"][0];
    assert_eq!(odd["path"], "/srv/app/odd\n\u{fffd}\u{1b}[31m.pem");
    assert_eq!(odd["path_hex"], "2f7372762f6170702f6f64640aff1b5b33316d2e70656d");
}

#[test]
fn a_forked_worker_has_its_parents_libraries() {
    let documents = documents(&scene(), &View::family(NGINX.pid));
    let nginx = &documents[0];
    assert_eq!(nginx["process"]["before_recording"], true);
    assert_eq!(nginx["process"]["user"], "root");
    assert_eq!(nginx["open_files"][0]["path"], "/etc/ssl/private/server.key");
    let child = &nginx["children"][0];
    assert_eq!(child["process"]["pid"], WORKER.pid);
    assert_eq!(child["process"]["user"], "www-data");
    assert_eq!(strings(&child["libraries"], "how"), ["inherited", "inherited"]);
    assert_eq!(nginx["statistics"]["children"], 1);
    // Bash has three children, and each began another program: none inherited anything.
    let bash = &crate::documents::documents(&scene(), &View::family(900))[0];
    assert_eq!(bash["children"].as_array().unwrap().len(), 3);
    assert_eq!(strings(&bash["children"][1]["libraries"], "path"), [GNUTLS]);
}

#[test]
fn names_match_by_part_in_any_case_and_nothing_is_an_error_with_candidates() {
    assert_eq!(documents(&scene(), &View::name("NGI")).len(), 2);
    // curl was called bash until it began its program: a name that a process had counts.
    let folder = Folder::new();
    let material = material(&[folder.file("a.ctrace", &scene().bytes())]);
    for view in [View::name("apache"), View::pid(4_000_000)] {
        match view.write(&material, crypto_tracer_analyzer::render::Format::Json) {
            Err(AnalyzeError::View(ViewError::NoProcess { candidates, .. })) => {
                assert!(candidates.iter().any(|c| c.name == "curl" && c.pid == CURL.pid), "{candidates:?}");
                assert!(!candidates.iter().any(|c| c.name == "bash"), "bash used no cryptography");
            }
            other => panic!("expected no process, got {other:?}"),
        }
    }
}

#[test]
fn what_was_not_seen_is_said() {
    let covered = |recording: &Recording| {
        documents(recording, &View::Summary(SummaryOptions::default()))[0]["coverage"].clone()
    };
    let coverage = covered(&scene());
    assert_eq!(coverage["complete"], false);
    assert_eq!(coverage["lost_records"], 12);
    assert_eq!(
        coverage["losses"],
        json!([{
            "fact": "file_open", "reason": "buffer full", "count": 12,
            "from": "2025-11-17T10:30:49.600000Z", "to": "2025-11-17T10:30:49.900000Z",
        }])
    );
    assert_eq!(coverage["redaction"], json!(["secrets"]));
    // The capture is of a release that knew three facts less: that is told, and no fault of the capture.
    let facts = |coverage: &Value| strings(&coverage["not_observed"], "fact").join(" ");
    assert_eq!(facts(&coverage), "api_call tls_handshake kernel_crypto");
    assert_eq!(coverage["not_observed"][0]["reason"], "the release that recorded does not know of it");
    assert_eq!(coverage["baseline"]["processes"], 2);

    let mut blind = Recording::begin(HOST);
    blind
        .probe(Fact::FileOpen, ProbeState::NotPermitted, "fexit", "needs CAP_PERFMON")
        .probe(Fact::FileOpen, ProbeState::NotNeeded, "raw_tracepoint", "")
        .scanned(1, 2, 5, 3)
        .complete(10);
    let coverage = covered(&blind);
    assert_eq!(
        coverage["not_observed"][0],
        json!({"fact": "file_open", "reason": "fexit: not permitted: needs CAP_PERFMON"})
    );
    assert_eq!(
        coverage["not_observed"][1],
        json!({"fact": "lib_load", "reason": "the capture names no probe for it"})
    );
    assert_eq!(coverage["not_observed"].as_array().unwrap().len(), 8);
    assert_eq!(coverage["complete"], false);
}

#[test]
fn libs_and_files_can_be_chosen() {
    let libs = |name: &str| {
        let view = View::Libs(LibsOptions { name: Some(name.to_owned()) });
        strings(&documents(&scene(), &view)[0]["libraries"], "path").join(" ")
    };
    assert_eq!(libs("openssl"), format!("{CRYPTO} {SSL}"));
    assert_eq!(libs("LIBGNUTLS"), GNUTLS);
    assert_eq!(libs("gcrypt"), "");
    let files = |path: &str| {
        let view = View::Files(FilesOptions { path: Some(path.to_owned()) });
        strings(&documents(&scene(), &view)[0]["files"], "path").join(" ")
    };
    assert_eq!(files("*.key"), "/etc/ssl/private/server.key /home/alice/client.key");
    assert_eq!(files("/srv/app/cert.pe?"), "/srv/app/cert.pem");
    assert_eq!(files("cert.pem"), "");
}

#[test]
fn the_summary_counts_what_happened() {
    let summary = &documents(&scene(), &View::Summary(SummaryOptions::default()))[0];
    assert_eq!(
        summary["counts"],
        json!({
            "processes": 6, "crypto_processes": 5, "libraries": 3, "files": 7, "file_opens": 5, "failed_opens": 4,
            "library_loads": 4, "forks": 4, "execs": 3, "exits": 3,
        })
    );
    assert_eq!(summary["span"]["duration_seconds"], 10);
    assert_eq!(summary["failed_files"][0]["path"], "/srv/app/cert.pem");
    assert_eq!(summary["failed_files"][0]["meaning"], "no such file");
    let versions: Vec<_> =
        summary["libraries"].as_array().unwrap().iter().map(|l| l["version"].clone()).collect();
    assert_eq!(versions, ["GnuTLS 3.7.9", OPENSSL]);
    assert_eq!(summary["libraries"][1]["process_count"], 4, "nginx, its worker, curl, openssl");
    let top = View::Summary(SummaryOptions { top: 1 });
    assert_eq!(documents(&scene(), &top)[0]["files"].as_array().unwrap().len(), 1);
}

#[test]
fn names_of_any_bytes_give_valid_documents() {
    let odd = who(50, b"\x1b]0;x\x07\xff");
    let mut r = Recording::begin(HOST);
    r.exec(10, odd, 1, "/tmp/\u{9b}x", &["a\nb", "c d", ""])
        .load(20, odd, b"/tmp/\xfe/libssl.so.3")
        .open(30, odd, b"/tmp", b"\"\\.pem", 0, -13)
        .complete(50);
    for view in View::all().into_iter().skip(1) {
        let folder = Folder::new();
        let material = material(&[folder.file("a.ctrace", &r.bytes())]);
        view.documents(&material);
        let (text, _) = view.write(&material, crypto_tracer_analyzer::render::Format::Table).unwrap();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        let (text, _) = view.write(&material, crypto_tracer_analyzer::render::Format::Json).unwrap();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    }
    let process = &documents(&r, &View::pid(50))[0]["process"];
    assert_eq!(process["name_hex"], "1b5d303b7807ff");
    assert_eq!(process["cmdline"], "'a\nb' 'c d' ''");
}
