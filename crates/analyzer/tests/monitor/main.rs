//! `monitor` over whole captures: what goes in as records comes out as events, and as nothing else.

mod crypto;
mod inputs;
#[path = "../../src/testing/mod.rs"]
mod testing;

use std::io::{self, Write};
use std::path::PathBuf;

use crypto_tracer_analyzer::event::EventType;
use crypto_tracer_analyzer::filter::Filter;
use crypto_tracer_analyzer::monitor::{Format, MonitorOptions, Outcome, monitor};
use crypto_tracer_analyzer::store::{IngestOptions, ingest};
use crypto_tracer_analyzer::when::When;
use crypto_tracer_analyzer::{AnalyzeError, open};
use crypto_tracer_format::record::{Fact, KernelCall, MarkKind};
use serde_json::{Value, json};
use testing::{HOST, Recording, WALL, Who, who};

const NGINX: Who = who(1234, b"nginx");
const CURL: Who = who(77, b"curl");
const OTHER_HOST: &str = "99999999-2222-3333-4444-555555555555";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// What `monitor` writes of captures; a database made of them must give the same bytes.
fn run(inputs: &[PathBuf], options: &MonitorOptions) -> Result<(String, Outcome), AnalyzeError> {
    let (text, outcome) = run_once(inputs, options)?;
    let folder = Folder::new();
    let database = folder.0.path().join("x.db");
    ingest(&mut *open(inputs, true)?, &IngestOptions { database: database.clone() })?;
    assert_eq!(run_once(&[database], options)?.0, text, "from a database");
    assert_eq!(run_once(inputs, options)?.0, text, "again");
    Ok((text, outcome))
}

fn run_once(inputs: &[PathBuf], options: &MonitorOptions) -> Result<(String, Outcome), AnalyzeError> {
    let mut out = Vec::new();
    let outcome = monitor(&mut *open(inputs, true)?, options, &mut out)?;
    Ok((String::from_utf8(out).unwrap(), outcome))
}

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../../../docs/schema/event.schema.json");
    jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    let schema = schema();
    let parse = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        if let Err(error) = schema.validate(&event) {
            panic!("{line}\n{error}");
        }
        event
    };
    text.lines().map(parse).collect()
}

fn events_with(recording: &Recording, options: &MonitorOptions) -> Vec<Value> {
    let folder = Folder::new();
    let file = folder.file("a.ctrace", &recording.bytes());
    let (text, outcome) = run(&[file], options).unwrap();
    let events = lines(&text);
    assert_eq!(outcome.events, events.len() as u64);
    events
}

fn events(recording: &Recording) -> Vec<Value> {
    events_with(recording, &MonitorOptions::default())
}

fn filtered(recording: &Recording, filter: Filter) -> Vec<String> {
    let events = events_with(recording, &MonitorOptions { filter, ..MonitorOptions::default() });
    events.iter().map(brief).collect()
}

/// `type pid what`.
fn brief(event: &Value) -> String {
    let what = ["file", "library", "cmdline", "fact"].iter().find_map(|k| event[*k].as_str()).unwrap_or("");
    format!("{} {} {what}", event["event_type"].as_str().unwrap(), event["pid"]).trim_end().to_owned()
}

