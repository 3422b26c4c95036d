//! A recording of one workload, in this process, and its records.
//!
//! The workload waits behind a gate: a shell that reads a line before it execs the real program. Its pid is what the
//! recorder is told to record, so that nothing of other processes gets into a test.

// Each test program takes what it needs of it.
#![allow(dead_code)]

use crypto_tracer_format::record::{Fact, Header, Payload, Record, Records, StrRef};
use crypto_tracer_format::segment::CaptureReader;
use crypto_tracer_recorder::{Hooks, Progress, RecordError, RecordOptions, Report, Sync, record};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The options that tests start from.
pub fn options(output: PathBuf) -> RecordOptions {
    RecordOptions {
        output,
        duration: None,
        pids: Vec::new(),
        names: Vec::new(),
        follow_children: false,
        uids: Vec::new(),
        cgroups: Vec::new(),
        containers: Vec::new(),
        // Functions are probed in private copies only: see api.rs.
        facts: crypto_tracer_recorder::facts().filter(|fact| *fact != Fact::ApiCall).collect(),
        watch: Vec::new(),
        redact: false,
        buffer_bytes: 1 << 20,
        level: 1,
        flush: None,
        sync: Sync::None,
        rotate_size: None,
        rotate_time: None,
        keep: None,
        force: false,
        recorder: "test".into(),
        bulk: false,
        libraries: Vec::new(),
        catalogues: Vec::new(),
        only_probe: None,
    }
}

/// Whether eBPF works here. With CRYPTO_TRACER_REQUIRE_BPF=1 it must.
pub fn bpf_works() -> bool {
    static WHY_NOT: OnceLock<Option<String>> = OnceLock::new();
    let why_not = WHY_NOT.get_or_init(|| {
        let report = crypto_tracer_recorder::doctor();
        let lines = report.probes.iter().map(|p| format!("{}: {}", p.attempt.probe, p.attempt.reason));
        (!report.all_facts_work()).then(|| lines.collect::<Vec<_>>().join("\n"))
    });
    if let Some(why) = why_not {
        assert!(
            std::env::var_os("CRYPTO_TRACER_REQUIRE_BPF").is_none_or(|v| v != "1"),
            "eBPF is required, but does not work here:\n{why}"
        );
        let _ = writeln!(std::io::stderr(), "SKIPPED, since eBPF does not work here:\n{why}");
    }
    why_not.is_none()
}

/// The python program itself: `python3` may be a script that starts others.
pub fn python() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| {
        let out = Command::new("python3").args(["-ISc", "import sys; print(sys.executable)"]).output();
        String::from_utf8(out.expect("python3 starts").stdout).expect("UTF-8").trim().to_owned()
    })
}

/// A program behind the gate.
pub struct Gate(Child);

