//! Cryptography of the kernel: what a program of known calls asked for, with the results that it saw itself.
//!
//! The program writes each call's result into a file. What a kernel lacks (AF_ALG, kTLS, keys) it refuses, and the refusal
//! is what must have been recorded.

mod common;

use common::{Recorded, bpf_works, python, run};
use crypto_tracer_format::record::{Fact, HostCrypto, HostFact, KernelCall, KernelCrypto, Loss};
use std::io::Write;

/// What must not be found anywhere in a capture: payloads, key material, callout information, a password.
const SECRETS: [&str; 6] =
    ["s3cr3t-payl0ad", "s3cr3t-upd4te", "s3cr3t-call0ut", "s3cr3t-pa55", "s3cr3t-k3y-mat", "s3cr3t-alg-k3y"];

/// The calls: each line of results.txt is what one returned, a negative error number where it failed.
const CALLS: &str = r#"
import ctypes, os, socket, struct
NR = {"x86_64": (248, 249, 250), "aarch64": (217, 218, 219)}[os.uname().machine]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
results = open("results.txt", "w")

def call(f, *a):
    r = f(*a)
    return -ctypes.get_errno() if r == -1 else r

def told(*a): results.write("%d\n" % call(*a))

def key_call(nr, *a): return libc.syscall(nr, *[ctypes.c_long(x) if isinstance(x, int) else x for x in a])
def add_key(*a): return key_call(NR[0], *a)
def request_key(*a): return key_call(NR[1], *a)
def keyctl(*a): return key_call(NR[2], *a)

# AF_ALG, on a socket of its own where the kernel has it.
try: alg = socket.socket(38, socket.SOCK_SEQPACKET)
except OSError: alg = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
def address(kind, name, size=64): return struct.pack("=H14sII", 38, kind, 0, 0) + name.ljust(size, b"\0")
for kind, name in ((b"hash", b"sha256"), (b"hash", b"no-such-digest"), (b"skcipher", b"cbc(aes)")):
    a = address(kind, name)
    told(libc.bind, alg.fileno(), a, len(a))
long = address(b"aead", b"n" * 200, 201)
told(libc.bind, alg.fileno(), long, len(long))
libc.setsockopt(alg.fileno(), 279, 1, b"s3cr3t-alg-k3y!!", 16)
# Others' addresses: not recorded, however long.
unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for family, a in ((socket.AF_UNIX, b"\0not-to-be-recorded-" + b"x" * 70), (socket.AF_INET6, bytes(26))):
    a = struct.pack("=H", family) + a
    libc.bind(unix.fileno(), a, len(a))
libc.bind(alg.fileno(), address(b"hash", b"too-short"), 24)

# kTLS.
server, client = socket.socket(), socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
client.connect(server.getsockname())
peer, _ = server.accept()
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
told(libc.setsockopt, client.fileno(), 6, 31, b"tls", 3)
told(libc.setsockopt, peer.fileno(), 6, 31, b"tls\0", 4)
libc.setsockopt(client.fileno(), 6, 31, b"smc\0", 4)
libc.setsockopt(client.fileno(), 6, 31, b"tlsx", 4)
gcm = struct.pack("=HH", 0x0303, 51) + b"s3cr3t-k3y-mat" * 3
told(libc.setsockopt, client.fileno(), 282, 1, gcm, 40)
told(libc.setsockopt, client.fileno(), 282, 2, struct.pack("=HH", 0x0304, 54) + b"s3cr3t-k3y-mat" * 4, 56)
libc.setsockopt(client.fileno(), 282, 3, gcm, 40)
libc.setsockopt(client.fileno(), 282, 1, gcm, 3)

# Keys, in a session keyring of its own.
told(keyctl, 1, b"crypto-tracer-test")
payload = b"s3cr3t-payl0ad"
told(add_key, b"user", b"app:db-key", payload, len(payload), -3)
key = call(request_key, b"user", b"app:db-key", b"s3cr3t-call0ut", 0)
results.write("%d\n" % key)
told(request_key, b"user", b"app:not-there", 0, 0)
told(keyctl, 10, -3, b"user", b"app:db-key", 0)
told(keyctl, 2, key, b"s3cr3t-upd4te", 13)
told(keyctl, 11, key, ctypes.create_string_buffer(64), 64)
told(keyctl, 24, key, 0, b"enc=pkcs1 password=s3cr3t-pa55 hash=sha256", ctypes.create_string_buffer(64))
told(keyctl, 3, key)
told(keyctl, 70001, 0)
told(add_key, 1, b"bad pointer", payload, 3, -3)
told(add_key, b"t" * 40, b"long type", payload, 3, -3)
told(add_key, b"user", b"d" * 4095, payload, 5, -3)
results.write("end\n")
"#;

