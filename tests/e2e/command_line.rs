//! The command line itself: help, versions, exit codes, and errors in four parts. Needs no eBPF.

use crate::support::{text, tracer};

fn run(args: &[&str]) -> (i32, String, String) {
    let out = tracer().args(args).output().expect("crypto-tracer starts");
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

/// An error has a title, an explanation, (mostly) an action, and a pointer.
fn four_parts(stderr: &str) {
    let parts: Vec<&str> = stderr.trim_end().split("\n\n").collect();
    assert!(parts.len() >= 3, "{stderr}");
    assert!(parts[0].starts_with("Error: "), "{stderr}");
    let last = parts[parts.len() - 1];
    assert!(last.starts_with("For more information: crypto-tracer docs "), "{stderr}");
    let topic = last.rsplit(' ').next().unwrap_or_default();
    let (code, ..) = run(&["docs", topic]);
    assert_eq!(code, 0, "the topic that an error names exists: {topic}");
}

#[test]
fn version_and_help() {
    for args in [&["--version"][..], &["version"], &["-V"]] {
        let (code, out, _) = run(args);
        assert_eq!(code, 0);
        assert!(out.starts_with("crypto-tracer version "), "{out}");
        assert!(out.contains("License: MIT OR Apache-2.0"), "{out}");
    }
    for args in
        [&["--help"][..], &["help"], &["record", "--help"], &["analyze", "--help"], &["help", "doctor"]]
    {
        let (code, out, _) = run(args);
        assert_eq!(code, 0, "{args:?}");
        assert!(out.contains("Usage:"), "{args:?}: {out}");
    }
}

#[test]
fn wrong_arguments() {
    for args in [
        &["frobnicate"][..],
        &[],
        &["record"],
        &["record", "-o", "x", "--pid", "zero"],
        &["record", "-o", "x", "--duration", "soon"],
        &["record", "-o", "x", "--probes", "telepathy"],
        &["record", "-o", "x.ctrace", "--rotate-size", "1M"],
        &["record", "-o", "x/", "--keep", "3"],
        &["record", "-o", "x", "--follow-children"],
        &["record", "-o", "x/", "--rotate-time", "0"],
        &["record", "-o", "x/", "--rotate-size", "1"],
        &["record", "-o", "x", "--buffer", "0"],
        &["record", "-o", "x", "--level", "99"],
        &["record", "-o", "x", "--pid", "1", "--watch", "*/middle/*"],
        &["analyze"],
        &["analyze", "profile", "x"],
        &["analyze", "profile", "x", "--pid", "1", "--name", "x"],
        &["analyze", "monitor", "x", "--format", "yaml"],
        &["analyze", "monitor", "x", "--type", "telepathy"],
        &["analyze", "monitor", "x", "--since", "yesterday-ish"],
        &["analyze", "tls", "x", "--group-by", ",,"],
        &["analyze", "tls", "x", "--group-by", "version,telepathy"],
        &["docs", "nothing"],
    ] {
        let (code, out, err) = run(args);
        assert_eq!(code, 2, "{args:?}: {out}{err}");
        assert!(out.is_empty(), "{args:?}: {out}");
        four_parts(&err);
    }
}

/// What `--group-by` takes is said by the error and by the help, and each of it is taken.
#[test]
fn fields_to_group_by() {
    let (empty, unknown) = ("a field is empty", "\"hots\" is no field");
    for (given, wrong) in [(",,", empty), ("", empty), ("pid,hots", unknown)] {
        let (code, _, err) = run(&["analyze", "tls", "x", "--group-by", given]);
        assert_eq!(code, 2, "{err}");
        assert!(err.contains(&format!("got {given:?}: {wrong}.")), "{err}");
        let (_, list) = err.split_once("Give one or more of: ").expect("an action");
        let fields: Vec<&str> =
            list.lines().next().expect("a line").trim_end_matches('.').split(", ").collect();
        assert!(fields.contains(&"version") && fields.contains(&"library"), "{err}");
        let (_, help, _) = run(&["analyze", "tls", "--help"]);
        let unknown: Vec<_> = fields.iter().filter(|field| !help.contains(**field)).collect();
        assert!(unknown.is_empty(), "the help says nothing of {unknown:?}: {help}");
        let (code, _, err) = run(&["analyze", "tls", "/no/such/file", "--group-by", &fields.join(",")]);
        assert_eq!(code, 1, "the fields are known, the file isn't there: {err}");
    }
}

/// Both ways to choose a process are named where none is given.
#[test]
fn a_profile_is_of_a_pid_or_a_name() {
    let (code, _, err) = run(&["analyze", "profile", "x"]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("--pid <PID>") && err.contains("--name <NAME>"), "{err}");
}

/// A process that isn't in the capture is the same mistake in each view that takes one.
#[test]
fn a_process_that_is_not_in_the_capture() {
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls.ctrace");
    let fixture = fixture.to_str().expect("UTF-8");
    for view in ["profile", "tls"] {
        for who in [["--pid", "4"], ["--name", "apache"]] {
            let (code, out, err) = run(&["analyze", view, fixture, who[0], who[1]]);
            assert_eq!((code, out.as_str()), (1, ""), "{view} {who:?}: {err}");
            assert!(err.starts_with("Error: No such process in the capture"), "{err}");
            four_parts(&err);
        }
    }
}

/// What a recording could never see is said before it begins, once and in full.
#[test]
fn libraries_and_catalogues_that_cannot_be_used() {
    if !crate::support::bpf_works() {
        return;
    }
    let dir = crate::support::folder();
    let catalogue = dir.path().join("mine.toml");
    let function = "family = \"X\"\nlibraries = [\"libx\"]\n\n[[function]]\nname = \"x_load\"\nrecord = \"event\"\ntopic = \"plaintext\"\n";
    std::fs::write(&catalogue, function).expect("written");
    let catalogue = catalogue.to_str().expect("UTF-8");
    let out = dir.path().join("never.ctrace");
    let out = out.to_str().expect("UTF-8");
    for (option, file, said) in [
        (
            "--library",
            "/nonexistent.so",
            "expected a library or a program that can be read, but got: No such file",
        ),
        ("--catalogue", "/nonexistent.toml", "No such file"),
        (
            "--catalogue",
            catalogue,
            ", line 7, function x_load: unknown variant `plaintext`, expected one of `context`",
        ),
    ] {
        let pid = std::process::id().to_string();
        let (code, _, err) = run(&["record", "-o", out, "--duration", "100ms", "--pid", &pid, option, file]);
        assert_eq!(code, 2, "{option} {file}: {err}");
        assert!(err.contains(&format!("{option} {file}")) && err.contains(said), "{err}");
        assert_eq!(err.matches(file).count(), 1, "the file is named once: {err}");
        four_parts(&err);
        assert!(!std::path::Path::new(out).exists());
    }
}

#[test]
fn captures_that_cannot_be_read() {
    let (code, _, err) = run(&["analyze", "/no/such/file.ctrace"]);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("/no/such/file.ctrace"), "{err}");
    four_parts(&err);
    let dir = crate::support::folder();
    let (code, _, err) = run(&["analyze", dir.path().to_str().expect("UTF-8")]);
    assert_eq!(code, 1, "an empty folder holds no capture: {err}");
    four_parts(&err);
}

