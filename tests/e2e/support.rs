//! A recording of one workload: a gate, the recorder, the work, the analysis.
//!
//! The workload starts behind a gate: a shell that waits for a line on its standard input and then execs the real
//! program. The recorder is told that shell's pid, so that everything the program does is recorded and nothing else.

#[path = "private.rs"]
pub mod private;

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// The program under test.
pub fn tracer() -> Command {
    Command::new(env!("CARGO_BIN_EXE_crypto-tracer"))
}

/// Whether eBPF works here. Says once why not; with CRYPTO_TRACER_REQUIRE_BPF=1 that is a failure.
pub fn bpf_works() -> bool {
    static WORKS: OnceLock<Result<(), String>> = OnceLock::new();
    let works = WORKS.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let out = tracer()
            .args(["record", "--duration", "100ms", "--pid", &std::process::id().to_string(), "-o"])
            .arg(dir.path().join("try.ctrace"))
            .output()
            .expect("crypto-tracer starts");
        if out.status.success() { Ok(()) } else { Err(text(&out.stderr)) }
    });
    if let Err(why) = works {
        assert!(
            std::env::var_os("CRYPTO_TRACER_REQUIRE_BPF").is_none_or(|v| v != "1"),
            "eBPF is required (CRYPTO_TRACER_REQUIRE_BPF=1), but recording failed:\n{why}"
        );
        // Not with eprintln!, whose output the test runner keeps to itself when a test passes: a skip must be seen.
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let _ =
            writeln!(std::io::stderr(), "SKIPPED {test}, since recording does not work here: {}", why.trim());
        return false;
    }
    true
}

/// Ends the test early where eBPF doesn't work.
macro_rules! need_bpf {
    () => {
        if !$crate::support::bpf_works() {
            return;
        }
    };
}
pub(crate) use need_bpf;

/// A copy of the program that every user may run. Made by cp(1): while a process writes a program file, any child that
/// another test forks holds it open too, and it can't be started (ETXTBSY).
pub fn copy_for_everybody(dir: &Path) -> PathBuf {
    let copy = dir.join("crypto-tracer");
    let status = Command::new("cp").arg(env!("CARGO_BIN_EXE_crypto-tracer")).arg(&copy).status();
    assert!(status.is_ok_and(|s| s.success()), "cp");
    copy
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A child that is ended by its pid when the test ends, however it ends.
pub struct Guarded(pub Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Guarded {
    /// Waits for the end; panics after `limit`.
    pub fn wait_at_most(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("the child can be waited for") {
                return status;
            }
            assert!(start.elapsed() < limit, "still running after {limit:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // std has no call for it, and this crate may not use unsafe code.
        let status = Command::new("kill").args([format!("-{signal}"), self.0.id().to_string()]).status();
        assert!(status.is_ok_and(|s| s.success()), "kill -{signal}");
    }
}

/// Work behind the gate.
pub struct Gate {
    /// The shell, later the program.
    pub child: Guarded,
}

impl Gate {
    /// Prepares `program` with `args` in the folder `cwd`.
    pub fn new(cwd: &Path, program: &str, args: &[&OsStr]) -> Gate {
        let child = Command::new("/bin/sh")
            .args(["-c", "read -r go && exec \"$@\"", "gate", program])
            .args(args)
            .current_dir(cwd)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        Gate { child: Guarded(child) }
    }

    /// The pid of the work.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Opens the gate and waits for the end of the work; its output.
    pub fn run(mut self) -> Output {
        let mut stdin = self.child.0.stdin.take().expect("a pipe");
        writeln!(stdin, "go").expect("the gate reads");
        drop(stdin);
        let mut stdout = self.child.0.stdout.take().expect("a pipe");
        let mut stderr = self.child.0.stderr.take().expect("a pipe");
        let errors = std::thread::spawn(move || {
            let mut out = Vec::new();
            let _ = std::io::Read::read_to_end(&mut stderr, &mut out);
            out
        });
        let mut out = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stdout, &mut out);
        let status = self.child.wait_at_most(Duration::from_secs(120));
        Output { status, stdout: out, stderr: errors.join().unwrap_or_default() }
    }
}

/// A running recorder.
pub struct Recorder {
    /// The process.
    pub child: Guarded,
    stderr: Option<std::thread::JoinHandle<String>>,
    lines: Receiver<String>,
}

impl Recorder {
    /// Starts `crypto-tracer record` with these arguments and waits until everything is attached.
    pub fn start<S: AsRef<OsStr>>(args: &[S]) -> Recorder {
        Recorder::start_into(args, Stdio::inherit())
    }

    /// The same, with its standard output.
    pub fn start_into<S: AsRef<OsStr>>(args: &[S], stdout: Stdio) -> Recorder {
        let mut command = tracer();
        command.arg("record").args(args).stdout(stdout);
        // Functions are probed in copies that only our programs map; see `private`.
        if !args.iter().any(|arg| matches!(arg.as_ref().to_str(), Some("--library" | "--probes"))) {
            command.args(private::openssl().arguments());
        }
        Recorder::spawn(command)
    }

    /// The same, from a command that is ready to run.
    pub fn spawn(mut command: Command) -> Recorder {
        let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = Guarded(child.expect("crypto-tracer starts"));
        let stderr = child.0.stderr.take().expect("a pipe");
        let (told, lines) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut all = String::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                all.push_str(&line);
                all.push('\n');
                let _ = told.send(line);
            }
            all
        });
        let mut recorder = Recorder { child, stderr: Some(reader), lines };
        recorder.wait_for("recording to");
        recorder
    }

    /// Waits until it has said a line with this in it.
    pub fn wait_for(&mut self, what: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(what) => return,
                Ok(_) => {}
                Err(_) => {
                    let _ = self.child.0.kill();
                    let said = self.stderr.take().map(|t| t.join().unwrap_or_default());
                    panic!("the recorder never said `{what}`:\n{}", said.unwrap_or_default());
                }
            }
        }
    }

    /// Waits for its end (at most `limit`); exit code and what it said.
    pub fn wait(mut self, limit: Duration) -> (i32, String) {
        let status = self.child.wait_at_most(limit);
        let said = self.stderr.take().map(|t| t.join().unwrap_or_default()).unwrap_or_default();
        (status.code().unwrap_or(-1), said)
    }

    /// Interrupts it and waits for a clean end; what it said.
    pub fn stop(self) -> String {
        self.child.signal(2);
        let (code, said) = self.wait(Duration::from_secs(10));
        assert_eq!(code, 130, "SIGINT ends the recorder with 130:\n{said}");
        said
    }
}

