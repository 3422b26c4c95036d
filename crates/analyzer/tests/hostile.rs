//! Captures of strangers: whatever the bytes, `monitor` neither panics nor writes anything but valid events.

#[path = "../src/testing/mod.rs"]
mod testing;

use std::path::PathBuf;

use crypto_tracer_analyzer::monitor::{Format, MonitorOptions, monitor};
use crypto_tracer_analyzer::store::{IngestOptions, ingest};
use crypto_tracer_analyzer::when::When;
use crypto_tracer_analyzer::{AnalyzeError, Completeness, open};
use crypto_tracer_format::record::{
    ApiCall, Fact, HEADER_SIZE, HostFact, KernelCall, Kind, Records, TlsMessage,
};
use serde_json::Value;
use testing::{HOST, Recording, Who, message, who};

/// Pseudorandom numbers, the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// One record of every kind, and several processes.
fn recording() -> Recording {
    let nginx = Who { cgroup: 3, ..who(1234, b"nginx") };
    let sh = who(7, b"sh\"\x1b\xff");
    let mut r = Recording::begin(HOST);
    r.cgroup(0, 3, "/lxc/web/x")
        .user(0, 1000, "bob")
        .probe(Fact::FileOpen, crypto_tracer_format::record::ProbeState::Attached, "p", "")
        .library(0, "/lib/libssl.so.3", "libssl.so.3", "OpenSSL 3", "ab")
        .process(1, nginx, 1, "/usr/sbin/nginx", &["nginx"], "/lxc/web/x")
        .mapping(1, nginx, "/lib/libssl.so.3")
        .open_file(1, nginx, 3, "/etc/ssl/a.pem")
        .scanned(0, 2, 1, 0)
        .block()
        .fork(3, sh, nginx)
        .exec(4, sh, 1234, "/bin/sh", &["sh", "-c", "x\ny"])
        .open(5, sh, b"/home/bob", b"../\xff\"\n.pem", 0o1101, -2)
        .load(6, sh.by_pid(), b"/lib/libcrypto.so.3 (deleted)")
        .complete(7)
        .block()
        .loss(8, Fact::LibLoad, 5, 6, 7)
        .exit(9, sh, 0, 9);
    crypto(&mut r, nginx);
    r
}

/// Calls, a handshake in TLS 1.2 and one in TLS 1.3, requests to the kernel.
fn crypto(r: &mut Recording, who: Who) {
    r.block()
        .function(1, "SSL_do_handshake", "handshake", "n0=mode:openssl_verify_mode path=file:path", "one")
        .function(
            2,
            "X509_verify_cert",
            "verify_result",
            "n0=error:openssl_verify_result name=purpose:algorithm",
            "one",
        )
        .api_library(1, "/lib/libssl.so.3")
        .host_crypto(HostFact::Fips, "", "1")
        .call(10, who, |b| ApiCall {
            function: 2,
            library: 1,
            object: 5,
            name: b.string(b"x"),
            ..ApiCall::default()
        })
        .count(11, who, 1, 1, 7, 1)
        .tls_of(12, who, 1, 5, TlsMessage::ClientHello, true, &message!("tls12_client_hello"))
        .tls_of(13, who, 1, 5, TlsMessage::ServerHello, false, &message!("tls12_server_hello"))
        .tls_of(13, who, 1, 5, TlsMessage::Certificate, false, &message!("certificate_ec"))
        .tls_of(13, who, 1, 5, TlsMessage::ServerKeyExchange, false, &message!("tls12_server_key_exchange"))
        .block()
        .tls_of(14, who, 1, 5, TlsMessage::Encrypted, true, b"")
        .tls_of(15, who, 1, 5, TlsMessage::Encrypted, false, b"")
        .call(16, who, |_| ApiCall { function: 1, library: 1, object: 5, result: 1, ..ApiCall::default() })
        .tls(17, who, 2, TlsMessage::ClientHello, false, &message!("retry_client_hello"))
        .tls(18, who, 2, TlsMessage::ServerHello, true, &message!("retry_request"))
        .tls(19, who, 2, TlsMessage::ClientHello, false, &message!("retry_client_hello_2"))
        .tls(20, who, 2, TlsMessage::ServerHello, true, &message!("retry_server_hello"))
        .tls(21, who, 2, TlsMessage::Alert, true, &[2, 80])
        .kernel(22, who, KernelCall::AlgBind, "hash", "sha256", 0)
        .complete(23);
}

fn check(text: &str, what: &str) -> usize {
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{what}: {e}: {line}"));
        assert!(event["event_type"].is_string() && !line.chars().any(char::is_control), "{what}: {line}");
    }
    text.lines().count()
}

fn run(path: &PathBuf, options: &MonitorOptions) -> Result<(String, Completeness), AnalyzeError> {
    let mut out = Vec::new();
    let mut source = open(std::slice::from_ref(path), true)?;
    let outcome = monitor(&mut *source, options, &mut out)?;
    let coverage = outcome.coverage.expect("a coverage");
    Ok((String::from_utf8(out).expect("UTF-8"), coverage.completeness()))
}

fn options() -> [MonitorOptions; 3] {
    [
        MonitorOptions::default(),
        MonitorOptions { format: Format::Table, ..MonitorOptions::default() },
        MonitorOptions {
            since: Some(When::AfterStart(5_000_000)),
            until: Some(When::BeforeEnd(1_000_000)),
            ..MonitorOptions::default()
        },
    ]
}

