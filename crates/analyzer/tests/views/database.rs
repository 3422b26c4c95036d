//! A database in place of the capture: the same bytes, and nothing twice.

use crypto_tracer_analyzer::Completeness;
use crypto_tracer_analyzer::monitor::{MonitorOptions, monitor};
use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::store::{IngestOptions, ingest_captures, is_database};
use crypto_tracer_analyzer::{AnalyzeError, open};
use std::path::PathBuf;

use crate::scene::{CURL, NGINX, begin, scan, scene, wire};
use crate::testing::{Recording, who};
use crate::{Folder, View, ingest_into, material};

const OTHER_HOST: &str = "99999999-2222-3333-4444-555555555555";

fn monitored(inputs: &[PathBuf]) -> String {
    let mut out = Vec::new();
    let options = MonitorOptions::default();
    monitor(&mut *open(inputs, false).unwrap(), &options, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn viewed(inputs: &[PathBuf]) -> Vec<String> {
    let material = material(inputs);
    let formats = [Format::Json, Format::JsonPretty, Format::Table];
    let views = View::all().into_iter().flat_map(|view| formats.map(|format| (view.clone(), format)));
    views.map(|(view, format)| view.write(&material, format).unwrap().0).collect()
}

/// Equal, or the first line that isn't.
fn same(got: &[serde_json::Value], want: &[serde_json::Value]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        let (got, want) = (format!("{got:#}"), format!("{want:#}"));
        for (got_line, want_line) in got.lines().zip(want.lines()) {
            assert_eq!(got_line, want_line, "\n{got}");
        }
        assert_eq!(got, want);
    }
}

/// Two segments, so that the second can come later.
fn two_segments() -> Recording {
    let mut r = scene();
    r.segment(10_001);
    begin(&mut r);
    scan(&mut r, 10_010);
    r.scanned(10_010, 10_020, 2, 0)
        .complete(10_020)
        .read(11_000, NGINX, "/etc/ssl/certs/late.crt")
        .complete(12_000);
    r
}

#[test]
fn a_database_gives_the_bytes_of_the_capture() {
    let folder = Folder::new();
    for (name, recording) in [("one", scene()), ("two", two_segments()), ("three", wire())] {
        let capture = folder.file(&format!("{name}.ctrace"), &recording.bytes());
        let database = folder.path(&format!("{name}.db"));
        let done = ingest_into(&database, std::slice::from_ref(&capture)).unwrap();
        assert_eq!((done.known, done.replaced), (0, 0));
        assert!(is_database(&database) && !folder.path(&format!("{name}.db.partial")).exists());
        let events = monitored(std::slice::from_ref(&capture));
        assert_eq!(done.events, events.lines().count() as u64);
        assert_eq!(monitored(std::slice::from_ref(&database)), events);
        assert_eq!(viewed(&[database]), viewed(&[capture]));
    }
}

#[test]
fn ingesting_twice_changes_no_byte() {
    let folder = Folder::new();
    let capture = folder.file("a.ctrace", &two_segments().bytes());
    let database = folder.path("a.db");
    assert_eq!(ingest_into(&database, std::slice::from_ref(&capture)).unwrap().added, 2);
    let before = std::fs::read(&database).unwrap();
    let again = ingest_into(&database, &[capture]).unwrap();
    assert_eq!((again.added, again.replaced, again.known, again.events), (0, 0, 2, 0));
    assert!(std::fs::read(&database).unwrap() == before);
}

#[test]
fn a_segment_that_grew_replaces_its_beginning() {
    let folder = Folder::new();
    let whole = scene().bytes();
    let capture = folder.file("a.ctrace", &whole);
    // The recorder still writes: of the blocks, some are there, and there is no end.
    let early = whole.get(..whole.len() * 6 / 10).unwrap();
    let partial = folder.file("a.ctrace.partial", early);
    let database = folder.path("a.db");
    let first = ingest_into(&database, std::slice::from_ref(&partial)).unwrap();
    assert_eq!(first.added, 1);
    assert!((3..20).contains(&first.events), "{first:?}");
    // Read again as it was, it adds nothing.
    let before = std::fs::read(&database).unwrap();
    assert_eq!(ingest_into(&database, &[partial]).unwrap().known, 1);
    assert!(std::fs::read(&database).unwrap() == before);
    // Grown, it replaces what was there.
    let second = ingest_into(&database, std::slice::from_ref(&capture)).unwrap();
    assert_eq!((second.added, second.replaced, second.known), (0, 1, 0));
    assert_eq!(monitored(std::slice::from_ref(&database)), monitored(std::slice::from_ref(&capture)));
    assert_eq!(viewed(&[database]), viewed(&[capture]));
}

#[test]
fn a_capture_can_come_segment_by_segment() {
    let folder = Folder::new();
    let recording = two_segments();
    let whole = folder.file("whole.ctrace", &recording.bytes());
    let files = recording.files();
    let database = folder.path("a.db");
    for (index, bytes) in files.iter().enumerate() {
        let file = folder.file(&format!("{index}.ctrace"), bytes);
        assert_eq!(ingest_into(&database, &[file]).unwrap().added, 1);
    }
    assert_eq!(ingest_into(&database, std::slice::from_ref(&whole)).unwrap().known, 2);
    let documents = View::family(NGINX.pid).documents(&material(std::slice::from_ref(&database)));
    assert_eq!(documents.len(), 1, "one process, though two runs told of it");
    same(&documents, &View::family(NGINX.pid).documents(&material(std::slice::from_ref(&whole))));
    assert_eq!(monitored(&[database]), monitored(&[whole]));
}

#[test]
fn a_capture_that_gained_a_segment_adds_that_alone() {
    let folder = Folder::new();
    let recording = two_segments();
    let first = folder.file("first.ctrace", &recording.files()[0]);
    let whole = folder.file("whole.ctrace", &recording.bytes());
    let database = folder.path("a.db");
    assert_eq!(ingest_into(&database, &[first]).unwrap().added, 1);
    let done = ingest_into(&database, std::slice::from_ref(&whole)).unwrap();
    assert_eq!((done.added, done.known, done.events), (1, 1, 1));
    assert_eq!(monitored(std::slice::from_ref(&database)), monitored(std::slice::from_ref(&whole)));
    assert_eq!(viewed(&[database]), viewed(&[whole]));
}

#[test]
fn a_capture_without_its_frames_is_the_same_capture() {
    let folder = Folder::new();
    let recording = two_segments();
    let capture = folder.file("a.ctrace", &recording.bytes());
    // What `zstd -dc a.ctrace | zstd` gives.
    let bare = folder.file("bare.zst", &zstd::encode_all(&recording.blocks().concat()[..], 1).unwrap());
    let database = folder.path("a.db");
    assert_eq!(viewed(std::slice::from_ref(&bare)), viewed(std::slice::from_ref(&capture)));
    ingest_into(&database, std::slice::from_ref(&capture)).unwrap();
    assert_eq!(ingest_into(&database, std::slice::from_ref(&bare)).unwrap().added, 0);
    let options = IngestOptions { database: folder.path("other.db") };
    let refused = ingest_captures(&[capture, database.clone()], true, &options).unwrap_err();
    assert!(refused.to_string().ends_with("a.db is a database: ingest reads captures"), "{refused}");
}

#[test]
fn hosts_in_one_database_are_kept_apart() {
    let folder = Folder::new();
    let mut other = Recording::empty();
    other.seed = 2;
    other.host(OTHER_HOST, "db1", 0).clock(0, crate::testing::WALL);
    begin(&mut other);
    scan(&mut other, 10);
    other.scanned(10, 20, 2, 0).complete(20).read(500, NGINX, "/etc/other.pem").complete(1000);
    let a = folder.file("a.ctrace", &scene().bytes());
    let b = folder.file("b.ctrace", &other.bytes());
    let database = folder.path("a.db");
    ingest_into(&database, std::slice::from_ref(&a)).unwrap();
    ingest_into(&database, std::slice::from_ref(&b)).unwrap();
    let both = material(std::slice::from_ref(&database));
    for view in View::all() {
        let documents = view.documents(&both);
        let single: Vec<_> =
            [&b, &a].into_iter().flat_map(|p| view.documents(&material(std::slice::from_ref(p)))).collect();
        same(&documents, &single);
    }
    // The two runs overlap in time: their events come merged.
    let (merged, direct) = (monitored(&[database]), monitored(&[a, b]));
    assert_eq!(merged.lines().collect::<Vec<_>>(), direct.lines().collect::<Vec<_>>());
}

#[test]
fn damage_is_told_from_the_database_too() {
    let folder = Folder::new();
    let mut bytes = two_segments().bytes();
    let cut = bytes.len() - 300;
    bytes.truncate(cut);
    let capture = folder.file("cut.ctrace", &bytes);
    let database = folder.path("cut.db");
    ingest_into(&database, std::slice::from_ref(&capture)).unwrap();
    for input in [&capture, &database] {
        let material = material(std::slice::from_ref(input));
        assert_eq!(material.coverage().completeness(), Completeness::Damaged, "{input:?}");
    }
    assert_eq!(viewed(std::slice::from_ref(&database)), viewed(std::slice::from_ref(&capture)));
    assert_eq!(monitored(&[database]), monitored(&[capture]));
}

#[test]
fn strangers_files_are_refused_with_the_reason() {
    let folder = Folder::new();
    let capture = folder.file("a.ctrace", &scene().bytes());
    let database = folder.path("a.db");
    ingest_into(&database, std::slice::from_ref(&capture)).unwrap();
    let change = |name: &str, sql: &str| {
        let path = folder.path(name);
        std::fs::copy(&database, &path).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        open(&[path], false).map(|_| ()).unwrap_err().to_string()
    };
    assert!(
        change("v.db", "PRAGMA user_version = 7")
            .contains("schema version 7, but this release reads version 2")
    );
    assert!(change("f.db", "PRAGMA application_id = 5").contains("not a database of crypto-tracer"));
    let evil = "CREATE TRIGGER evil AFTER INSERT ON runs BEGIN DELETE FROM events; END";
    assert!(change("t.db", evil).contains("the trigger evil is not as this release makes it"));
    let path = folder.path("t.db");
    let refused = ingest_into(&path, std::slice::from_ref(&capture)).unwrap_err();
    assert!(matches!(refused, AnalyzeError::Store(_)), "{refused}");
    // Any byte of a database may be wrong: an answer or an error, never a panic.
    let whole = std::fs::read(&database).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 150) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        let path = folder.file("bent.db", &bytes);
        if !is_database(&path) {
            continue;
        }
        if let Ok(material) = crypto_tracer_analyzer::views::Material::open(&path) {
            for view in View::all() {
                let _ = view.write(&material, Format::Json);
            }
        }
        if let Ok(mut source) = open(&[path], false) {
            let _ = monitor(&mut *source, &MonitorOptions::default(), &mut Vec::new());
        }
    }
}