/// A capture in a folder that goes with it.
pub struct Capture {
    /// The folder.
    pub dir: tempfile::TempDir,
    /// The file.
    pub path: PathBuf,
    /// What the work printed.
    pub output: Output,
    /// The pid of the work.
    pub pid: u32,
}

/// A new folder that everybody may read.
pub fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(dir.path(), mode).expect("chmod");
    dir
}

/// Records `program` with `args`, run in a new folder that `prepare` may fill.
pub fn record(program: &str, args: &[&str], more: &[&str], prepare: impl FnOnce(&Path)) -> Capture {
    let dir = folder();
    let work = dir.path().join("work");
    std::fs::create_dir(&work).expect("mkdir");
    prepare(&work);
    let args: Vec<&OsStr> = args.iter().map(OsStr::new).collect();
    let gate = Gate::new(&work, program, &args);
    let pid = gate.pid();
    let path = dir.path().join("test.ctrace");
    let pid_text = pid.to_string();
    let mut arguments = vec!["--pid", &pid_text, "--follow-children", "-o", path.to_str().expect("UTF-8")];
    arguments.extend(more);
    let recorder = Recorder::start(&arguments);
    let output = gate.run();
    recorder.stop();
    Capture { dir, path, output, pid }
}

/// Records a Python program (isolated and without site packages: those may open certificates of their own).
pub fn record_python(script: &str, more: &[&str], prepare: impl FnOnce(&Path)) -> Capture {
    let capture = record(python(), &["-ISc", script], more, prepare);
    assert!(
        capture.output.status.success(),
        "the workload failed:\n{}{}",
        text(&capture.output.stdout),
        text(&capture.output.stderr)
    );
    capture
}

impl Capture {
    /// The work's folder, as the work sees it.
    pub fn work(&self) -> PathBuf {
        self.dir.path().join("work").canonicalize().expect("the work's folder")
    }

    /// Runs a view that must succeed; its standard output.
    pub fn analyze(&self, args: &[&str]) -> Vec<u8> {
        let mut all = vec!["analyze", args[0], self.path.to_str().expect("UTF-8")];
        all.extend(&args[1..]);
        let out = tracer().args(&all).output().expect("crypto-tracer starts");
        assert!(out.status.success(), "{all:?}: {}\n{}", out.status, text(&out.stderr));
        out.stdout
    }

    /// Events, each validated against the published schema.
    pub fn events(&self, args: &[&str]) -> Vec<Value> {
        let mut all = vec!["monitor"];
        all.extend(args);
        parse_events(&self.analyze(&all))
    }

    /// A document, validated against the published schema.
    pub fn document(&self, schema: &str, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.extend(["--format", "json"]);
        let value: Value = serde_json::from_slice(&self.analyze(&all)).expect("JSON");
        validate(schema, &value);
        value
    }
}

/// Parses JSON lines and validates each.
pub fn parse_events(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("JSON is UTF-8");
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            validate("event", &value);
            value
        })
        .collect()
}

/// Checks a document against docs/schema/NAME.schema.json.
pub fn validate(name: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/{name}.schema.json"));
    let schema = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let schema: Value = serde_json::from_slice(&schema).expect("the schema is JSON");
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .unwrap_or_else(|e| panic!("{name}: {e}"));
    let errors: Vec<String> =
        validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "not valid by {name}.schema.json: {errors:#?}\n{value:#}");
}

/// A string field.
pub fn s<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no string `{field}` in {value}"))
}

/// The events of one type.
pub fn of_type<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|e| e["event_type"] == kind).collect()
}

/// All bytes of a string field: from its hexadecimal companion where the string isn't UTF-8.
pub fn bytes_of(value: &Value, field: &str) -> Vec<u8> {
    match value[format!("{field}_hex")].as_str() {
        Some(hex) => unhex(hex),
        None => s(value, field).as_bytes().to_vec(),
    }
}

/// How often a file of a document could not be opened with this error.
pub fn failures(file: &Value, error: &str) -> u64 {
    let rows = file["failures"].as_array().unwrap_or_else(|| panic!("no failures in {file}"));
    rows.iter().filter(|f| f["error"] == error).filter_map(|f| f["count"].as_u64()).sum()
}

/// Bytes of a hexadecimal text.
pub fn unhex(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hexadecimal");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}

/// The Python interpreter itself: `python3` may be a script that starts it.
pub fn python() -> &'static str {
    static PYTHON: OnceLock<String> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let out = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
        text(&out.expect("python3 is installed (make deps-test)").stdout).trim().to_owned()
    })
}