#[test]
fn each_event_has_the_fields_of_the_requirements() {
    let mut r = Recording::begin(HOST);
    r.exec(1, NGINX, 1, "/usr/sbin/nginx", &["nginx", "-g", "daemon off;"])
        .load(2, NGINX, b"/usr/lib/x86_64-linux-gnu/libssl.so.3")
        .open(3, NGINX, b"", b"/etc/ssl/certs/server.crt", 0, 5)
        .open(4, NGINX, b"/etc/nginx", b"../ssl/private/./server.key", 0o2000000, -13)
        .exit(5, NGINX, 0, 0);
    assert_eq!(
        events(&r),
        [
            json!({"event_type": "process_exec", "timestamp": "2025-11-17T10:30:45.001000Z", "pid": 1234, "ppid": 1,
                "uid": 0, "gid": 0, "process": "nginx", "exe": "/usr/sbin/nginx", "cmdline": "nginx -g 'daemon off;'",
                "host": "web1"}),
            json!({"event_type": "lib_load", "timestamp": "2025-11-17T10:30:45.002000Z", "pid": 1234, "ppid": 1,
                "uid": 0, "gid": 0, "process": "nginx", "library": "/usr/lib/x86_64-linux-gnu/libssl.so.3",
                "library_name": "libssl.so.3", "library_family": "OpenSSL", "host": "web1"}),
            json!({"event_type": "file_open", "timestamp": "2025-11-17T10:30:45.003000Z", "pid": 1234, "ppid": 1,
                "uid": 0, "gid": 0, "process": "nginx", "file": "/etc/ssl/certs/server.crt", "flags": "O_RDONLY",
                "file_type": "certificate", "result": "success", "host": "web1"}),
            json!({"event_type": "file_open", "timestamp": "2025-11-17T10:30:45.004000Z", "pid": 1234, "ppid": 1,
                "uid": 0, "gid": 0, "process": "nginx", "file": "/etc/ssl/private/server.key",
                "file_given": "../ssl/private/./server.key", "flags": "O_RDONLY|O_CLOEXEC",
                "file_type": "private_key", "result": "EACCES", "host": "web1"}),
            json!({"event_type": "process_exit", "timestamp": "2025-11-17T10:30:45.005000Z", "pid": 1234, "ppid": 1,
                "uid": 0, "gid": 0, "process": "nginx", "exit_code": 0, "host": "web1"}),
        ]
    );
}

#[test]
fn signals_losses_and_new_files() {
    let mut r = Recording::begin(HOST);
    r.open(1, CURL, b"", b"/tmp/new.key", 0o1101, 3).exit(2, CURL, 0, 11).loss(9, Fact::FileOpen, 17, 3, 8);
    let got = events(&r);
    assert_eq!(got[0]["mode"], "0600");
    assert_eq!(got[0]["flags"], "O_WRONLY|O_CREAT|O_TRUNC");
    assert_eq!((&got[1]["exit_code"], &got[1]["signal"]), (&json!(139), &json!("SIGSEGV")));
    assert_eq!(
        got[2],
        json!({"event_type": "loss", "timestamp": "2025-11-17T10:30:45.009000Z", "fact": "file_open",
            "reason": "buffer full", "count": 17, "from": "2025-11-17T10:30:45.003000Z",
            "to": "2025-11-17T10:30:45.008000Z", "host": "web1"})
    );
}

#[test]
fn library_loads_find_their_process_by_pid_and_time() {
    let old = Who { start_ns: 90_000_000_000, ..who(42, b"old") };
    let new = Who { start_ns: testing::at(10), uid: 7, ..who(42, b"new") };
    let mut r = Recording::begin(HOST);
    r.read(1, old, "/x.pem")
        .load(2, old.by_pid(), b"/lib/libssl.so.3")
        .exit(5, old, 0, 0)
        .fork(10, new, NGINX)
        .load(11, new.by_pid(), b"/lib/libcrypto.so.3")
        .load(12, who(43, b"").by_pid(), b"/lib/libgnutls.so.30");
    let loads: Vec<_> = events(&r).into_iter().filter(|e| e["event_type"] == "lib_load").collect();
    assert_eq!((&loads[0]["process"], &loads[0]["uid"]), (&json!("old"), &json!(0)));
    assert_eq!(
        (&loads[1]["process"], &loads[1]["uid"], &loads[1]["ppid"]),
        (&json!("new"), &json!(7), &json!(1234))
    );
    assert_eq!((&loads[2]["process"], &loads[2]["pid"]), (&json!(""), &json!(43)));
    assert!(loads[2].get("uid").is_none());
}

#[test]
fn the_scan_tells_of_processes_that_were_there_before() {
    let id = "0123456789abcdef".repeat(4);
    let mut r = Recording::begin(HOST);
    // Attached first, scanned then: the events come before the scan in time.
    r.process(5, NGINX, 1, "/usr/sbin/nginx", &["nginx"], &format!("/docker/{id}"))
        .read(2, NGINX, "/x.pem")
        .load(3, NGINX.by_pid(), b"/lib/libssl.so.3");
    for event in events(&r) {
        assert_eq!((&event["ppid"], &event["process"]), (&json!(1), &json!("nginx")));
        assert_eq!(event["container"], id.as_str());
    }
}