#[test]
fn an_output_never_costs_an_input_or_what_was_there() {
    let dir = crate::support::folder();
    let capture = dir.path().join("a.ctrace");
    let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls.ctrace");
    std::fs::copy(&fixture, &capture).expect("copy");
    let capture = capture.to_str().expect("UTF-8");
    let before = std::fs::read(&fixture).expect("the fixture");
    for view in ["summary", "monitor", "files"] {
        let (code, _, err) = run(&["analyze", view, capture, "-o", capture]);
        assert_eq!(code, 2, "{err}");
        assert_eq!(std::fs::read(capture).expect("the capture"), before, "{view} destroyed its input");
    }
    let kept = dir.path().join("kept.json");
    std::fs::write(&kept, "what was there").expect("write");
    let (code, ..) =
        run(&["analyze", "profile", capture, "--pid", "999999", "-o", kept.to_str().expect("UTF-8")]);
    assert_eq!(code, 1);
    assert_eq!(std::fs::read(&kept).expect("read"), b"what was there");
    let (code, out, _) = run(&["analyze", "files", capture, "-o", "-", "--format", "json"]);
    assert_eq!(code, 0);
    assert!(out.starts_with('{'), "- is standard output");
    let (code, ..) =
        run(&["analyze", "files", capture, "-o", kept.to_str().expect("UTF-8"), "--format", "json"]);
    assert_eq!(code, 0);
    assert_eq!(std::fs::read_to_string(&kept).expect("read"), out);
    assert_eq!(std::fs::read_dir(dir.path()).expect("the folder").count(), 2, "nothing else is left behind");
}

#[test]
fn nobody_may_not_record() {
    let dir = crate::support::folder();
    let copy = crate::support::copy_for_everybody(dir.path());
    let mut command = std::process::Command::new(&copy);
    if is_root() {
        command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]).arg(&copy);
    }
    let out =
        command.args(["record", "--duration", "1", "-o", "/tmp/never.ctrace"]).output().expect("starts");
    let err = text(&out.stderr);
    assert_eq!(out.status.code(), Some(3), "{err}");
    assert!(err.contains("Error: Insufficient privileges"), "{err}");
    assert!(err.contains("setcap") && err.contains("sudo"), "both ways out are named: {err}");
    four_parts(&err);
    assert!(!std::path::Path::new("/tmp/never.ctrace").exists());
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("/proc")) == 0
}

#[test]
fn doctor_in_both_formats() {
    let (code, out, err) = run(&["doctor", "--format", "json"]);
    assert_eq!(code, 0, "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    crate::support::validate("doctor", &report);
    let (code, out, _) = run(&["doctor"]);
    assert_eq!(code, 0);
    for fact in ["file_open", "lib_load", "process_fork", "process_exec", "process_exit"] {
        assert!(out.contains(fact), "{out}");
    }
}
