//! Cryptography that programs ask of the kernel: from the recording to events, and through the database.

use crate::support::{bytes_of, need_bpf, of_type, parse_events, record_python, s, text, tracer};
use serde_json::Value;

/// AF_ALG and a key, with what a kernel without them refuses; each call's result in a file of its own line.
const CALLS: &str = r#"
import ctypes, errno, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
ADD_KEY, KEYCTL = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
results = open("results.txt", "w")

def told(f, *a):
    failed = f(*[ctypes.c_long(x) if isinstance(x, int) else x for x in a]) == -1
    results.write((errno.errorcode[ctypes.get_errno()] if failed else "success") + "\n")

try: fd = socket.socket(38, socket.SOCK_SEQPACKET)
except OSError: fd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for kind, name in ((b"hash", b"sha256"), (b"skcipher", b"no-such-cipher")):
    told(libc.bind, fd.fileno(), struct.pack("=H14sII64s", 38, kind, 0, 0, name), 88)
told(libc.syscall, KEYCTL, 1, b"crypto-tracer-test")
payload = bytes(reversed(b"yek-terces-eht"))
told(libc.syscall, ADD_KEY, b"user", b"caf\xe9 key", payload, len(payload), -3)
results.close()
"#;

#[test]
fn requests_to_the_kernel_become_events_and_keep_through_the_database() {
    need_bpf!();
    let capture = record_python(CALLS, &["--probes", "kernel_crypto"], |_| {});
    let events = capture.events(&[]);
    let results = std::fs::read_to_string(capture.work().join("results.txt")).expect("it was written");
    let results: Vec<&str> = results.lines().collect();
    let seen: Vec<(&str, &str)> = events.iter().map(|e| (s(e, "call"), s(e, "result"))).collect();
    let calls = ["af_alg_bind", "af_alg_bind", "keyctl", "add_key"];
    assert_eq!(seen, calls.into_iter().zip(results).collect::<Vec<_>>());
    assert_eq!(of_type(&events, "kernel_crypto").len(), 4);
    let name_and_type = |e: &'_ Value| (s(e, "type").to_owned(), s(e, "name").to_owned());
    assert_eq!(name_and_type(&events[0]), ("hash".into(), "sha256".into()));
    assert_eq!(name_and_type(&events[1]), ("skcipher".into(), "no-such-cipher".into()));
    assert_eq!(
        (s(&events[2], "operation"), s(&events[2], "name")),
        ("KEYCTL_JOIN_SESSION_KEYRING", "crypto-tracer-test")
    );
    assert_eq!((s(&events[3], "type"), bytes_of(&events[3], "name")), ("user", b"caf\xe9 key".to_vec()));
    assert_eq!(events[3]["payload_bytes"], 14);
    assert!(events.iter().all(|e| e["pid"] == capture.pid));

    let database = capture.dir.path().join("x.db");
    let out = tracer().args(["analyze", "ingest"]).arg(&capture.path).arg("--db").arg(&database).output();
    let out = out.expect("crypto-tracer starts");
    assert!(out.status.success(), "{}", text(&out.stderr));
    let out = tracer().args(["analyze", "monitor"]).arg(&database).output().expect("crypto-tracer starts");
    assert_eq!(parse_events(&out.stdout), events);
    // What the key holds is nowhere, however it is compressed.
    for file in [&capture.path, &database] {
        let plain =
            std::process::Command::new("zstd").args(["-dcqf"]).arg(file).output().expect("zstd starts");
        let raw = std::fs::read(file).expect("it is there");
        for bytes in [plain.stdout, raw] {
            assert!(!bytes.windows(14).any(|w| w == b"the-secret-key"), "{}", file.display());
        }
    }
}

#[test]
fn the_table_shows_what_was_asked() {
    need_bpf!();
    let capture = record_python(CALLS, &["--probes", "kernel_crypto"], |_| {});
    let table = text(&capture.analyze(&["monitor", "--format", "table"]));
    for line in ["af_alg_bind hash sha256", "keyctl KEYCTL_JOIN_SESSION_KEYRING crypto-tracer-test"] {
        assert!(table.contains(line), "{line}:\n{table}");
    }
    assert!(table.contains(r"add_key user caf\xe9 key  [14 bytes]"), "{table}");
}
