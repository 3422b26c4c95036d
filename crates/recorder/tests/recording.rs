//! Real recordings of small workloads, compared with what the workloads did.

mod common;

use common::{bpf_works, python, run};
use crypto_tracer_format::record::{
    BaselineSummary, Clock, Fact, FileOpen, Host, HostCrypto, LibLoad, Loss, ProbeState, ProbeStatus,
    ProcessExec, ProcessExit, ProcessFork, open_bits, process_bits,
};
use crypto_tracer_recorder::{RecordOptions, Stop};
use std::path::Path;

macro_rules! need_bpf {
    () => {
        if !bpf_works() {
            return;
        }
    };
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Opens what a python list says, in its own way each; prints nothing.
const OPENS: &str = r#"
import os, sys
os.makedirs("sub/deep")
open("there.pem", "w").close()
long = "d" * 200
path = "."
for i in range(19): path += "/" + long
os.makedirs(path)
def go(*a, **k):
    try: os.close(os.open(*a, **k))
    except OSError: pass
go("there.pem", os.O_RDONLY)
go(os.getcwd() + "/missing.key", os.O_RDONLY)
go("new.crt", os.O_CREAT | os.O_WRONLY, 0o640)
d = os.open("sub", os.O_RDONLY)
go("deep/../by-dirfd.p12", os.O_RDONLY, dir_fd=d)
os.chdir("sub/deep")
go("id_rsa", os.O_RDONLY)
go("not_id_rsa", os.O_RDONLY)
go("x.pem.bak", os.O_RDONLY)
go("x.PEM", os.O_RDONLY)
os.chdir("../..")
go(path + "/a.pem", os.O_RDONLY)
go("/" + "y" * 300 + ".pem", os.O_RDONLY)
"#;

fn opens(only_probe: Option<&str>) {
    let dir = folder();
    let recorded = run(dir.path(), &[python(), "-ISc", OPENS], |o| o.only_probe = only_probe.map(Into::into));
    let home = dir.path().canonicalize().expect("it is there").to_str().expect("UTF-8").to_owned();
    let all = recorded.all::<FileOpen>();
    let seen: Vec<(String, String, i32, i32, u32)> = all
        .iter()
        .map(|e| {
            let (dir, path) = (e.text(e.payload.dir), e.text(e.payload.path));
            (dir, path, e.payload.result.min(0), e.payload.flags as i32, e.payload.mode)
        })
        .collect();
    let s = str::to_owned;
    let read = libc::O_RDONLY | libc::O_CLOEXEC; // python adds O_CLOEXEC
    let write = libc::O_WRONLY | libc::O_CREAT | libc::O_CLOEXEC;
    let deep = format!(".{}/a.pem", format!("/{}", "d".repeat(200)).repeat(19));
    let want = vec![
        (home.clone(), s("there.pem"), 0, write | libc::O_TRUNC, 0o666),
        (home.clone(), s("there.pem"), 0, read, 0),
        (s(""), format!("{home}/missing.key"), -libc::ENOENT, read, 0),
        (home.clone(), s("new.crt"), 0, write, 0o640),
        (format!("{home}/sub"), s("deep/../by-dirfd.p12"), -libc::ENOENT, read, 0),
        (format!("{home}/sub/deep"), s("id_rsa"), -libc::ENOENT, read, 0),
        (home.clone(), deep.clone(), -libc::ENOENT, read, 0),
        (s(""), format!("/{}.pem", "y".repeat(300)), -libc::ENAMETOOLONG, read, 0),
    ];
    assert_eq!(seen, want);
    assert!(all.iter().all(|e| e.payload.bits == 0 && e.header.start_ns != 0));
    assert!(deep.len() > 3800);
    assert_eq!(recorded.report.progress.lost, 0);
    let probe = recorded
        .all::<ProbeStatus>()
        .into_iter()
        .find(|e| e.payload.fact == 1 && e.payload.state == ProbeState::Attached.number());
    let name = probe.map(|e| e.text(e.payload.probe)).expect("a probe is attached");
    assert!(only_probe.is_none_or(|only| name.starts_with(only)), "{name}");
}

#[test]
fn opens_are_seen_with_their_result_and_their_folder() {
    need_bpf!();
    opens(None);
}

/// Probes of a fact that work here, best first.
fn working(fact: Fact) -> Vec<&'static str> {
    let probes = crypto_tracer_recorder::doctor().probes;
    probes.iter().filter(|p| p.works && p.attempt.fact == fact).map(|p| p.attempt.probe).collect()
}

