//! Calls of libraries' functions: a program makes known calls and says which; what was recorded is the same, exactly.
//!
//! Probes are attached to private copies of the libraries alone. The programs are those of tests/programs, made with cc
//! and go; what they print comes from their own knowledge of what they called.

use crate::support::{self, Capture, need_bpf, s, text};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program of known calls, with copies of the libraries that it uses.
pub struct Bench {
    dir: tempfile::TempDir,
    /// The program.
    pub program: PathBuf,
    /// What it is given before all else: the script of an interpreter.
    first: Vec<String>,
    /// The copies.
    pub libraries: Vec<PathBuf>,
}

/// Calls that are alike: function, result, arguments, number of tries; and how many there were.
pub type Calls = BTreeMap<(String, String, String, u64), u64>;

fn run(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e} (make deps-test)"));
    assert!(out.status.success(), "{command:?}:\n{}", text(&out.stderr));
    text(&out.stdout)
}

impl Bench {
    /// A folder for the program `name` and its libraries.
    fn new() -> Bench {
        let dir = support::folder();
        Bench { program: dir.path().join("program"), dir, first: Vec::new(), libraries: Vec::new() }
    }

    /// Makes tests/programs/`name`.c, and copies its libraries whose names begin with one of `stems`.
    pub fn of_c(name: &str, flags: &[&str], stems: &[&str]) -> Bench {
        let mut bench = Bench::new();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/programs/{name}.c"));
        run(Command::new("cc").args(["-O1", "-w", "-o"]).arg(&bench.program).arg(source).args(flags));
        let program = bench.program.clone();
        bench.copy_libraries(&program, stems);
        bench
    }

    /// A program that is there already, copied, with copies of its libraries.
    pub fn of_program(path: &Path, stems: &[&str]) -> Bench {
        Bench::of_program_with(path, path, stems)
    }

    /// A program that uses the libraries of one of its modules.
    pub fn of_program_with(path: &Path, module: &Path, stems: &[&str]) -> Bench {
        let mut bench = Bench::of_static(path);
        bench.libraries.clear();
        bench.copy_libraries(module, stems);
        bench
    }

    /// A program that is there already and has its library within it, copied.
    pub fn of_static(path: &Path) -> Bench {
        let mut bench = Bench::new();
        run(Command::new("cp").arg("-L").arg(path).arg(&bench.program));
        bench.libraries.push(bench.program.clone());
        bench
    }

    /// tests/programs/`name`.py, which is told where the copies of these libraries are.
    pub fn of_script(name: &str, libraries: &[PathBuf]) -> Bench {
        let mut bench = Bench::new();
        bench.program = support::python().into();
        let script = format!("{}/tests/programs/{name}.py", env!("CARGO_MANIFEST_DIR"));
        bench.first = ["-SEB".to_owned(), script].into();
        for library in libraries {
            let copy = bench.dir.path().join(library.file_name().expect("a file"));
            run(Command::new("cp").arg("-L").arg(library).arg(&copy));
            bench.libraries.push(copy);
        }
        bench
    }

    /// Makes tests/programs/go. The program itself is what is watched.
    pub fn of_go(go: &Path, flags: &[&str]) -> Bench {
        let mut bench = Bench::new();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/go");
        run(Command::new(go)
            .args(["build", "-o"])
            .arg(&bench.program)
            .args(flags)
            .arg("main.go")
            .current_dir(folder)
            .env("GO111MODULE", "off")
            .env("GOTOOLCHAIN", "local")
            .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go")));
        bench.libraries.push(bench.program.clone());
        bench
    }

    fn copy_libraries(&mut self, of: &Path, stems: &[&str]) {
        for line in run(Command::new("ldd").arg(of)).lines() {
            let Some((name, rest)) = line.trim().split_once(" => ") else { continue };
            let Some(path) = rest.split(' ').next() else { continue };
            if stems.iter().any(|stem| name.starts_with(stem)) {
                let copy = self.dir.path().join(name);
                run(Command::new("cp").arg("-L").arg(path).arg(&copy));
                self.libraries.push(copy);
            }
        }
        assert_eq!(self.libraries.len(), stems.len(), "the libraries {stems:?} of {}", of.display());
    }

    /// Records the program with these arguments. A certificate of localhost and its key lie where it runs.
    pub fn record(&self, args: &[&str], more: &[&str]) -> Capture {
        let folder = format!("LD_LIBRARY_PATH={}", self.dir.path().display());
        let mut command = vec![folder.as_str(), self.program.to_str().expect("UTF-8")];
        command.extend(self.first.iter().map(String::as_str));
        command.extend(args);
        let mut options = more.to_vec();
        for library in &self.libraries {
            options.extend(["--library", library.to_str().expect("UTF-8")]);
        }
        let capture = support::record("/usr/bin/env", &command, &options, certificate);
        let out = &capture.output;
        assert!(out.status.success(), "the program failed:\n{}{}", text(&out.stdout), text(&out.stderr));
        capture
    }
}

/// cert.pem and key.pem: self-signed, P-256, for localhost.
pub fn certificate(dir: &Path) {
    run(Command::new("openssl").current_dir(dir).args(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem"
            .split_whitespace(),
    ));
}

/// What a program says that it called.
pub fn said(stdout: &[u8], bulk: bool) -> Calls {
    let mut calls = Calls::new();
    for line in text(stdout).lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        if line["bulk"] == json!(true) && !bulk {
            continue;
        }
        let tries = line["tries"].as_u64().unwrap_or(1);
        let key = (s(&line, "function").into(), s(&line, "result").into(), line["args"].to_string(), tries);
        *calls.entry(key).or_default() += line["count"].as_u64().expect("a count");
    }
    calls
}

