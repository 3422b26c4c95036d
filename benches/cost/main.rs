//! What recording costs: nanoseconds per call, and TLS handshakes per second of nginx, without and with a recorder.
//!
//! `make bench` runs it, as root; `make bench ARGS="calls --rounds 3"` a part of it. It prints the tables of
//! docs/performance.md and asserts nothing about time: machines differ, and so do their other loads.
//!
//! Invariants:
//! - What is compared was measured in the same round, minutes apart at most, and in an order that changes with each round.
//! - Only programs that were started here are recorded. Functions are probed in private copies of OpenSSL, which only these
//!   programs map.

mod calls;
mod handshakes;
mod machine;
mod numbers;
// The end-to-end tests use all of it.
#[allow(dead_code)]
#[path = "../../tests/e2e/private.rs"]
mod private;
mod recorder;

use private::Private;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What is measured, and how long.
pub struct Plan {
    /// Rounds, of which the median is shown.
    pub rounds: usize,
    /// How long handshakes are made in each run.
    pub run: Duration,
    /// A folder that goes when all is done.
    pub folder: tempfile::TempDir,
    /// Copies of OpenSSL, for the programs whose functions are probed.
    pub openssl: Private,
}

/// With which options a recorder runs.
#[derive(Clone, Copy)]
pub struct Mode {
    /// As the table has it.
    pub name: &'static str,
    /// What it is given besides processes and libraries; `None`: there is no recorder.
    pub arguments: Option<&'static [&'static str]>,
    /// Handshakes are made with it too.
    pub handshakes: bool,
}

/// The first one is what all others are compared with.
pub const MODES: &[Mode] = &[
    Mode { name: "no recorder", arguments: None, handshakes: true },
    Mode { name: "TLS on the wire", arguments: Some(&["--probes", "tls_handshake"]), handshakes: true },
    Mode { name: "kernel crypto", arguments: Some(&["--probes", "kernel_crypto"]), handshakes: false },
    Mode { name: "files", arguments: Some(&["--probes", "file_open"]), handshakes: false },
    Mode { name: "default set", arguments: Some(&[]), handshakes: true },
    Mode { name: "with bulk", arguments: Some(&["--probes", "bulk"]), handshakes: true },
];

const USAGE: &str = "expected: [calls] [handshakes] [--rounds N] [--seconds N]";

fn main() {
    let (mut rounds, mut seconds, mut parts) = (9, 2, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let number =
            |text: Option<String>| text.and_then(|t| t.parse().ok()).filter(|n| *n > 0).expect(USAGE);
        match argument.as_str() {
            // Cargo's own.
            "--bench" => {}
            "--rounds" => rounds = number(arguments.next()),
            "--seconds" => seconds = number(arguments.next()) as u64,
            "calls" | "handshakes" => parts.push(argument),
            _ => panic!("{USAGE}"),
        }
    }
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let copies = folder.path().join("openssl");
    let plan = Plan {
        rounds,
        run: Duration::from_secs(seconds),
        openssl: Private::of(&program("openssl"), &["libssl", "libcrypto"], copies),
        folder,
    };
    println!("{}\n", machine::describe());
    if wanted("calls") {
        println!("{}", calls::table(&plan));
    }
    if wanted("handshakes") {
        println!("{}", handshakes::tables(&plan));
    }
}

/// Where a program is; folders of administrators' programs included.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    let found = folders.map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed, and is measured with"))
}

/// A command that runs on the processor of this number, where there are so many.
pub fn pinned(command: &Path, processor: usize) -> Command {
    if std::thread::available_parallelism().map_or(1, |n| n.get()) <= processor {
        return Command::new(command);
    }
    let mut pinned = Command::new("taskset");
    pinned.arg("-c").arg(processor.to_string()).arg(command);
    pinned
}

/// Compiles one of the programs beside this file, linked with the OpenSSL of the copies.
pub fn compile(plan: &Plan, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/cost/{name}.c"));
    let to = plan.folder.path().join(name);
    let libraries = plan.openssl.files.iter().map(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        format!("-l:{name}")
    });
    let folder = plan.folder.path().join("openssl");
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Werror", "-o"])
        .args([&to, &source])
        .arg("-L")
        .arg(folder)
        .args(libraries)
        .status();
    assert!(status.is_ok_and(|s| s.success()), "cc {}", source.display());
    to
}
