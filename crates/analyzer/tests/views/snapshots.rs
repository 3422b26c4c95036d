//! `snapshot` at any moment of a capture.

use crypto_tracer_analyzer::AnalyzeError;
use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::views::{SnapshotOptions, ViewError};
use serde_json::{Value, json};

use crate::scene::{NGINX, begin, scan, scene};
use crate::testing::{Recording, wall, who};
use crate::{Folder, View, material};

fn at(recording: &Recording, ms: i64) -> Value {
    let folder = Folder::new();
    let view = View::Snapshot(SnapshotOptions { at_wall_ns: Some(wall(ms)) });
    let mut documents = view.documents(&material(&[folder.file("a.ctrace", &recording.bytes())]));
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

fn alive(snapshot: &Value) -> Vec<(u64, &str)> {
    let processes = snapshot["processes"].as_array().unwrap();
    processes.iter().map(|p| (p["pid"].as_u64().unwrap(), p["name"].as_str().unwrap())).collect()
}

#[test]
fn a_snapshot_shows_who_lived_then() {
    let scene = scene();
    assert_eq!(
        alive(&at(&scene, 5)),
        [(1234, "nginx")],
        "what the scan finds was there when the segment began"
    );
    assert_eq!(alive(&at(&scene, 2050)), [(1234, "nginx"), (1300, "nginx"), (2000, "curl")]);
    assert_eq!(alive(&at(&scene, 2005)), [(1234, "nginx"), (1300, "nginx")], "curl has no library yet");
    assert_eq!(alive(&at(&scene, 2500)), [(1234, "nginx"), (1300, "nginx")], "curl has ended");
    assert_eq!(alive(&at(&scene, 8050)), [(1234, "nginx"), (1300, "nginx"), (2000, "openssl")]);
    let snapshot = at(&scene, 2050);
    assert_eq!(
        snapshot["summary"],
        json!({"total_processes": 3, "total_libraries": 6, "unique_libraries": 2, "total_files": 1})
    );
    assert_eq!(snapshot["generated_at"], "2025-11-17T10:30:47.050000Z");
    assert_eq!(snapshot["processes"][0]["running_as"], "root");
    assert_eq!(snapshot["processes"][2]["running_as"], "1000", "a user without a name is a number");
    assert_eq!(snapshot["processes"][0]["libraries"], json!(["libcrypto.so.3", "libssl.so.3"]));
    assert_eq!(snapshot["processes"][0]["open_crypto_files"], json!(["/etc/ssl/private/server.key"]));
}

#[test]
fn a_process_that_a_later_scan_misses_is_not_alive() {
    let mut r = scene();
    // Recorded again later: nobody saw nginx end, but the scan finds another one in its place.
    r.segment(60_000);
    begin(&mut r);
    let other = who(4321, b"apache2");
    r.process(60_010, other, 1, "/usr/sbin/apache2", &["apache2"], "/").mapping(
        60_011,
        other,
        crate::scene::SSL,
    );
    r.scanned(60_010, 60_020, 1, 0).clock(61_000, wall(61_000));
    assert_eq!(alive(&at(&r, 60_500)), [(4321, "apache2")]);
    assert_eq!(alive(&at(&r, 9_000)), [(1234, "nginx"), (1300, "nginx")]);
    assert_eq!(
        alive(&at(&r, 30_000)),
        [(1234, "nginx"), (1300, "nginx")],
        "between segments: as it was last known"
    );
}

#[test]
fn the_end_is_the_default_and_other_times_are_refused() {
    let mut r = Recording::begin(crate::testing::HOST);
    begin(&mut r);
    scan(&mut r, 10);
    r.scanned(10, 20, 2, 0);
    let folder = Folder::new();
    let material = material(&[folder.file("a.ctrace", &r.bytes())]);
    let documents = View::Snapshot(SnapshotOptions::default()).documents(&material);
    assert_eq!(alive(&documents[0]), [(u64::from(NGINX.pid), "nginx")]);
    assert_eq!(documents[0]["generated_at"], "2025-11-17T10:30:45.020000Z");
    for ms in [-1000, 1000] {
        let view = View::Snapshot(SnapshotOptions { at_wall_ns: Some(wall(ms)) });
        let error = view.write(&material, Format::Json).unwrap_err();
        assert!(matches!(error, AnalyzeError::View(ViewError::NotCaptured { .. })), "{error}");
    }
}