#[test]
fn a_failed_ingest_leaves_nothing_behind() {
    let folder = Folder::new();
    let junk = folder.file("junk.ctrace", b"this is no capture");
    let database = folder.path("a.db");
    ingest_into(&database, std::slice::from_ref(&junk)).unwrap_err();
    assert!(!database.exists() && !folder.path("a.db.partial").exists());
    let capture = folder.file("a.ctrace", &scene().bytes());
    ingest_into(&database, &[capture]).unwrap();
    let before = std::fs::read(&database).unwrap();
    ingest_into(&database, &[junk]).unwrap_err();
    assert!(std::fs::read(&database).unwrap() == before);
    // What a killed run left is no obstacle.
    let other = folder.path("b.db");
    folder.file("b.db.partial", b"half a database");
    let capture = folder.path("a.ctrace");
    assert_eq!(ingest_into(&other, &[capture]).unwrap().added, 1);
}

#[test]
fn an_interrupted_ingest_is_said_and_undone_by_the_next() {
    let folder = Folder::new();
    let capture = folder.file("a.ctrace", &scene().bytes());
    let database = folder.path("a.db");
    ingest_into(&database, std::slice::from_ref(&capture)).unwrap();
    let before = monitored(std::slice::from_ref(&database));
    // What is on disk when a writer dies in the middle of a transaction.
    let killed = folder.path("killed.db");
    {
        let writer = rusqlite::Connection::open(&database).unwrap();
        writer
            .execute_batch(
                "PRAGMA cache_size = 1; BEGIN; DELETE FROM events; DELETE FROM states; DELETE FROM rollups",
            )
            .unwrap();
        writer
            .execute_batch(
                "INSERT INTO paths (path, file_type) SELECT hex(randomblob(2000)), 'unknown' FROM processes",
            )
            .unwrap();
        std::fs::copy(&database, &killed).unwrap();
        std::fs::copy(folder.path("a.db-journal"), folder.path("killed.db-journal")).unwrap();
    }
    let error = open(std::slice::from_ref(&killed), false).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("holds half of what an interrupted ingest was adding"), "{error}");
    assert_eq!(ingest_into(&killed, &[capture]).unwrap().known, 1);
    assert_eq!(monitored(&[killed]), before);
}

#[test]
fn a_process_is_one_over_many_segments_and_its_pid_may_be_anothers() {
    let documents = {
        let folder = Folder::new();
        let capture = folder.file("a.ctrace", &two_segments().bytes());
        View::pid(CURL.pid).documents(&material(&[capture]))
    };
    let names: Vec<_> = documents.iter().map(|d| d["process"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["curl", "openssl"]);
    assert_eq!(who(5, b"x").pid, 5);
}