impl Gate {
    pub fn new(cwd: &Path, program: &[&str]) -> Gate {
        let child = Command::new("/bin/sh")
            .args(["-c", "read -r go && exec \"$@\"", "gate"])
            .args(program)
            .current_dir(cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        Gate(child)
    }

    /// A program that waits for a line by itself. Its standard input must be a pipe.
    pub fn of(child: Child) -> Gate {
        Gate(child)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    fn open_and_wait(&mut self) {
        let mut stdin = self.0.stdin.take().expect("a pipe");
        writeln!(stdin, "go").expect("the gate reads");
        drop(stdin);
        self.0.wait().expect("the work ends");
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets the work begin when the baseline is done, and ends the recording by a signal when the work is.
struct Conductor {
    gate: Option<Gate>,
    work: Option<std::thread::JoinHandle<()>>,
}

impl Hooks for Conductor {
    fn ready(&mut self, _output: &str) {}
    fn progress(&mut self, _progress: &Progress) {
        let Some(mut gate) = self.gate.take() else { return };
        let recorder = this_thread();
        self.work = Some(std::thread::spawn(move || {
            gate.open_and_wait();
            terminate(recorder);
        }));
    }
    fn warning(&mut self, text: &str) {
        eprintln!("warning: {text}");
    }
    fn detail(&mut self, text: &str) {
        eprintln!("{text}");
    }
}

#[allow(unsafe_code)]
fn this_thread() -> libc::pid_t {
    // SAFETY: gettid has no preconditions.
    unsafe { libc::gettid() }
}

/// SIGTERM for the recorder's thread alone: it is blocked there and read as data.
#[allow(unsafe_code)]
fn terminate(thread: libc::pid_t) {
    // SAFETY: tgkill takes numbers only, and both name this process.
    unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), thread, libc::SIGTERM) };
}

/// What was recorded.
pub struct Recorded {
    pub report: Report,
    bytes: Vec<u8>,
}

/// One record, owned.
pub struct Event<P> {
    pub header: Header,
    pub payload: P,
    bytes: Vec<u8>,
}

impl<P> Event<P> {
    pub fn text(&self, at: StrRef) -> String {
        let (record, _) = Record::split_first(&self.bytes).expect("a record");
        String::from_utf8_lossy(record.str(at).expect("a string")).into_owned()
    }

    pub fn bytes(&self, at: StrRef) -> Vec<u8> {
        let (record, _) = Record::split_first(&self.bytes).expect("a record");
        record.str(at).expect("a string").to_vec()
    }
}

impl Recorded {
    /// All records, decompressed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All records of a type, in the order of the capture.
    pub fn all<P: Payload>(&self) -> Vec<Event<P>> {
        Records::new(&self.bytes)
            .map(|r| r.expect("a record"))
            .filter(|r| r.kind() == Some(P::KIND))
            .map(|r| Event {
                header: *r.header(),
                payload: r.payload().expect("its type"),
                bytes: r.bytes().to_vec(),
            })
            .collect()
    }
}

/// Records `program` and its children; `change` sets further options.
pub fn run(cwd: &Path, program: &[&str], change: impl FnOnce(&mut RecordOptions)) -> Recorded {
    let output = cwd.join("capture.ctrace");
    try_run(cwd, program, output, change).expect("it records")
}

/// As [`run`], into `output`.
pub fn try_run(
    cwd: &Path,
    program: &[&str],
    output: PathBuf,
    change: impl FnOnce(&mut RecordOptions),
) -> Result<Recorded, RecordError> {
    record_gate(Gate::new(cwd, program), output, change)
}

/// Records what is behind a gate, and its children.
pub fn record_gate(
    gate: Gate,
    output: PathBuf,
    change: impl FnOnce(&mut RecordOptions),
) -> Result<Recorded, RecordError> {
    let mut options = options(output.clone());
    options.pids = vec![gate.pid()];
    options.follow_children = true;
    change(&mut options);
    let mut conductor = Conductor { gate: Some(gate), work: None };
    let report = record(&options, &mut conductor)?;
    conductor.work.expect("the work began").join().expect("the work ended");
    let bytes = if output.is_file() { read_bytes(&output) } else { Vec::new() };
    Ok(Recorded { report, bytes })
}

/// The records of a capture.
pub fn read(path: &Path) -> Recorded {
    let report = Report { stop: crypto_tracer_recorder::Stop::Closed, progress: Progress::default() };
    Recorded { report, bytes: read_bytes(path) }
}

fn read_bytes(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).expect("the capture");
    let mut reader = CaptureReader::new(file).expect("a capture");
    while let Some(block) = reader.next_block(&mut |_| true).expect("it can be read") {
        bytes.extend_from_slice(block.bytes());
    }
    bytes
}

/// Says nothing.
pub struct Quiet;

impl Hooks for Quiet {
    fn ready(&mut self, _output: &str) {}
    fn progress(&mut self, _progress: &Progress) {}
    fn warning(&mut self, _text: &str) {}
    fn detail(&mut self, _text: &str) {}
}