/// What was recorded. Arguments that have a name and a number are compared by number: the library's headers have those.
pub fn recorded(capture: &Capture) -> Calls {
    let mut calls = Calls::new();
    for event in capture.events(&["--type", "api_call"]) {
        let args = event["args"].as_object().expect("arguments");
        let mut plain = Map::new();
        for (name, value) in args {
            if name.strip_suffix("_id").is_none_or(|name| !args.contains_key(name)) {
                plain.insert(name.clone(), args.get(&format!("{name}_id")).unwrap_or(value).clone());
            }
        }
        let tries = event["tries"].as_u64().unwrap_or(1);
        let args = Value::Object(plain).to_string();
        let key = (s(&event, "function_name").into(), s(&event, "result").into(), args, tries);
        *calls.entry(key).or_default() += event["count"].as_u64().unwrap_or(1);
    }
    calls
}

/// Every difference, in one text.
pub fn compare(expected: &Calls, got: &Calls) {
    let mut wrong = String::new();
    for key in expected.keys().chain(got.keys().filter(|key| !expected.contains_key(*key))) {
        let (want, have) = (expected.get(key).unwrap_or(&0), got.get(key).unwrap_or(&0));
        if want != have {
            wrong.push_str(&format!("{key:?}: called {want} times, recorded {have} times\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The program's calls in the default set, and all of them with the bulk functions.
pub fn holds(bench: &Bench, args: &[&str]) {
    let capture = bench.record(args, &[]);
    compare(&said(&capture.output.stdout, false), &recorded(&capture));
    for event in capture.events(&["--type", "api_call"]) {
        let library = Path::new(s(&event, "library_path"));
        assert!(bench.libraries.iter().any(|l| l == library), "{} isn't a private copy", library.display());
        assert_eq!(event["pid"].as_u64(), Some(capture.pid.into()), "{event}");
    }
    let capture = bench.record(args, &["--probes", "api_call,process_exec,process_exit,process_fork,bulk"]);
    compare(&said(&capture.output.stdout, true), &recorded(&capture));
}

/// What programs are told of [`certificate`].
pub const CERTIFICATE: [&str; 2] = ["cert.pem", "key.pem"];

#[test]
fn openssl() {
    need_bpf!();
    holds(&Bench::of_c("openssl", &["-lssl", "-lcrypto"], &["libssl", "libcrypto"]), &CERTIFICATE);
}

#[test]
fn gnutls() {
    need_bpf!();
    holds(&Bench::of_c("gnutls", &["-lgnutls"], &["libgnutls"]), &CERTIFICATE);
}

#[test]
fn nss() {
    need_bpf!();
    let flags = run(Command::new("pkg-config").args(["--cflags", "--libs", "nss"]));
    let flags: Vec<&str> = flags.split_whitespace().collect();
    holds(&Bench::of_c("nss", &flags, &["libssl3", "libnss3"]), &[]);
}

#[test]
fn libsodium() {
    need_bpf!();
    holds(&Bench::of_c("libsodium", &["-lsodium"], &["libsodium"]), &[]);
}

#[test]
fn mbedtls() {
    need_bpf!();
    let flags = ["-lmbedtls", "-lmbedx509", "-lmbedcrypto"];
    let stems = ["libmbedtls", "libmbedx509", "libmbedcrypto"];
    holds(&Bench::of_c("mbedtls", &flags, &stems), &CERTIFICATE);
}

#[test]
fn wolfssl() {
    need_bpf!();
    holds(&Bench::of_c("wolfssl", &["-lwolfssl"], &["libwolfssl"]), &CERTIFICATE);
}

#[test]
fn libgcrypt() {
    need_bpf!();
    holds(&Bench::of_c("libgcrypt", &["-lgcrypt"], &["libgcrypt"]), &[]);
}

#[test]
fn go() {
    need_bpf!();
    holds(&Bench::of_go(Path::new("go"), &[]), &CERTIFICATE);
}
