//! The output on real files, pipes and a full device.

// Not eprintln!, whose output the test runner keeps to itself when a test passes: a skip must be seen.
use super::*;
use crypto_tracer_format::record::{Builder, Header, Mark, Record};
use crypto_tracer_format::segment::{CaptureReader, ReadOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

fn options(output: impl Into<PathBuf>) -> OutputOptions {
    OutputOptions {
        output: output.into(),
        force: false,
        host: "web 1".into(),
        writer: "test 1".into(),
        level: 1,
        block_bytes: 64 * 1024,
        flush_after: None,
        sync: Sync::None,
        rotate_size: None,
        rotate_time: None,
        keep: None,
        patience: Patience::default(),
    }
}

fn record(time_ns: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut b = Builder::new(&mut out);
    let text = b.string(b"hello");
    b.finish(&Header { time_ns, ..Header::default() }, &Mark { mark: 4, reserved: 0, text }).expect("small");
    out
}

fn times(bytes: &[u8]) -> Vec<u64> {
    let mut reader = CaptureReader::new(bytes).expect("a reader");
    let mut times = Vec::new();
    while let Some(block) = reader.next_block(&mut |_| true).expect("readable") {
        times.extend(block.records().map(|r: Result<Record<'_>, _>| r.expect("a record").header().time_ns));
    }
    times
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|e| e.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

#[test]
fn a_file_has_its_name_once_it_is_whole() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.ctrace");
    let mut output = Output::open(options(&path)).expect("opened");
    assert_eq!(output.shown(), path.display().to_string());
    assert_eq!(names(dir.path()), ["a.ctrace.partial"]);
    let mode = std::fs::metadata(dir.path().join("a.ctrace.partial")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    output.append(&record(5)).expect("added");
    output.append(&record(6)).expect("added");
    let (at, written) = output.finish(CloseReason::Stopped).expect("closed");
    assert_eq!((at, names(dir.path())), (path.clone(), vec!["a.ctrace".to_string()]));
    assert_eq!((written.records, written.blocks, written.segments), (2, 1, 1));
    assert_eq!(times(&std::fs::read(path).expect("readable")), [5, 6]);
}

#[test]
fn nothing_is_overwritten_without_force() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.ctrace");
    std::fs::write(&path, "mine").expect("written");
    assert!(matches!(Output::open(options(&path)), Err(OutputError::Exists(p)) if p == path));
    assert_eq!(names(dir.path()), ["a.ctrace"]);
    let output = Output::open(OutputOptions { force: true, ..options(&path) }).expect("opened");
    assert_eq!(std::fs::read(&path).expect("still there"), b"mine", "until the new one is whole");
    output.finish(CloseReason::Stopped).expect("closed");
    assert_ne!(std::fs::read(&path).expect("there"), b"mine");

    let path = dir.path().join("b.ctrace");
    let output = Output::open(options(&path)).expect("opened");
    assert!(matches!(Output::open(options(&path)), Err(OutputError::Unfinished(_))));
    std::fs::write(&path, "appeared meanwhile").expect("written");
    assert!(matches!(output.finish(CloseReason::Stopped), Err(OutputError::Exists(p)) if p == path));
    assert_eq!(std::fs::read(&path).expect("there"), b"appeared meanwhile");
    assert!(dir.path().join("b.ctrace.partial").exists(), "nothing is lost either");
}

#[test]
fn links_of_others_are_not_followed() {
    let dir = tempfile::tempdir().expect("a folder");
    let victim = dir.path().join("victim");
    std::fs::write(&victim, "mine").expect("written");
    for (link, name) in [("a.ctrace.partial", "a.ctrace"), ("b.ctrace", "b.ctrace")] {
        std::os::unix::fs::symlink(&victim, dir.path().join(link)).expect("linked");
        for force in [false, true] {
            let opened = Output::open(OutputOptions { force, ..options(dir.path().join(name)) });
            if let Ok(output) = opened {
                output.finish(CloseReason::Stopped).expect("closed");
            }
            assert_eq!(std::fs::read(&victim).expect("there"), b"mine", "{link} {force}");
        }
    }
}

#[test]
fn a_block_is_closed_in_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut output = Output::open(options(dir.path().join("a.ctrace"))).expect("opened");
    let now = Instant::now();
    assert_eq!(output.next_tick(now), None);
    output.append(&record(5)).expect("added");
    output.tick(now).expect("fine");
    assert_eq!(output.written().blocks, 0);
    assert!(output.next_tick(now).is_some_and(|wait| wait > Duration::from_millis(900)));
    output.tick(now + Duration::from_secs(2)).expect("fine");
    assert_eq!((output.written().blocks, output.next_tick(now)), (1, None));
    let partial = std::fs::read(dir.path().join("a.ctrace.partial")).expect("there");
    assert_eq!(times(&partial), [5], "readable while it is written");
}

#[test]
fn segments_are_chained_and_the_oldest_go() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("web_1-20000101T000000Z-000000.ctrace"), "of another recording")
        .expect("written");
    let mut output =
        Output::open(OutputOptions { keep: Some(2), rotate_size: Some(1), ..options(dir.path()) })
            .expect("opened");
    for number in 0..4 {
        output.append(&record(number)).expect("added");
        output.flush().expect("written");
        assert_eq!(output.rotation_due(Instant::now()), Some(CloseReason::Size));
        if number < 3 {
            let closed = output.rotate(CloseReason::Size).expect("rotated");
            assert!(closed.warnings.is_empty());
        }
    }
    let (_, written) = output.finish(CloseReason::Stopped).expect("closed");
    assert_eq!((written.segments, written.records), (4, 4));
    let left = names(dir.path());
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(left[0], "web_1-20000101T000000Z-000000.ctrace");
    assert!(left[1].ends_with("-000002.ctrace") && left[2].ends_with("-000003.ctrace"), "{left:?}");

    let both =
        left[1..].iter().flat_map(|n| std::fs::read(dir.path().join(n)).expect("there")).collect::<Vec<u8>>();
    let options = ReadOptions { verify_chain: true };
    let mut reader = CaptureReader::with_options(both.as_slice(), options).expect("a reader");
    let mut seen = Vec::new();
    while reader.next_block(&mut |_| true).expect("readable").is_some() {
        seen.push(reader.segment().expect("inside one").clone());
    }
    let [first, second] = seen.as_slice() else { panic!("two segments, but got {}", seen.len()) };
    let (Some((capture, 2)), Some((same, 3))) = (first.capture, second.capture) else { panic!("{seen:?}") };
    assert_eq!(capture, same);
    assert_ne!(first.segment_id, second.segment_id);
    assert!(reader.coverage().damages.is_empty() && reader.coverage().chain_links > 0);
}