#[test]
fn every_rung_that_works_sees_the_same() {
    need_bpf!();
    let rungs = working(Fact::FileOpen);
    assert!(rungs.contains(&"raw_tracepoint:sys_exit"), "the last rung works wherever eBPF does: {rungs:?}");
    for rung in rungs {
        eprintln!("file_open by {rung}");
        opens(Some(rung));
    }
}

#[test]
fn processes_are_counted_exactly() {
    need_bpf!();
    for rung in ["tp_btf", "raw_tracepoint"] {
        processes(rung);
    }
}

fn processes(only_probe: &str) {
    let dir = folder();
    let script = "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done; sh -c 'exit 7'; sh -c 'kill -9 $$'; sh -c 'kill -TERM $$'; true";
    let recorded = run(dir.path(), &["/bin/sh", "-c", script], |o| o.only_probe = Some(only_probe.into()));
    for probe in recorded.all::<ProbeStatus>() {
        let of_process = [Fact::ProcessFork, Fact::ProcessExec, Fact::ProcessExit]
            .iter()
            .any(|fact| probe.payload.fact == fact.number());
        let name = probe.text(probe.payload.probe);
        let attached = probe.payload.state == ProbeState::Attached.number();
        assert!(!of_process || attached == name.starts_with(only_probe), "{name}");
    }
    let forks = recorded.all::<ProcessFork>();
    let execs = recorded.all::<ProcessExec>();
    let exits = recorded.all::<ProcessExit>();
    assert_eq!(forks.len(), 203);
    assert_eq!(execs.len(), 204, "the gate's own exec, and one per child");
    assert_eq!(exits.len(), 204);
    let parent = execs[0].header;
    assert!(
        forks.iter().all(|e| e.payload.ppid == parent.tgid && e.payload.parent_start_ns == parent.start_ns)
    );
    assert!(execs[1..].iter().all(|e| e.payload.ppid == parent.tgid));
    let codes: Vec<(i32, u32)> =
        exits[200..].iter().map(|e| (e.payload.exit_code, e.payload.signal)).collect();
    assert_eq!(codes, [(7, 0), (0, 9), (0, 15), (0, 0)]);
    assert!(exits[..200].iter().all(|e| e.payload.exit_code == 0 && e.payload.signal == 0));
    let first = &execs[1];
    assert_eq!(first.text(first.payload.argv), "/bin/true\0");
    assert_eq!(first.text(first.payload.filename), "/bin/true");
    let exe = std::fs::canonicalize("/bin/true").expect("it is there");
    assert_eq!(Path::new(&first.text(first.payload.exe)), exe);
}

#[test]
fn a_process_of_many_threads_ends_once() {
    need_bpf!();
    let dir = folder();
    let script = "import threading, os\nts = [threading.Thread(target=lambda: None) for _ in range(30)]\n[t.start() for t in ts]\n[t.join() for t in ts]\nthreading.Thread(target=lambda: os._exit(3)).start()\nimport time; time.sleep(30)";
    let recorded = run(dir.path(), &[python(), "-ISc", script], |_| {});
    let exits = recorded.all::<ProcessExit>();
    assert_eq!(exits.len(), 1);
    assert_eq!(exits[0].payload.exit_code, 3);
    assert!(recorded.all::<ProcessFork>().is_empty(), "threads are not processes");
}

