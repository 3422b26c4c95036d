//! TLS handshakes per second of nginx, under programs that do nothing but shake hands.
//!
//! The server has one worker and a P-256 certificate, which makes handshakes as cheap as they get, and what a probe adds as
//! visible. Two clients keep it busy. Both ends are on this machine and both are recorded, so that the wire is seen twice for
//! each handshake; functions are probed in the server only. What the worker's time on a processor says is little disturbed by
//! other load: it is what a server that has a processor for itself would lose.

use crate::numbers::{differences, median, percent};
use crate::recorder::{Guarded, Recorder, cpu_ns};
use crate::{MODES, Mode, Plan, compile, program};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const CLIENTS: usize = 2;

/// What a run came to.
struct Run {
    /// Handshakes per second.
    rate: f64,
    /// Nanoseconds of the worker's time per handshake.
    worker_ns: f64,
    /// Nanoseconds of the recorder's time per handshake.
    recorder_ns: f64,
}

/// Measures, and writes the table.
pub fn table(plan: &Plan) -> String {
    let server = Server::start(plan);
    let client = compile(plan, "handshakes");
    let modes: Vec<&Mode> = MODES.iter().filter(|mode| mode.handshakes).collect();
    // Once for nothing: caches and clocks settle.
    run(plan, modes[0], &server, &client);
    let mut all: Vec<Vec<Run>> = modes.iter().map(|_| Vec::new()).collect();
    for round in 0..plan.rounds {
        for turn in 0..modes.len() {
            let at = (turn + round) % modes.len();
            all[at].push(run(plan, modes[at], &server, &client));
        }
    }
    let mut out = String::from(
        "| | handshakes per second | difference | worker's µs per handshake | difference | recorder's µs per handshake |\n|---|---|---|---|---|---|\n",
    );
    for (mode, runs) in modes.iter().zip(&all) {
        let of = |runs: &[Run], what: fn(&Run) -> f64| runs.iter().map(what).collect::<Vec<f64>>();
        let (rates, workers) = (of(runs, |r| r.rate), of(runs, |r| r.worker_ns));
        let difference = |numbers: &[f64], base: Vec<f64>| match mode.arguments {
            Some(_) => percent(differences(numbers, &base)),
            None => String::new(),
        };
        writeln!(
            out,
            "| {} | {:.0} | {} | {:.1} | {} | {:.1} |",
            mode.name,
            median(rates.clone()),
            difference(&rates, of(&all[0], |r| r.rate)),
            median(workers.clone()) / 1000.0,
            difference(&workers, of(&all[0], |r| r.worker_ns)),
            median(of(runs, |r| r.recorder_ns)) / 1000.0,
        )
        .expect("a String");
    }
    writeln!(
        out,
        "\nMedian of {} rounds of {} s each, compared within a round; in brackets, the least and the most of them.",
        plan.rounds,
        plan.run.as_secs()
    )
    .expect("a String");
    out
}

fn run(plan: &Plan, mode: &Mode, server: &Server, client: &Path) -> Run {
    let mut clients: Vec<(Guarded, BufReader<ChildStdout>)> = (0..CLIENTS)
        .map(|_| {
            let child = Command::new(client)
                .arg(server.port.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let mut child = Guarded(child.expect("it starts"));
            let stdout = BufReader::new(child.0.stdout.take().expect("a pipe"));
            (child, stdout)
        })
        .collect();
    let mut pids = vec![server.child.0.id()];
    pids.extend(clients.iter().map(|(child, _)| child.0.id()));
    let recorder = Recorder::start(plan, mode, &pids);
    let before = (cpu_ns(server.worker), recorder.cpu_ns());
    for (child, _) in &mut clients {
        let stdin = child.0.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{}", plan.run.as_millis()).expect("it reads");
    }
    let (mut count, mut rate) = (0.0, 0.0);
    for (_, stdout) in &mut clients {
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it writes");
        let numbers: Vec<f64> = line.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [made, took] = numbers[..] else { panic!("a client failed; see {}", server.log) };
        count += made;
        rate += made * 1e9 / took;
    }
    let after = (cpu_ns(server.worker), recorder.cpu_ns());
    recorder.stop();
    Run { rate, worker_ns: (after.0 - before.0) / count, recorder_ns: (after.1 - before.1) / count }
}

/// nginx, with a configuration and a folder of its own.
struct Server {
    child: Guarded,
    worker: u32,
    port: u16,
    log: String,
}

impl Server {
    fn start(plan: &Plan) -> Server {
        let folder = plan.folder.path().join("nginx");
        std::fs::create_dir(&folder).expect("mkdir");
        let made = Command::new(program("openssl"))
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "1", "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.crt"])
            .current_dir(&folder)
            .stderr(Stdio::null())
            .status();
        assert!(made.is_ok_and(|s| s.success()), "openssl req");
        // Free a moment ago; nobody else is given it so soon.
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let config = folder.join("nginx.conf");
        std::fs::write(&config, configuration(&folder, port)).expect("written");
        let (name, libraries) = plan.openssl.variable.split_once('=').expect("a variable");
        let child = Command::new(program("nginx"))
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&config)
            .env(name, libraries)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = Guarded(child.expect("nginx starts"));
        let log = folder.join("error.log").display().to_string();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "nginx does not listen; see {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let pid = child.0.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.unwrap_or_default();
        let worker = children.split_whitespace().find_map(|pid| pid.parse().ok()).expect("a worker");
        Server { child, worker, port, log }
    }
}

impl Drop for Server {
    /// The master ends its worker when it is asked to; killed, it would leave it behind.
    fn drop(&mut self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.0.id().to_string()]).status();
        let began = Instant::now();
        while asked.is_ok()
            && self.child.0.try_wait().is_ok_and(|status| status.is_none())
            && began.elapsed() < Duration::from_secs(5)
        {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn configuration(folder: &Path, port: u16) -> String {
    let at = folder.display();
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("    {kind}_temp_path {at}/{kind};\n"))
        .concat();
    format!(
        "daemon off;
worker_processes 1;
user root;
pid {at}/nginx.pid;
error_log {at}/error.log;
events {{
    worker_connections 1024;
}}
http {{
{temp}    access_log off;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {at}/server.crt;
        ssl_certificate_key {at}/server.key;
        ssl_session_tickets off;
        ssl_session_cache off;
        return 204;
    }}
}}
"
    )
}
