//! What is recorded, and what is not: every filter, and how a recording begins and ends.
//!
//! Each test has processes that its filter chooses and others that it leaves out. Those left out are the test's own as well;
//! what other programs of the machine do never gets into a capture, since every recording has a filter.

// Not eprintln!, whose output the test runner keeps to itself when a test passes: a skip must be seen.
use crate::support::{
    Capture, Gate, Recorder, folder, need_bpf, of_type, parse_events, python, record_python, s, text, tracer,
};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Read;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Opens its first argument, which is missing, in itself, and the second in a child.
const PARENT_AND_CHILD: &str = r#"
import os, sys
def look(path):
    try: open(path)
    except OSError: pass
look(sys.argv[1])
pid = os.fork()
if pid == 0:
    look(sys.argv[2])
    os._exit(0)
os.waitpid(pid, 0)
"#;

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("/proc")) == 0
}

/// A workload behind a gate, in a folder.
fn gate(dir: &Path, script: &str, args: &[&str]) -> Gate {
    let all: Vec<&OsStr> = ["-ISc", script].into_iter().chain(args.iter().copied()).map(OsStr::new).collect();
    Gate::new(dir, python(), &all)
}

fn events_of(capture: &Path) -> Vec<Value> {
    let out = tracer().args(["analyze", "monitor"]).arg(capture).args(["--format", "json-lines"]).output();
    let out = out.expect("crypto-tracer starts");
    assert!(out.status.success(), "{}", text(&out.stderr));
    parse_events(&out.stdout)
}

/// The names of the files below `dir` that were opened.
fn opened(events: &[Value], dir: &Path) -> Vec<String> {
    let dir = dir.canonicalize().expect("a folder");
    let below = |e: &&Value| Path::new(s(e, "file")).starts_with(&dir);
    let name =
        |e: &Value| Path::new(s(e, "file")).file_name().expect("a name").to_string_lossy().into_owned();
    of_type(events, "file_open").into_iter().filter(below).map(name).collect()
}

fn recorder(capture: &Path, args: &[&str]) -> Recorder {
    let mut all = vec!["--no-redact", "-o", capture.to_str().expect("UTF-8")];
    all.extend(args);
    Recorder::start(&all)
}

fn succeeded(output: Output) {
    assert!(output.status.success(), "the workload failed:\n{}", text(&output.stderr));
}

#[test]
fn by_user() {
    need_bpf!();
    if !is_root() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: only root can become another user");
        return;
    }
    // A user that nobody is, so that nothing else is recorded.
    let script = r#"
import os
def child(uid, path):
    pid = os.fork()
    if pid == 0:
        if uid: os.setuid(uid)
        try: open(path)
        except OSError: pass
        os._exit(3)
    os.waitpid(pid, 0)
child(64999, "chosen.pem")
child(0, "root.pem")
child(64998, "other.pem")
child(64999, "chosen-too.pem")
"#;
    let dir = folder();
    let path = dir.path().join("test.ctrace");
    let work = gate(dir.path(), script, &[]);
    let recorder = recorder(&path, &["--uid", "64999"]);
    succeeded(work.run());
    recorder.stop();
    let events = events_of(&path);
    assert_eq!(opened(&events, dir.path()), ["chosen.pem", "chosen-too.pem"]);
    let exits = of_type(&events, "process_exit");
    assert_eq!(exits.len(), 2, "the two that became that user: {exits:#?}");
    assert!(exits.iter().all(|e| e["exit_code"] == 3 && e["uid"] == 64999), "{exits:#?}");
}

#[test]
fn by_name_with_and_without_children() {
    need_bpf!();
    for follow in [false, true] {
        let dir = folder();
        // Names that no other program has.
        let (chosen, other) = ("ct-chosen-name", "ct-another-name");
        for name in [chosen, other] {
            std::os::unix::fs::symlink(python(), dir.path().join(name)).expect("a link");
        }
        let script = r#"
import subprocess, sys, os
folder = os.getcwd()
code = "import subprocess, sys\ntry: open(sys.argv[1])\nexcept OSError: pass\nif len(sys.argv) > 2: subprocess.run(sys.argv[2:])"
subprocess.run([folder + "/ct-another-name", "-ISc", code, "other.pem"])
subprocess.run([folder + "/ct-chosen-name", "-ISc", code, "chosen.pem", "/bin/cat", "child.pem"])
"#;
        let path = dir.path().join("test.ctrace");
        let work = gate(dir.path(), script, &[]);
        let mut args = vec!["--name", chosen];
        args.extend(follow.then_some("--follow-children"));
        let recorder = recorder(&path, &args);
        succeeded(work.run());
        recorder.stop();
        let events = events_of(&path);
        let want: &[&str] = if follow { &["chosen.pem", "child.pem"] } else { &["chosen.pem"] };
        assert_eq!(opened(&events, dir.path()), want, "follow: {follow}");
    }
}