#[test]
fn a_segment_that_someone_replaced_is_not_deleted() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut output = Output::open(OutputOptions { keep: Some(1), ..options(dir.path()) }).expect("opened");
    let partial = dir.path().join(&names(dir.path())[0]);
    let first = partial.with_extension("");
    // Closed by hand, so that the oldest is replaced before the next rotation deletes it.
    output.options.keep = None;
    output.rotate(CloseReason::Size).expect("rotated");
    std::fs::remove_file(&first).expect("there");
    std::fs::write(&first, "mine").expect("written");
    output.options.keep = Some(1);
    output.rotate(CloseReason::Size).expect("rotated");
    assert_eq!(std::fs::read(&first).expect("there"), b"mine");
}

#[test]
fn a_beginning_that_fails_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let wrong = OutputOptions { block_bytes: 1, ..options(dir.path().join("a.ctrace")) };
    assert!(matches!(Output::open(wrong), Err(OutputError::Write { kept: 0, .. })));
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn time_is_a_reason_too_and_only_in_folders() {
    let dir = tempfile::tempdir().expect("a folder");
    let hour = Some(Duration::from_secs(3600));
    let output = Output::open(OutputOptions { rotate_time: hour, ..options(dir.path()) }).expect("opened");
    let now = Instant::now();
    assert_eq!(output.rotation_due(now), None);
    assert_eq!(output.rotation_due(now + Duration::from_secs(3601)), Some(CloseReason::Time));
    let file =
        Output::open(OutputOptions { rotate_time: hour, ..options(dir.path().join("a")) }).expect("opened");
    assert_eq!(file.rotation_due(now + Duration::from_secs(3601)), None);
}