#[test]
fn names_change_at_exec_and_cgroups_become_known() {
    let before = Who { cgroup: 9, ..who(50, b"sh") };
    let after = Who { comm: b"openssl", ..before };
    let mut r = Recording::begin(HOST);
    r.fork(1, before, NGINX)
        .read(2, before, "/1.pem")
        .exec(3, after, 1234, "/usr/bin/openssl", &["openssl", "x509"])
        .read(4, after, "/2.pem")
        .cgroup(0, 9, "/lxc/web/init.scope");
    let got = events(&r);
    let names: Vec<_> = got.iter().map(|e| e["process"].as_str().unwrap()).collect();
    assert_eq!(names, ["sh", "sh", "openssl", "openssl"]);
    assert!(got.iter().all(|e| e["ppid"] == 1234 && e["container"] == "web"), "{got:?}");
}

#[test]
fn filters_are_anded_and_values_of_one_are_ored() {
    let user = Who { uid: 1000, cgroup: 3, ..who(9, b"Worker") };
    let mut r = Recording::begin(HOST);
    r.cgroup(0, 3, &format!("/docker/{}", "ab".repeat(32)))
        .read(1, NGINX, "/etc/ssl/a.pem")
        .open(2, user, b"/srv/app", b"keys/b.key", 0, -2)
        .load(3, user, b"/lib/libcrypto.so.3")
        .load(4, CURL, b"/lib/libgnutls.so.30")
        .exit(5, CURL, 0, 0)
        .loss(6, Fact::LibLoad, 1, 1, 2);
    let loss = "loss null lib_load";
    let own = |text: &str| text.to_owned();
    for (filter, want) in [
        (
            Filter { pids: vec![1234, 77], ..Filter::default() },
            vec![
                "file_open 1234 /etc/ssl/a.pem",
                "lib_load 77 /lib/libgnutls.so.30",
                "process_exit 77",
                loss,
            ],
        ),
        (
            Filter { names: vec![own("WORK")], ..Filter::default() },
            vec!["file_open 9 /srv/app/keys/b.key", "lib_load 9 /lib/libcrypto.so.3", loss],
        ),
        (Filter { files: vec![own("*.pem")], ..Filter::default() }, vec!["file_open 1234 /etc/ssl/a.pem"]),
        (
            Filter { files: vec![own("/srv/*"), own("nothing")], ..Filter::default() },
            vec!["file_open 9 /srv/app/keys/b.key"],
        ),
        (
            Filter { files: vec![own("keys/?.key")], ..Filter::default() },
            vec!["file_open 9 /srv/app/keys/b.key"],
        ),
        (
            Filter { libraries: vec![own("openssl")], ..Filter::default() },
            vec!["lib_load 9 /lib/libcrypto.so.3", loss],
        ),
        (Filter { libraries: vec![own("GNUtls")], pids: vec![9], ..Filter::default() }, vec![loss]),
        (Filter { types: vec![EventType::ProcessExit], ..Filter::default() }, vec!["process_exit 77"]),
        (
            Filter { uids: vec![1000], types: vec![EventType::FileOpen], ..Filter::default() },
            vec!["file_open 9 /srv/app/keys/b.key"],
        ),
        (
            Filter { containers: vec![own("abab")], types: vec![EventType::LibLoad], ..Filter::default() },
            vec!["lib_load 9 /lib/libcrypto.so.3"],
        ),
        // The beginning of the id, not any part of it.
        (
            Filter { containers: vec![own("bab")], types: vec![EventType::LibLoad], ..Filter::default() },
            vec![],
        ),
        (Filter { files: vec![own("*")], libraries: vec![own("ssl")], ..Filter::default() }, vec![]),
    ] {
        assert_eq!(filtered(&r, filter.clone()), want, "{filter:?}");
    }
}

#[test]
fn times_absolute_and_relative() {
    let mut r = Recording::begin(HOST);
    for second in 0..10 {
        r.block().read(second * 1000, CURL, &format!("/{second}.pem")).fork(second * 1000 + 1, NGINX, CURL);
    }
    r.block().mark(9_500, MarkKind::Stopped, "");
    let range = |since: &str, until: &str| {
        let when = |text: &str| (!text.is_empty()).then(|| When::parse("--since", text).unwrap());
        let filter = Filter { types: vec![EventType::FileOpen], ..Filter::default() };
        let options =
            MonitorOptions { since: when(since), until: when(until), filter, ..MonitorOptions::default() };
        events_with(&r, &options)
            .iter()
            .map(|e| e["file"].as_str().unwrap()[1..2].to_owned())
            .collect::<String>()
    };
    assert_eq!(range("", ""), "0123456789");
    assert_eq!(range("+3s", "+5s"), "345");
    assert_eq!(range("2025-11-17T10:30:52Z", ""), "789");
    assert_eq!(range("", "1763375446"), "01");
    assert_eq!(range("-2s", ""), "89");
    assert_eq!(range("-2s", "+8s"), "8");
    assert_eq!(range("+20s", ""), "");
    assert_eq!(range("+5s", "+5s"), "5");
    assert_eq!(range("+8s", "-5s"), "", "nothing is left between the ends");
}