#[test]
fn cut_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ctrace");
    let bytes = recording().bytes();
    let mut most = 0;
    for len in 0..=bytes.len() {
        std::fs::write(&path, &bytes[..len]).unwrap();
        match run(&path, &MonitorOptions::default()) {
            Ok((text, completeness)) => {
                let events = check(&text, &format!("cut at {len}"));
                assert!(events + 1 >= most, "cut at {len}: {events} events, but {most} of less");
                most = most.max(events);
                if len == bytes.len() {
                    assert_eq!((events, completeness), (12, Completeness::Whole));
                }
            }
            Err(AnalyzeError::Nothing(_)) => assert_eq!(most, 0, "cut at {len}"),
            Err(error) => panic!("cut at {len}: {error}"),
        }
    }
}

#[test]
fn any_byte_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ctrace");
    let bytes = recording().bytes();
    let whole = {
        std::fs::write(&path, &bytes).unwrap();
        run(&path, &MonitorOptions::default()).unwrap().0
    };
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 0x41;
        std::fs::write(&path, &changed).unwrap();
        match run(&path, &MonitorOptions::default()) {
            Ok((text, completeness)) => {
                check(&text, &format!("byte {at}"));
                // Either nothing is missing, or it is said.
                assert!(text == whole || completeness == Completeness::Damaged, "byte {at}:\n{text}");
            }
            Err(AnalyzeError::Nothing(_)) => {}
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
}

/// Mangled records in frames that are whole: what a hostile writer would make.
#[test]
fn mangled_records() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ctrace");
    let blocks = recording().blocks();
    let mut numbers = Numbers(0x0f0f_1111_7f4a_7c19);
    for round in 0..500 {
        let mut mangled = Recording::empty();
        for block in &blocks {
            let mut bytes = block.clone();
            for _ in 0..=numbers.below(6) {
                mangle(&mut bytes, &mut numbers);
            }
            // The writer takes whole records only; those behind a broken one go into a block of their own.
            let whole: usize = Records::new(&bytes).map_while(Result::ok).map(|r| r.bytes().len()).sum();
            mangled.raw(&bytes[..whole]).block();
        }
        std::fs::write(&path, mangled.bytes()).unwrap();
        for options in options() {
            match run(&path, &options) {
                Ok((text, _)) if options.format == Format::Lines => {
                    check(&text, &format!("round {round}"));
                    if round % 5 == 0 {
                        let database = folder.path().join(format!("{round}.db"));
                        let mut source = open(std::slice::from_ref(&path), true).unwrap();
                        ingest(&mut *source, &IngestOptions { database: database.clone() }).unwrap();
                        let stored = run(&database, &options).map(|(text, _)| text);
                        std::fs::remove_file(&database).unwrap();
                        assert_eq!(stored.unwrap(), text, "round {round}, from a database");
                    }
                }
                Ok((text, _)) => {
                    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "round {round}: {text}");
                }
                Err(AnalyzeError::Nothing(_) | AnalyzeError::Unreadable { .. }) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        }
    }
}

fn mangle(bytes: &mut [u8], numbers: &mut Numbers) {
    let starts: Vec<usize> = Records::new(bytes)
        .map_while(Result::ok)
        .scan(0, |at, record| {
            let start = *at;
            *at += record.bytes().len();
            Some(start)
        })
        .collect();
    let Some(&start) = starts.get(numbers.below(starts.len())) else { return };
    let value = numbers.next();
    let extremes = [0, 1, u64::MAX, i64::MAX as u64, value, value & 0xff];
    let word = extremes[numbers.below(extremes.len())].to_le_bytes();
    let (at, len) = match numbers.below(5) {
        0 => (start, 1),                                       // kind
        1 => (start + 8, 8),                                   // time
        2 => (start + 16, 8),                                  // tgid, tid
        3 => (start + 32, 8),                                  // start
        _ => (start + HEADER_SIZE + 4 * numbers.below(24), 4), // fields and strings
    };
    let kinds: Vec<u8> = Kind::ALL.iter().map(|k| k.number() as u8).collect();
    if let Some(target) = bytes.get_mut(at..at + len) {
        target.copy_from_slice(&word[..len]);
        if len == 1 {
            target[0] = kinds[numbers.below(kinds.len())];
        }
    }
}

/// Many processes, states, hosts and times that never end: it takes a while, and no memory to speak of.
#[test]
fn many_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.ctrace");
    let mut r = Recording::begin(HOST);
    for i in 0..20_000u32 {
        let me = Who { pid: i % 50, start_ns: 1 + u64::from(i) * 10_000_000, ..who(1, b"x") };
        r.read(u64::from(i % 7), me, "/x.pem").load(u64::from(i % 5), me.by_pid(), b"/lib/libssl.so.3");
        if i % 500 == 0 {
            r.complete(u64::from(i % 11)).block();
        }
    }
    for i in 0..300 {
        r.host(&format!("boot {i}"), "many", 1).read(2, who(1, b"x"), "/y.pem");
    }
    std::fs::write(&path, r.bytes()).unwrap();
    let (text, completeness) = run(&path, &MonitorOptions::default()).unwrap();
    assert_eq!((check(&text, "many"), completeness), (40_300, Completeness::Whole));
}
