//! TLS handshakes of nginx, under programs that do nothing but shake hands.
//!
//! The server has one worker, and a P-256 certificate, which makes handshakes as cheap as they get and what a probe adds as
//! visible, or one of RSA-2048. Where there are two processors, the worker has one, and clients and recorder share another:
//! then what the worker's time on its processor says is what a server loses, and where the server is the slower end (RSA-2048),
//! so does the rate. With our own clients both ends are recorded, so that the wire is seen twice for each handshake; functions
//! are probed in the server only.

use crate::numbers::{differences, median, percent};
use crate::recorder::{Guarded, Recorder, cpu_ns};
use crate::{MODES, Mode, Plan, compile, pinned, program};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const CLIENTS: usize = 2;

/// Kinds of certificates: as tables have them, and how `openssl req` makes them.
const KEYS: &[(&str, &[&str])] = &[
    ("P-256", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ("RSA-2048", &["-newkey", "rsa:2048"]),
];

/// What a run came to.
struct Run {
    /// Handshakes per second.
    rate: f64,
    /// Nanoseconds of the worker's time per handshake.
    worker_ns: f64,
    /// Nanoseconds of the recorder's time per handshake.
    recorder_ns: f64,
    /// Handshakes per second that `openssl s_time` made.
    s_time: f64,
}

/// Measures, and writes a table for each kind of certificate.
pub fn tables(plan: &Plan) -> String {
    KEYS.iter().map(|(name, arguments)| table(plan, name, arguments)).collect()
}

fn table(plan: &Plan, key: &str, arguments: &[&str]) -> String {
    let server = Server::start(plan, key, arguments);
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
    let mut out = format!(
        "| {key} | worker's µs per handshake | difference | handshakes/s | difference | `openssl s_time`'s handshakes/s | difference | recorder's µs per handshake |
|---|---|---|---|---|---|---|---|\n",
    );
    for (mode, runs) in modes.iter().zip(&all) {
        let of = |runs: &[Run], what: fn(&Run) -> f64| runs.iter().map(what).collect::<Vec<f64>>();
        let column = |what: fn(&Run) -> f64, unit: f64, digits: usize| {
            let numbers = of(runs, what);
            let difference = match mode.arguments {
                Some(_) => percent(differences(&numbers, &of(&all[0], what))),
                None => String::new(),
            };
            format!("{:.digits$} | {difference}", median(numbers) / unit)
        };
        writeln!(
            out,
            "| {} | {} | {} | {} | {:.1} |",
            mode.name,
            column(|r| r.worker_ns, 1000.0, 1),
            column(|r| r.rate, 1.0, 0),
            column(|r| r.s_time, 1.0, 0),
            median(of(runs, |r| r.recorder_ns)) / 1000.0,
        )
        .expect("a String");
    }
    writeln!(
        out,
        "\nMedian of {} rounds of {} s each, compared within a round; half of the rounds lie between the numbers in brackets.\n",
        plan.rounds,
        plan.run.as_secs()
    )
    .expect("a String");
    out
}

fn run(plan: &Plan, mode: &Mode, server: &Server, client: &Path) -> Run {
    let mut clients: Vec<(Guarded, BufReader<ChildStdout>)> = (0..CLIENTS)
        .map(|_| {
            let child = pinned(client, 1)
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
    let s_time = s_time(plan, server);
    recorder.stop();
    Run { rate, worker_ns: (after.0 - before.0) / count, recorder_ns: (after.1 - before.1) / count, s_time }
}

/// Handshakes per second of OpenSSL's own client, which isn't recorded.
fn s_time(plan: &Plan, server: &Server) -> f64 {
    let began = Instant::now();
    let output = pinned(&program("openssl"), 1)
        .args(["s_time", "-new", "-time", &plan.run.as_secs().to_string()])
        .args(["-connect", &format!("127.0.0.1:{}", server.port)])
        .stdin(Stdio::null())
        .output()
        .expect("openssl starts");
    let took = began.elapsed();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // "1234 connections in 3 real seconds, 0 bytes read per connection": of whole seconds, so that ours are used.
    let line = text.lines().find(|line| line.contains("real seconds"));
    let count = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    count.unwrap_or_else(|| panic!("openssl s_time said:\n{text}")) / took.as_secs_f64()
}

/// nginx, with a configuration and a folder of its own.
struct Server {
    child: Guarded,
    worker: u32,
    port: u16,
    log: String,
}

impl Server {
    fn start(plan: &Plan, key: &str, arguments: &[&str]) -> Server {
        let folder = plan.folder.path().join(format!("nginx-{key}"));
        std::fs::create_dir(&folder).expect("mkdir");
        let made = Command::new(program("openssl"))
            .args(["req", "-x509", "-nodes"])
            .args(arguments)
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
worker_cpu_affinity 01;
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