#[test]
fn a_printed_time_takes_in_its_event() {
    // Between two microseconds: the output shows the first of them.
    let mut r = Recording::empty();
    r.host(HOST, "web1", 0).clock(0, WALL + 500).read(1, CURL, "/a.pem").read(2, CURL, "/b.pem");
    let all = events(&r);
    let when = |event: &Value| Some(When::parse("--until", event["timestamp"].as_str().unwrap()).unwrap());
    for (index, event) in all.iter().enumerate() {
        let until = MonitorOptions { until: when(event), ..MonitorOptions::default() };
        assert_eq!(events_with(&r, &until), all[..=index]);
        let since = MonitorOptions { since: when(event), ..MonitorOptions::default() };
        assert_eq!(events_with(&r, &since), all[index..]);
    }
}

#[test]
fn a_reversed_range_is_an_error() {
    let mut r = Recording::begin(HOST);
    r.read(1, CURL, "/a.pem").read(9_000, CURL, "/b.pem");
    let folder = Folder::new();
    let file = folder.file("a.ctrace", &r.bytes());
    for (since, until) in
        [("+5s", "+1s"), ("-1s", "-2s"), ("2025-11-17T10:30:46Z", "2025-11-17T10:30:45.999999Z")]
    {
        let when = |text| Some(When::parse("--since", text).unwrap());
        let options = MonitorOptions { since: when(since), until: when(until), ..MonitorOptions::default() };
        let error = run(std::slice::from_ref(&file), &options).unwrap_err();
        assert!(error.is_usage(), "{error}");
        let error = error.to_string();
        assert!(error.contains("--until") && error.contains("lies before --since"), "{error}");
    }
}

#[test]
fn arrays_and_tables() {
    let mut r = Recording::begin(HOST);
    r.read(1, CURL, "/a.pem").open(2, CURL, b"", b"/b\x1b[2J\n\xff.pem", 0, -2).exit(3, CURL, 0, 9).loss(
        4,
        Fact::FileOpen,
        2,
        1,
        3,
    );
    let folder = Folder::new();
    let file = folder.file("a.ctrace", &r.bytes());
    let with = |format| {
        run(std::slice::from_ref(&file), &MonitorOptions { format, ..MonitorOptions::default() }).unwrap().0
    };
    let array: Vec<Value> = serde_json::from_str(&with(Format::Array)).unwrap();
    assert_eq!(array, lines(&with(Format::Lines)));
    assert_eq!(array[1]["file_hex"], "2f621b5b324a0aff2e70656d");
    assert_eq!(array[1]["file"], "/b\u{1b}[2J\n\u{fffd}.pem");
    assert_eq!(
        with(Format::Table),
        "TIME (UTC)                      PID  PROCESS          EVENT    RESULT     DETAIL\n\
         2025-11-17 10:30:45.001000       77  curl             open     ok         /a.pem  [O_RDONLY|O_CLOEXEC]\n\
         2025-11-17 10:30:45.002000       77  curl             open     ENOENT     /b\\x1b[2J\\n\\xff.pem  [O_RDONLY]\n\
         2025-11-17 10:30:45.003000       77  curl             exit     SIGKILL\n\
         2025-11-17 10:30:45.004000                            LOSS                2 records of file_open are missing: buffer full\n"
    );
    let empty = Recording::begin(HOST);
    let file = folder.file("empty.ctrace", &empty.bytes());
    let options = MonitorOptions { format: Format::Array, ..MonitorOptions::default() };
    assert_eq!(run(&[file], &options).unwrap().0, "[\n]\n");
}