#[test]
fn a_long_command_line_is_cut_and_says_so() {
    need_bpf!();
    let dir = folder();
    let long = "x".repeat(9000);
    let recorded = run(dir.path(), &["/bin/true", &long], |_| {});
    let execs = recorded.all::<ProcessExec>();
    assert_eq!(execs.len(), 1);
    let payload = &execs[0].payload;
    assert_eq!((payload.argv.len, payload.argv_len), (4095, "/bin/true".len() as u32 + 1 + 9001));
    assert_eq!(payload.bits, process_bits::ARGV_CUT);
}

#[test]
fn libraries_are_seen_however_they_are_loaded() {
    need_bpf!();
    let dir = folder();
    // _ssl needs libssl, which needs libcrypto: DT_NEEDED. A second import maps nothing. Then the same in a child.
    let script = "import ssl, os, ctypes.util\nimport ctypes\nlibs = [l.split()[-1] for l in open('/proc/self/maps') if 'libssl' in l]\nctypes.CDLL(libs[0])\ndata = open(libs[0], 'rb').read()\nos.makedirs('libssl-notes')\nopen('libssl-notes/data.bin', 'w').close()";
    let recorded = run(dir.path(), &[python(), "-Ic", script], |_| {});
    let loads = recorded.all::<LibLoad>();
    let count = |stem: &str| {
        loads
            .iter()
            .filter(|e| e.text(e.payload.path).rsplit('/').next().is_some_and(|n| n.starts_with(stem)))
            .count()
    };
    assert_eq!((count("libssl"), count("libcrypto")), (1, 1));
    let exec = recorded.all::<ProcessExec>();
    assert!(loads.iter().all(|e| e.payload.ino != 0 && e.header.start_ns == exec[0].header.start_ns));
}

#[test]
fn only_what_was_asked_for_is_recorded() {
    need_bpf!();
    let dir = folder();
    let script =
        "cat app/one.conf; cat one.conf; cat x.pem; cd app; cat ./two.conf; cat ../app/../three.conf; true";
    std::fs::create_dir(dir.path().join("app")).expect("a folder");
    let watch = format!("{}/app/*", dir.path().canonicalize().expect("there").display());
    let recorded = run(dir.path(), &["/bin/sh", "-c", script], |o| {
        o.watch = vec![watch];
        o.facts = vec![Fact::FileOpen];
    });
    let seen: Vec<String> = recorded.all::<FileOpen>().iter().map(|e| e.text(e.payload.path)).collect();
    assert_eq!(seen, ["app/one.conf", "x.pem", "./two.conf"]);
    assert!(recorded.all::<ProcessFork>().is_empty() && recorded.all::<ProcessExec>().is_empty());
}

#[test]
fn names_choose_processes_and_their_children() {
    need_bpf!();
    let dir = folder();
    let script = "cat a.pem; PYTHON -ISc 'import os; os.system(\"cat b.pem\")'; cat c.pem; true";
    let script = &script.replace("PYTHON", python());
    for (follow, want) in [(false, vec![]), (true, vec!["b.pem"])] {
        let dir = tempfile::tempdir_in(dir.path()).expect("a folder");
        let recorded = run(dir.path(), &["/bin/sh", "-c", script], |o| {
            // No --pid: --follow-children is about names here. The name is one that nothing else on the host has.
            o.names = vec!["PYTHON3".into()];
            o.follow_children = true;
            if !follow {
                o.names = vec!["no-such-name-anywhere".into()];
            }
        });
        let seen: Vec<String> = recorded
            .all::<FileOpen>()
            .iter()
            .map(|e| e.text(e.payload.path))
            .filter(|p| p.ends_with("b.pem") || p.ends_with("a.pem") || p.ends_with("c.pem"))
            .collect();
        assert_eq!(seen, want);
    }
}

