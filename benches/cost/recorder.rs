//! A recorder that runs beside what is measured.

use crate::{Mode, Plan, pinned};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A program that is ended by its pid, whatever happens here.
pub struct Guarded(pub Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running recorder, or none.
pub struct Recorder(Option<(Guarded, std::thread::JoinHandle<String>)>);

impl Recorder {
    /// Records these processes and their children, from when this returns.
    pub fn start(plan: &Plan, mode: &Mode, pids: &[u32]) -> Recorder {
        let Some(arguments) = mode.arguments else { return Recorder(None) };
        let mut command = pinned(Path::new(env!("CARGO_BIN_EXE_crypto-tracer")), 1);
        command.args(["record", "--force", "--follow-children", "--buffer", "16M", "-o"]);
        command.arg(plan.folder.path().join("cost.ctrace")).args(arguments);
        for pid in pids {
            command.arg("--pid").arg(pid.to_string());
        }
        // --library belongs to API calls.
        if !arguments.contains(&"--probes") || arguments.contains(&"bulk") {
            command.args(plan.openssl.arguments());
        }
        let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the recorder starts");
        let mut child = Guarded(child);
        let mut stderr = BufReader::new(child.0.stderr.take().expect("a pipe"));
        let mut said = String::new();
        while !said.lines().last().is_some_and(|line| line.starts_with("recording to")) {
            let read = stderr.read_line(&mut said).expect("standard error");
            assert!(read > 0, "the recorder ended:\n{said}");
        }
        let rest = std::thread::spawn(move || {
            let _ = stderr.read_to_string(&mut said);
            said
        });
        Recorder(Some((child, rest)))
    }

    /// Time that it was on a processor so far, in nanoseconds.
    pub fn cpu_ns(&self) -> f64 {
        self.0.as_ref().map_or(0.0, |(child, _)| cpu_ns(child.0.id()))
    }

    /// Ends it.
    pub fn stop(self) {
        let Some((mut child, rest)) = self.0 else { return };
        let signalled = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status();
        assert!(signalled.is_ok_and(|s| s.success()), "kill");
        let status = child.0.wait().expect("it ends");
        assert_eq!(status.code(), Some(130), "{}", rest.join().unwrap_or_default());
    }
}

/// Time that a process's threads were on a processor so far, in nanoseconds.
pub fn cpu_ns(pid: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or_default()
    };
    tasks.map(of).sum()
}