#[test]
fn without_a_clock_no_time_is_made_up() {
    let mut r = Recording::empty();
    r.host(HOST, "web1", 0).read(1, CURL, "/a.pem").loss(2, Fact::FileOpen, 2, 1, 2);
    let folder = Folder::new();
    let file = folder.file("a.ctrace", &r.bytes());
    let (text, outcome) = run(std::slice::from_ref(&file), &MonitorOptions::default()).unwrap();
    let got = lines(&text);
    assert_eq!((&got[0]["timestamp"], &got[0]["timestamp_boot_ns"]), (&Value::Null, &json!(testing::at(1))));
    assert_eq!(outcome.coverage.unwrap().without_clock, 1);
    let options = MonitorOptions { since: Some(When::AfterStart(0)), ..MonitorOptions::default() };
    assert!(matches!(run(&[file], &options), Err(AnalyzeError::Unreadable { .. })));
}

#[test]
fn a_clock_that_comes_late_serves_what_came_before() {
    let mut r = Recording::empty();
    r.host(HOST, "web1", 0).read(1, CURL, "/a.pem").complete(2).block().clock(60_000, WALL + 60_000_000_000);
    assert_eq!(events(&r)[0]["timestamp"], "2025-11-17T10:30:45.001000Z");
}

#[test]
fn redaction_again_and_never_of_secrets_alone() {
    let mut r = Recording::begin(HOST);
    r.read(1, CURL, "/home/alice/.ssh/id_rsa").exec(
        2,
        CURL,
        1,
        "/usr/bin/mysql",
        &["mysql", "--password=hunter2"],
    );
    let folder = Folder::new();
    let file = folder.file("a.ctrace", &r.bytes());
    let with = |redact| {
        let mut out = Vec::new();
        monitor(
            &mut *open(std::slice::from_ref(&file), redact).unwrap(),
            &MonitorOptions::default(),
            &mut out,
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    };
    assert!(!with(true).contains("alice"));
    assert!(with(false).contains("/home/alice/.ssh/id_rsa"));
    assert!(!with(true).contains("hunter2") && !with(false).contains("hunter2"));
}

/// The page shows what is written, not what somebody thought would be.
#[test]
fn the_page_of_events_shows_what_is_written() {
    let nginx = Who { cgroup: 9, ..NGINX };
    let forked = Who { comm: b"bash", ..nginx };
    let mut r = Recording::begin(HOST);
    r.cgroup(0, 9, &format!("/docker/{}", "3f4e".repeat(16)))
        .fork(1, forked, who(1, b"bash"))
        .exec(2, nginx, 1, "/usr/sbin/nginx", &["nginx", "-g", "daemon off;"])
        .load(3, nginx, b"/usr/lib/x86_64-linux-gnu/libssl.so.3")
        .open(4, nginx, b"/etc/nginx", b"../ssl/private/server.key", 0o2000000, -13)
        .open(5, nginx, b"", b"/srv/caf\xe9.pem", 0o101, 4)
        .exit(6, nginx, 0, 11);
    // Python's ssl and hashlib make these calls.
    let python = who(77, b"python3");
    crypto::crypto(&mut r, python);
    r.kernel(40, python, KernelCall::AlgBind, "skcipher", "cbc(aes)", -2)
        .kernel(41, python, KernelCall::TlsTx, "", "", 0)
        .loss(50, Fact::FileOpen, 17, 5, 6);
    let folder = Folder::new();
    let (text, _) = run(&[folder.file("a.ctrace", &r.bytes())], &MonitorOptions::default()).unwrap();
    let page = include_str!("../../../../docs/events.md");
    let shown: String = page.split("```json\n").skip(1).filter_map(|part| part.split("```").next()).collect();
    assert_eq!(shown, text);
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/schema/event.schema.json")).unwrap();
    for kind in schema["oneOf"].as_array().unwrap() {
        for field in kind["properties"].as_object().unwrap().keys().filter(|f| !f.ends_with("_hex")) {
            assert!(page.contains(&format!("`{field}`")), "{field} is missing in docs/events.md");
        }
    }
}

struct Closing(usize);

impl Write for Closing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut r = Recording::begin(HOST);
    r.read(1, CURL, "/a.pem").complete(2).block().read(3, CURL, "/b.pem");
    let folder = Folder::new();
    let file = folder.file("a.ctrace", &r.bytes());
    let mut source = open(&[file], true).unwrap();
    let outcome = monitor(&mut *source, &MonitorOptions::default(), &mut Closing(10)).unwrap();
    assert_eq!(outcome.coverage, None);
}