#[test]
fn a_folder_that_cannot_be_found_is_said() {
    need_bpf!();
    let dir = folder();
    let script = "import ctypes\nctypes.CDLL(None).openat(999, b'x.pem', 0)";
    let recorded = run(dir.path(), &[python(), "-ISc", script], |_| {});
    let all = recorded.all::<FileOpen>();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].payload.bits, all[0].payload.result), (open_bits::DIR_UNKNOWN, -libc::EBADF));
}

#[test]
fn what_does_not_fit_is_counted_exactly() {
    need_bpf!();
    let dir = folder();
    const COUNT: u64 = 20_000;
    let script = format!(
        "import ctypes\nopenat = ctypes.CDLL(None).openat\nfor i in range({COUNT}): openat(-100, b'/nowhere.pem', 0, 0)"
    );
    let recorded = run(dir.path(), &[python(), "-ISc", &script], |o| o.buffer_bytes = 4096);
    let seen =
        recorded.all::<FileOpen>().iter().filter(|e| e.text(e.payload.path) == "/nowhere.pem").count() as u64;
    let losses = recorded.all::<Loss>();
    let lost: u64 =
        losses.iter().filter(|e| e.payload.fact == Fact::FileOpen.number()).map(|e| e.payload.count).sum();
    assert!(lost > 0 && seen > 0, "4 KiB hold some of {COUNT}, not all");
    assert_eq!(seen + lost, COUNT);
    assert!(losses.iter().all(|e| e.payload.from_ns < e.payload.to_ns));
    assert_eq!(recorded.report.progress.lost, losses.iter().map(|e| e.payload.count).sum::<u64>());
}

#[test]
fn every_segment_begins_with_what_it_needs() {
    need_bpf!();
    let dir = folder();
    let out = dir.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    let script = "i=0; while [ $i -lt 3 ]; do sleep 0.5; cat x.pem; i=$((i+1)); done; true";
    let change = |o: &mut RecordOptions| o.rotate_time = Some(std::time::Duration::from_millis(500));
    common::try_run(dir.path(), &["/bin/sh", "-c", script], out.clone(), change).expect("it records");
    let mut segments: Vec<_> =
        std::fs::read_dir(&out).expect("there").map(|e| e.expect("an entry").path()).collect();
    segments.sort();
    assert!(segments.len() >= 3, "{segments:?}");
    let mut opens = 0;
    for segment in &segments {
        let recorded = common::read(segment);
        assert_eq!(recorded.all::<Host>().len(), 1);
        assert!(!recorded.all::<Clock>().is_empty());
        assert_eq!(recorded.all::<BaselineSummary>().len(), 1);
        assert!(!recorded.all::<HostCrypto>().is_empty(), "every kernel has algorithms");
        assert!(
            recorded.all::<ProbeStatus>().iter().any(|e| e.payload.state == ProbeState::Attached.number())
        );
        opens += recorded.all::<FileOpen>().len();
    }
    assert_eq!(opens, 3);
}

#[test]
fn duration_holds_under_load() {
    need_bpf!();
    let dir = folder();
    let mut busy = std::process::Command::new(python())
        .args(["-ISc", "import ctypes\nopenat = ctypes.CDLL(None).openat\nwhile True: openat(-100, b'/nowhere.pem', 0, 0)"])
        .spawn()
        .expect("python starts");
    let mut options = common::options(dir.path().join("busy.ctrace"));
    options.pids = vec![busy.id()];
    options.duration = Some(std::time::Duration::from_secs(1));
    let report = crypto_tracer_recorder::record(&options, &mut common::Quiet);
    let _ = busy.kill();
    let _ = busy.wait();
    let report = report.expect("it records");
    assert_eq!(report.stop, Stop::Duration);
    assert!(report.progress.elapsed < std::time::Duration::from_secs(2), "{:?}", report.progress.elapsed);
    assert!(report.progress.events > 1000);
}