#[test]
fn by_pid_without_children() {
    need_bpf!();
    let dir = folder();
    let path = dir.path().join("test.ctrace");
    let work = gate(dir.path(), PARENT_AND_CHILD, &["parent.pem", "child.pem"]);
    let pid = work.pid();
    let recorder = recorder(&path, &["--pid", &pid.to_string()]);
    succeeded(work.run());
    recorder.stop();
    let events = events_of(&path);
    assert_eq!(opened(&events, dir.path()), ["parent.pem"]);
    assert!(events.iter().filter_map(|e| e["pid"].as_u64()).all(|p| p == u64::from(pid)), "{events:#?}");
}

#[test]
fn by_several_pids() {
    need_bpf!();
    let dir = folder();
    let path = dir.path().join("test.ctrace");
    let works: Vec<Gate> = ["one.pem", "left-out.pem", "two.pem"]
        .iter()
        .map(|name| gate(dir.path(), PARENT_AND_CHILD, &[name, &format!("child-of-{name}")]))
        .collect();
    let pids = [works[0].pid().to_string(), works[2].pid().to_string()];
    let recorder = recorder(&path, &["--pid", &pids[0], "--pid", &pids[1], "--follow-children"]);
    works.into_iter().for_each(|work| succeeded(work.run()));
    recorder.stop();
    let opened = opened(&events_of(&path), dir.path());
    assert_eq!(opened, ["one.pem", "child-of-one.pem", "two.pem", "child-of-two.pem"]);
}

#[test]
fn by_probe() {
    need_bpf!();
    let script = r#"
import ssl, os
pid = os.fork()
if pid == 0:
    try: open("child.pem")
    except OSError: pass
    os._exit(0)
os.waitpid(pid, 0)
"#;
    let capture = record_python(script, &["--probes", "file_open", "--no-redact"], |_| ());
    let events = capture.events(&[]);
    assert_eq!(opened(&events, capture.dir.path()), ["child.pem"], "children are still followed");
    for absent in ["lib_load", "process_fork", "process_exec", "process_exit"] {
        assert!(of_type(&events, absent).is_empty(), "{absent} was not asked for: {events:#?}");
    }
}

/// A cgroup of the test's own, removed when it ends.
struct Cgroup(PathBuf);

