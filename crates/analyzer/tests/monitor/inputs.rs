//! What `monitor` makes of inputs: several, in folders, cut, through pipes.

use crypto_tracer_analyzer::monitor::{MonitorOptions, monitor};
use crypto_tracer_analyzer::when::When;
use crypto_tracer_analyzer::{AnalyzeError, Completeness, open};

use crate::testing::{HOST, Recording, WALL};
use crate::{CURL, Folder, NGINX, OTHER_HOST, brief, lines, run, run_once};

#[test]
fn segments_of_a_directory_are_one_capture() {
    let mut r = Recording::begin(HOST);
    r.process(1, NGINX, 1, "/usr/sbin/nginx", &["nginx"], "/").read(2, NGINX, "/1.pem");
    r.segment(10).process(11, NGINX, 1, "/usr/sbin/nginx", &["nginx"], "/").read(12, NGINX, "/2.pem");
    let folder = Folder::new();
    let files = r.files();
    // Names that sort the other way round.
    let paths = [folder.file("b.ctrace", &files[0]), folder.file("a.ctrace.partial", &files[1])];
    folder.file("notes.txt", b"not a capture");
    let whole = folder.0.path().join("all");
    std::fs::create_dir(&whole).unwrap();
    std::fs::write(whole.join("whole.ctrace"), r.bytes()).unwrap();
    let want = ["file_open 1234 /1.pem", "file_open 1234 /2.pem"];
    for inputs in [
        vec![folder.0.path().to_path_buf()],
        paths.to_vec(),
        vec![whole.clone()],
        vec![whole, paths[1].clone()],
    ] {
        let (text, outcome) = run(&inputs, &MonitorOptions::default()).unwrap();
        assert_eq!(lines(&text).iter().map(brief).collect::<Vec<_>>(), want, "{inputs:?}");
        assert_eq!(outcome.coverage.unwrap().completeness(), Completeness::Whole);
    }
}

#[test]
fn a_cut_capture_is_read_as_far_as_it_goes() {
    let mut r = Recording::begin(HOST);
    r.read(1, CURL, "/a.pem").complete(2).block().read(3, CURL, "/b.pem").complete(4);
    let bytes = r.bytes();
    let folder = Folder::new();
    // Cut within the second block's data: before END, which begins with the magic of its frame.
    let cut = bytes.len() - 400;
    let (text, outcome) = run(&[folder.file("a.ctrace", &bytes[..cut])], &MonitorOptions::default()).unwrap();
    let got: Vec<_> = lines(&text).iter().map(brief).collect();
    assert_eq!(got, ["file_open 77 /a.pem", "loss null capture"]);
    assert_eq!(outcome.coverage.unwrap().completeness(), Completeness::Damaged);
}

#[test]
fn what_can_not_be_read_is_an_error_that_names_it() {
    let folder = Folder::new();
    for bytes in [&b""[..], b"not a capture at all, but long enough to be looked at in earnest", &[0; 5000]] {
        let file = folder.file("bad.ctrace", bytes);
        let error = run(&[file], &MonitorOptions::default()).unwrap_err();
        assert!(matches!(error, AnalyzeError::Nothing(_)), "{error:?}");
        assert!(error.to_string().contains("bad.ctrace"), "{error}");
        let mut out = Vec::new();
        let mut source = open(&[folder.0.path().join("bad.ctrace")], true).unwrap();
        monitor(&mut *source, &MonitorOptions::default(), &mut out).unwrap_err();
        assert!(out.is_empty(), "no events where nothing was read");
    }
    assert!(matches!(
        run(&[folder.0.path().join("none")], &MonitorOptions::default()),
        Err(AnalyzeError::Input { .. })
    ));
    let empty = folder.0.path().join("dir");
    std::fs::create_dir(&empty).unwrap();
    assert!(matches!(run(&[empty], &MonitorOptions::default()), Err(AnalyzeError::EmptyDirectory(_))));
    assert!(matches!(run(&[], &MonitorOptions::default()), Err(AnalyzeError::NoInput)));
}