/// Call, operation, version, cipher, length, type, name; of the calls above, in their order.
fn expected() -> Vec<(KernelCall, u16, u16, u16, u32, String, String)> {
    use KernelCall::{AddKey, AlgBind, Keyctl, RequestKey, TlsRx, TlsTx, TlsUlp};
    let s = str::to_owned;
    let bind = |kind: &str, name: &str| (AlgBind, 0, 0, 0, 0, s(kind), s(name));
    let keyctl =
        |operation, length, kind: &str, name: &str| (Keyctl, operation, 0, 0, length, s(kind), s(name));
    vec![
        bind("hash", "sha256"),
        bind("hash", "no-such-digest"),
        bind("skcipher", "cbc(aes)"),
        bind("aead", &"n".repeat(127)),
        (TlsUlp, 0, 0, 0, 0, s(""), s("")),
        (TlsUlp, 0, 0, 0, 0, s(""), s("")),
        (TlsTx, 0, 0x0303, 51, 0, s(""), s("")),
        (TlsRx, 0, 0x0304, 54, 0, s(""), s("")),
        keyctl(1, 0, "", "crypto-tracer-test"),
        (AddKey, 0, 0, 0, 14, s("user"), s("app:db-key")),
        (RequestKey, 0, 0, 0, 0, s("user"), s("app:db-key")),
        (RequestKey, 0, 0, 0, 0, s("user"), s("app:not-there")),
        keyctl(10, 0, "user", "app:db-key"),
        keyctl(2, 13, "", ""),
        keyctl(11, 0, "", ""),
        keyctl(24, 0, "", "enc=pkcs1 hash=sha256"),
        keyctl(3, 0, "", ""),
        keyctl(0xffff, 0, "", ""),
        (AddKey, 0, 0, 0, 3, s(""), s("bad pointer")),
        (AddKey, 0, 0, 0, 3, "t".repeat(31), s("long type")),
        (AddKey, 0, 0, 0, 5, s("user"), "d".repeat(4095)),
    ]
}

fn calls(only_probe: Option<&str>) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // In a file: a command line is recorded.
    std::fs::write(dir.path().join("calls.py"), CALLS).expect("it is written");
    let recorded = run(dir.path(), &[python(), "-IS", "calls.py"], |o| {
        o.facts = vec![Fact::KernelCrypto];
        o.only_probe = only_probe.map(Into::into);
    });
    let results = std::fs::read_to_string(dir.path().join("results.txt")).expect("it was written");
    assert!(results.ends_with("end\n"), "the program failed after {results}");
    let results: Vec<i64> = results.lines().filter_map(|line| line.parse().ok()).collect();
    let all = recorded.all::<KernelCrypto>();
    let seen: Vec<_> = all
        .iter()
        .map(|e| {
            let p = &e.payload;
            let call = KernelCall::from_number(p.call).expect("a call");
            (call, p.operation, p.version, p.cipher, p.length, e.text(p.kind), e.text(p.name))
        })
        .collect();
    assert_eq!(seen, expected());
    assert_eq!(all.iter().map(|e| e.payload.result).collect::<Vec<_>>(), results);
    assert!(all.iter().all(|e| e.header.start_ns != 0 && e.header.comm_bytes().starts_with(b"python")));
    assert!(recorded.all::<Loss>().is_empty());
    nothing_secret(&recorded);
}

fn nothing_secret(recorded: &Recorded) {
    for secret in SECRETS {
        let found = recorded.bytes().windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{secret} is in the capture");
    }
}

/// Whether a rung works here; its absence is the kernel's, and said.
fn rung_works(name: &str) -> bool {
    let report = crypto_tracer_recorder::doctor();
    let rung = report.probes.iter().find(|p| p.attempt.fact == Fact::KernelCrypto && p.attempt.probe == name);
    let rung = rung.expect("the rung is in the table");
    if !rung.works {
        // Not with eprintln!, whose output the test runner keeps to itself when a test passes: a skip must be seen.
        let why = &rung.attempt.reason;
        let _ = writeln!(std::io::stderr(), "SKIPPED, {name} does not work here: {why}");
    }
    rung.works
}

#[test]
fn calls_are_recorded_with_their_results_and_without_secrets() {
    if bpf_works() {
        calls(None);
    }
}

#[test]
fn by_fexit() {
    if bpf_works() && rung_works("fexit:sys_setsockopt") {
        calls(Some("fexit"));
    }
}

#[test]
fn by_tracepoints() {
    if bpf_works() && rung_works("tracepoint:syscalls/sys_exit_setsockopt") {
        calls(Some("tracepoint"));
    }
}

#[test]
fn by_the_raw_tracepoint() {
    if bpf_works() {
        calls(Some("raw_tracepoint"));
    }
}

#[test]
fn the_host_tells_of_its_cryptography() {
    if !bpf_works() {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary folder");
    let recorded = run(dir.path(), &["/bin/true"], |o| o.facts = vec![Fact::ProcessExec]);
    let all = recorded.all::<HostCrypto>();
    let of = |what: HostFact| all.iter().filter(move |e| e.payload.what == what.number());
    let values = |what| of(what).map(|e| e.text(e.payload.value)).collect::<Vec<_>>();
    let file = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let fips: Vec<String> = file("/proc/sys/crypto/fips_enabled").into_iter().collect();
    assert_eq!(values(HostFact::Fips), fips);
    let policy: Vec<String> = file("/etc/crypto-policies/state/current").into_iter().collect();
    assert_eq!(values(HostFact::CryptoPolicy), policy);
    // Loading an algorithm adds entries, by others too: what was there before and after must have been told.
    let drivers = || -> Vec<String> {
        let text = file("/proc/crypto").unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.strip_prefix("driver")?.split_once(": "));
        lines.map(|(_, driver)| driver.to_owned()).collect()
    };
    let told: Vec<String> = of(HostFact::Algorithm).map(|e| e.text(e.payload.driver)).collect();
    let there = drivers();
    assert!(there.iter().filter(|d| told.contains(d)).count() * 10 >= there.len() * 9, "{told:?} {there:?}");
    assert!(of(HostFact::Algorithm).all(|e| e.payload.name.len > 0 && e.payload.kind.len > 0));
}