impl Cgroup {
    /// None where no cgroup2 can be written to.
    fn new() -> Option<Cgroup> {
        let places = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
        let place = places.into_iter().find(|place| place.join("cgroup.controllers").exists());
        let Some(place) = place else {
            let _ = writeln!(std::io::stderr(), "SKIPPED: no cgroup2 is mounted");
            return None;
        };
        let dir = place.join(format!("ct-test-{}", std::process::id()));
        match std::fs::create_dir(&dir) {
            Ok(()) => Some(Cgroup(dir)),
            Err(e) => {
                let _ = writeln!(std::io::stderr(), "SKIPPED: {} can't be made: {e}", dir.display());
                None
            }
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that ended a moment ago may still be in it.
        let begin = Instant::now();
        while std::fs::remove_dir(&self.0).is_err() && begin.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn by_cgroup() {
    need_bpf!();
    let Some(cgroup) = Cgroup::new() else { return };
    let dir = folder();
    let path = dir.path().join("test.ctrace");
    let inside = gate(dir.path(), PARENT_AND_CHILD, &["inside.pem", "child-inside.pem"]);
    let outside = gate(dir.path(), PARENT_AND_CHILD, &["outside.pem", "child-outside.pem"]);
    std::fs::write(cgroup.0.join("cgroup.procs"), inside.pid().to_string()).expect("moved");
    let recorder = recorder(&path, &["--cgroup", cgroup.0.to_str().expect("UTF-8")]);
    succeeded(outside.run());
    succeeded(inside.run());
    recorder.stop();
    let events = events_of(&path);
    assert_eq!(opened(&events, dir.path()), ["inside.pem", "child-inside.pem"]);
    assert_eq!(of_type(&events, "process_exit").len(), 2, "{events:#?}");
}

#[test]
fn filters_that_match_nothing_are_refused() {
    need_bpf!();
    let dir = folder();
    let path = dir.path().join("test.ctrace");
    for (args, says) in [
        // Above the kernel's largest pid.
        (["--pid", "4194305"], "there is no such process"),
        (["--container", "0123456789abcdef"], "no process is in a container of that id"),
        (["--cgroup", "/no/such/cgroup"], "expected a folder of the cgroup2 file system"),
        (["--library", "/etc/passwd"], "expected an ELF file"),
        (["--library", "/dev/null"], "no regular file"),
        (["--library", "/bin/true"], "no function of the catalogue"),
    ] {
        let out = tracer().args(["record", "--duration", "1", "-o"]).arg(&path).args(args).output();
        let out = out.expect("crypto-tracer starts");
        let err = text(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(args[0]) && err.contains(args[1]) && err.contains(says), "{args:?}: {err}");
        assert!(std::fs::read_dir(dir.path()).expect("a folder").next().is_none(), "nothing was created");
    }
}

#[test]
fn a_service_manager_is_told_when_all_is_attached() {
    need_bpf!();
    let dir = folder();
    let socket = UnixDatagram::bind(dir.path().join("notify")).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    let path = dir.path().join("test.ctrace");
    let work = gate(dir.path(), PARENT_AND_CHILD, &["after-ready.pem", "child.pem"]);
    let child = tracer()
        .args(["record", "--quiet", "--no-redact", "--pid", &work.pid().to_string(), "-o"])
        .arg(&path)
        .env("NOTIFY_SOCKET", dir.path().join("notify"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("crypto-tracer starts");
    let mut child = crate::support::Guarded(child);
    let mut message = [0; 256];
    let n = socket.recv(&mut message).expect("READY=1 within a minute");
    let message = text(&message[..n]);
    assert!(message.lines().any(|line| line == "READY=1"), "{message}");
    // Whoever waited for that message relies on everything after it being recorded.
    succeeded(work.run());
    child.signal(15);
    assert_eq!(child.wait_at_most(Duration::from_secs(10)).code(), Some(143));
    assert_eq!(opened(&events_of(&path), dir.path()), ["after-ready.pem"]);
}

/// Starts a recording of a workload, runs it, sends these signals and waits for the end: exit code, capture.
fn ended_by(signals: &[i32]) -> (i32, Capture) {
    let dir = folder();
    std::fs::create_dir(dir.path().join("work")).expect("mkdir");
    let path = dir.path().join("test.ctrace");
    let work = gate(&dir.path().join("work"), PARENT_AND_CHILD, &["a.pem", "b.pem"]);
    let pid = work.pid();
    let recorder = recorder(&path, &["--pid", &pid.to_string(), "--follow-children"]);
    let output = work.run();
    let begin = Instant::now();
    for signal in signals {
        // Later ones may find that it ended already.
        let number = format!("-{signal}");
        let _ = Command::new("kill")
            .args([&number, &recorder.child.0.id().to_string()])
            .stderr(Stdio::null())
            .status();
    }
    let (code, _) = recorder.wait(Duration::from_secs(10));
    assert!(begin.elapsed() < Duration::from_secs(5), "it ends soon");
    (code, Capture { dir, path, output, pid })
}

#[test]
fn signals_end_a_recording_cleanly() {
    need_bpf!();
    // SIGINT, twice as well: the second one doesn't break the end. SIGTERM, SIGQUIT, SIGHUP.
    for (signals, want) in [(&[2][..], 130), (&[2, 2, 2, 15], 130), (&[15], 143), (&[3], 143), (&[1], 143)] {
        let (code, capture) = ended_by(signals);
        assert_eq!(code, want, "{signals:?}");
        assert!(capture.path.exists(), "{signals:?}: the capture has its name");
        assert!(!capture.dir.path().join("test.ctrace.partial").exists(), "{signals:?}");
        assert_eq!(opened(&capture.events(&[]), capture.dir.path()), ["a.pem", "b.pem"], "{signals:?}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_recording_quietly() {
    need_bpf!();
    let args = ["--pid", &std::process::id().to_string(), "-o", "-", "--flush", "50ms"].map(String::from);
    let mut recorder = Recorder::start_into(&args, Stdio::piped());
    let mut pipe = recorder.child.0.stdout.take().expect("a pipe");
    let mut first = [0];
    pipe.read_exact(&mut first).expect("the capture begins");
    drop(pipe);
    // Something to write: the recorder then finds that nobody reads.
    let begin = Instant::now();
    let mut ended = None;
    while ended.is_none() && begin.elapsed() < Duration::from_secs(10) {
        let _ = std::fs::File::open("/no/such/file.pem");
        std::thread::sleep(Duration::from_millis(20));
        ended = recorder.child.0.try_wait().expect("a child");
    }
    let (code, said) = recorder.wait(Duration::from_secs(1));
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("Error") && !said.contains("panicked"), "{said}");
}

#[test]
fn capabilities_are_enough() {
    need_bpf!();
    if !is_root() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: only root can hand out capabilities");
        return;
    }
    let dir = folder();
    // Where nobody may run it, and may write.
    let copy = dir.path().join("crypto-tracer");
    std::fs::copy(env!("CARGO_BIN_EXE_crypto-tracer"), &copy).expect("copy");
    let out = dir.path().join("out");
    std::fs::create_dir(&out).expect("mkdir");
    std::os::unix::fs::chown(&out, Some(65534), Some(65534)).expect("chown");
    let path = out.join("test.ctrace");
    let work = gate(dir.path(), PARENT_AND_CHILD, &["a.pem", "b.pem"]);
    let caps = "+bpf,+perfmon,+sys_ptrace,+dac_read_search";
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .args([format!("--inh-caps={caps}"), format!("--ambient-caps={caps}")])
        .arg(&copy)
        .args(["record", "--no-redact", "--follow-children", "--pid", &work.pid().to_string()])
        .args(crate::support::private::openssl().arguments())
        .arg("-o")
        .arg(&path);
    let recorder = Recorder::spawn(command);
    succeeded(work.run());
    recorder.stop();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&path.metadata().expect("a capture")), 65534);
    let events = events_of(&path);
    assert_eq!(opened(&events, dir.path()), ["a.pem", "b.pem"]);
    assert_eq!(of_type(&events, "process_exit").len(), 2);
    assert!(of_type(&events, "loss").is_empty(), "{events:#?}");
}