#[test]
fn a_full_disk_is_an_error_and_says_so() {
    let full = Path::new("/dev/full");
    if !full.exists() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no /dev/full");
        return;
    }
    assert!(matches!(Output::open(options(full)), Err(OutputError::Full { kept: 0, .. })));
}

/// A limit on the size of files is what a full disk is to a test: the write comes back short, then fails.
#[test]
fn after_a_failed_write_whole_blocks_are_left() {
    let exe = std::env::current_exe().expect("this binary");
    let dir = tempfile::tempdir().expect("a folder");
    let script = r#"trap '' XFSZ; ulimit -f 20; exec "$0" --exact output::tests::write_until_it_fails"#;
    let output = std::process::Command::new("bash")
        .args(["-c", script])
        .arg(exe)
        .env("FILL", dir.path().join("a.ctrace"))
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let left = std::fs::read(dir.path().join("a.ctrace.partial")).expect("there");
    let mut reader = CaptureReader::new(left.as_slice()).expect("a reader");
    let mut blocks = 0;
    while reader.next_block(&mut |_| true).expect("readable").is_some() {
        blocks += 1;
    }
    assert!(blocks > 0 && reader.coverage().damages.is_empty(), "{blocks}: {:?}", reader.coverage());
}

/// Runs under a limit when [`after_a_failed_write_whole_blocks_are_left`] asks for it; has nothing to do otherwise.
#[test]
fn write_until_it_fails() {
    let Some(path) = std::env::var_os("FILL") else { return };
    let mut output = Output::open(OutputOptions { block_bytes: 4096, ..options(path) }).expect("opened");
    let mut noise = 1u64;
    let error = loop {
        // Incompressible, so that the limit is reached.
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if let Err(e) = output.append(&record(noise | 1)) {
            break e;
        }
    };
    assert!(matches!(error, OutputError::Full { kept, .. } if kept > 0), "{error}");
    assert!(output.append(&record(1)).is_err());
    assert!(output.finish(CloseReason::Stopped).is_err());
}

#[test]
fn a_pipe_is_written_to_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let fifo = dir.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .expect("made");
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::read(fifo).expect("readable")
    });
    let mut output = Output::open(options(&fifo)).expect("opened");
    output.append(&record(5)).expect("added");
    assert!(output.next_tick(Instant::now()).is_some_and(|wait| wait <= Duration::from_millis(20)));
    output.finish(CloseReason::Stopped).expect("closed");
    assert_eq!(times(&reader.join().expect("read")), [5]);
    assert_eq!(names(dir.path()), ["fifo"]);
}

#[test]
fn a_folder_of_another_is_known() {
    let dir = tempfile::tempdir().expect("a folder");
    let foreign = |mode: u32, force: bool| {
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).expect("set");
        Folder::open(dir.path()).expect("opened").is_foreign(force)
    };
    assert!(!foreign(0o700, false));
    assert!(!foreign(0o1700, true), "one's own");
    if rustix::process::geteuid().is_root() {
        assert!(foreign(0o500, false));
        std::os::unix::fs::chown(dir.path(), Some(4242), Some(4242)).expect("given away");
        assert!(foreign(0o700, false) && foreign(0o770, false));
        assert!(!foreign(0o777, true) && !foreign(0o1777, false) && foreign(0o1777, true));
    }
}

#[test]
fn a_folder_is_made_where_its_name_ends_so() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = format!("{}/new/", dir.path().display());
    let output = Output::open(options(&path)).expect("opened");
    output.finish(CloseReason::Stopped).expect("closed");
    assert_eq!(names(Path::new(&path)).len(), 1);
    let missing = dir.path().join("none/a.ctrace");
    assert!(matches!(Output::open(options(missing)), Err(OutputError::Folder { .. })));
}