#[test]
fn a_capture_that_went_through_zstd_says_the_same() {
    let mut r = Recording::begin(HOST);
    r.process(1, NGINX, 1, "/usr/sbin/nginx", &["nginx"], "/")
        .read(2, NGINX, "/a.pem")
        .complete(3)
        .block()
        .exit(4, NGINX, 3, 0);
    let folder = Folder::new();
    let plain = zstd::encode_all(&r.blocks().concat()[..], 3).unwrap();
    let (a, b) = (folder.file("a.ctrace", &r.bytes()), folder.file("b.ctrace", &plain));
    let (want, _) = run(std::slice::from_ref(&a), &MonitorOptions::default()).unwrap();
    assert_eq!(want.lines().count(), 2);
    assert_eq!(run(std::slice::from_ref(&b), &MonitorOptions::default()).unwrap().0, want);
    // Together they are one capture, told twice.
    assert_eq!(run(&[a, b], &MonitorOptions::default()).unwrap().0, want);
}

#[test]
fn concatenated_captures_keep_their_clocks() {
    let mut a = Recording::begin(HOST);
    a.read(1, CURL, "/a.pem");
    let mut b = Recording::empty();
    b.seed = 2;
    b.host(OTHER_HOST, "web2", 0).clock(0, WALL + 86_400_000_000_000).read(1, CURL, "/b.pem");
    let folder = Folder::new();
    let file = folder.file("c.ctrace", &[a.bytes(), b.bytes()].concat());
    let (text, _) = run(&[file], &MonitorOptions::default()).unwrap();
    let got: Vec<_> =
        lines(&text).iter().map(|e| format!("{} {}", e["host"], e["timestamp"]).replace('"', "")).collect();
    assert_eq!(got, ["web1 2025-11-17T10:30:45.001000Z", "web2 2025-11-18T10:30:45.001000Z"]);
}

#[test]
fn named_pipes_are_read_once() {
    let mut r = Recording::begin(HOST);
    r.read(1, CURL, "/a.pem").complete(2).block().read(3, CURL, "/b.pem");
    let folder = Folder::new();
    let pipe = folder.0.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let (pipe, bytes) = (pipe.clone(), r.bytes());
        move || std::fs::write(pipe, bytes).unwrap()
    });
    let (text, _) = run_once(&[pipe], &MonitorOptions::default()).unwrap();
    writer.join().unwrap();
    assert_eq!(lines(&text).len(), 2);
}

#[test]
fn blocks_outside_the_time_are_not_decoded() {
    let mut r = Recording::begin(HOST);
    for second in 0..10 {
        r.block().read(second * 1000, CURL, "/x.pem");
    }
    let folder = Folder::new();
    let file = folder.file("a.ctrace", &r.bytes());
    let options = MonitorOptions {
        since: Some(When::parse("--since", "+4s").unwrap()),
        until: Some(When::parse("--until", "+5s").unwrap()),
        ..MonitorOptions::default()
    };
    let (text, outcome) = run(&[file], &options).unwrap();
    assert_eq!(text.lines().count(), 2);
    let input = &outcome.coverage.unwrap().inputs[0];
    assert_eq!((input.blocks, input.blocks_skipped), (3, 8));
}

#[test]
fn time_order_within_and_across_captures() {
    let mut a = Recording::begin(HOST);
    a.read(5, CURL, "/a5.pem").read(1, CURL, "/a1.pem").complete(6).block().read(9, CURL, "/a9.pem");
    let mut b = Recording::empty();
    b.seed = 2;
    // Another host, which booted at another time.
    b.host(OTHER_HOST, "web2", 1_000_000).clock(1_000_000, WALL + 3_000_000);
    b.read(1_000_004, CURL, "/b7.pem").read(1_000_000, CURL, "/b3.pem");
    let folder = Folder::new();
    let (a, b) = (folder.file("a.ctrace", &a.bytes()), folder.file("b.ctrace", &b.bytes()));
    let (text, _) = run(&[b.clone(), a.clone()], &MonitorOptions::default()).unwrap();
    let got: Vec<_> =
        lines(&text).iter().map(|e| format!("{}{}", e["host"], e["file"]).replace('"', "")).collect();
    assert_eq!(got, ["web1/a1.pem", "web2/b3.pem", "web1/a5.pem", "web2/b7.pem", "web1/a9.pem"]);
    let (again, _) = run(&[a, b], &MonitorOptions::default()).unwrap();
    assert_eq!(text, again);
}
