//! File opens: what was captured is what the workload did, in its order, with its results.

use crate::support::{Capture, bytes_of, need_bpf, of_type, record_python, s, text, unhex};
use serde_json::Value;

/// What every workload here begins with: opens through the system call itself, and notes of what came of it.
/// `do` prints one JSON line per open: path as given, absolute path, result, flags.
const PRELUDE: &str = r#"
import ctypes, errno, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
def note(given, absolute, result, **more):
    fd = result if result >= 0 else -ctypes.get_errno()
    name = "success" if fd >= 0 else errno.errorcode[-fd]
    print(json.dumps(dict(given=os.fsencode(given).hex(), absolute=os.fsencode(absolute).hex(), result=name, **more)), flush=True)
    if fd >= 0: os.close(fd)
def do(given, absolute=None, flags=os.O_RDONLY, dirfd=AT_FDCWD, mode=0):
    if absolute is None: absolute = given
    note(given, absolute, libc.openat(dirfd, os.fsencode(given), flags, mode))
here = os.path.realpath(os.getcwd())
"#;

fn record_opens(script: &str) -> Capture {
    record_python(&format!("{PRELUDE}{script}"), &[], |_| ())
}

/// Compares all file_open events with the workload's notes and returns them.
fn compare(capture: &Capture) -> Vec<Value> {
    let events = capture.events(&["--type", "file_open"]);
    let notes: Vec<Value> = text(&capture.output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("the workload prints JSON"))
        .collect();
    assert!(!notes.is_empty(), "the workload did nothing");
    for (i, note) in notes.iter().enumerate() {
        let event = events.get(i).unwrap_or_else(|| panic!("open {i} was not captured: {note}"));
        let (given, absolute) = (unhex(s(note, "given")), unhex(s(note, "absolute")));
        assert_eq!(text(&bytes_of(event, "file")), text(&absolute), "path of open {i}: {note}");
        assert_eq!(bytes_of(event, "file"), absolute, "path of open {i}: {note}");
        if given != absolute {
            assert_eq!(bytes_of(event, "file_given"), given, "path as given of open {i}: {note}");
        }
        assert_eq!(s(event, "result"), s(note, "result"), "result of open {i}: {note}");
        assert_eq!(event["pid"], capture.pid, "pid of open {i}");
    }
    assert_eq!(events.len(), notes.len(), "more was captured than the workload did");
    events
}

#[test]
fn existing_missing_and_forbidden_files() {
    need_bpf!();
    let capture = record_opens(
        r#"
open("there.pem", "w").close(); os.chmod("there.pem", 0o600)
do(here + "/there.pem")
do(here + "/missing.crt")
do(here + "/there.pem", flags=os.O_RDWR | os.O_CLOEXEC)
do(here + "/no/such/folder.key")
do(here + "/made.p12", flags=os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o640)
do(here + "/made.p12", flags=os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o640)
do(here + "/there.pem/below.pem")
os.setuid(65534)
do(here + "/there.pem")
"#,
    );
    // The workload's own `open("there.pem", "w")` comes first.
    let events = capture.events(&["--type", "file_open"]);
    let first = &events[0];
    assert_eq!(s(first, "file_given"), "there.pem");
    assert!(s(first, "flags").starts_with("O_WRONLY|"), "{first}");
    let results: Vec<&str> = events[1..].iter().map(|e| s(e, "result")).collect();
    assert_eq!(results, ["success", "ENOENT", "success", "ENOENT", "success", "EEXIST", "ENOTDIR", "EACCES"]);
    let types: Vec<&str> = events[1..].iter().map(|e| s(e, "file_type")).collect();
    assert_eq!(types[..5], ["certificate", "certificate", "certificate", "private_key", "keystore"]);
    assert_eq!(s(&events[3], "flags"), "O_RDWR|O_CLOEXEC");
    assert_eq!(s(&events[5], "flags"), "O_WRONLY|O_CREAT|O_EXCL");
    assert_eq!(s(&events[5], "mode"), "0640");
    assert_eq!(events[8]["uid"], 65534);
    assert_eq!(events.len(), 9);
}

#[test]
fn relative_paths_are_resolved() {
    need_bpf!();
    let capture = record_opens(
        r#"
os.makedirs("a/b/c")
do("x.pem", here + "/x.pem")
do("./a/../y.crt", here + "/y.crt")
os.chdir("a/b")
do("z.key", here + "/a/b/z.key")
do("../../up.pem", here + "/up.pem")
fd = os.open(here + "/a", os.O_RDONLY | os.O_DIRECTORY)
do("b/c/by-dirfd.pem", here + "/a/b/c/by-dirfd.pem", dirfd=fd)
do(here + "/absolute.pem", dirfd=fd)
do("closed.pem", "closed.pem", dirfd=999)
os.chdir("/")
do("etc/at-root.pem", "/etc/at-root.pem")
"#,
    );
    let events = capture.events(&["--type", "file_open"]);
    assert_eq!(s(&events[6], "result"), "EBADF");
    compare(&capture);
}

#[test]
fn long_paths_are_whole() {
    need_bpf!();
    // 4,095 bytes is what the kernel takes at most; one more is ENAMETOOLONG and can't match by its end.
    let capture = record_opens(
        r#"
for size in (255, 256, 300, 1000, 4095):
    fill = "/" + "d" * 100
    path = here
    while len(path) + len(fill) + 60 < size: path += fill
    path += "/" + "n" * (size - len(path) - 5) + ".pem"
    assert len(path) == size, (len(path), size)
    do(path)
deep = here
for i in range(30):
    deep += "/" + "e" * 90
    os.mkdir("e" * 90); os.chdir("e" * 90)
do("x.pem", deep + "/x.pem")
"#,
    );
    compare(&capture);
}

#[test]
fn any_bytes_in_names() {
    need_bpf!();
    let capture = record_opens(
        r#"
for name in (b"new\nline.pem", b'quo"te\'s.pem', b"back\\slash.pem", b"bad\xff\xfe\x80.pem", b"esc\x1b[31m.pem",
             "schlüssel.pem".encode(), b"\xed\xa0\x80.pem", b" .pem", b".pem"):
    path = os.fsencode(here) + b"/" + name
    open(path, "w").close()
    do(path)
"#,
    );
    // Each file is made first (relative to nothing: an absolute path), then opened again.
    let events = capture.events(&["--type", "file_open"]);
    assert_eq!(events.len(), 18);
    let notes = text(&capture.output.stdout);
    for (event, note) in events.chunks(2).map(|pair| &pair[1]).zip(notes.lines()) {
        let note: Value = serde_json::from_str(note).expect("JSON");
        assert_eq!(bytes_of(event, "file"), unhex(s(&note, "absolute")));
        assert_eq!(s(event, "result"), "success");
    }
}

#[test]
fn every_system_call_that_opens() {
    need_bpf!();
    // x86-64 has open and creat; on arm64 only the other two exist.
    let capture = record_opens(
        r#"
import platform, struct
calls = {"x86_64": dict(open=2, creat=85, openat=257, openat2=437), "aarch64": dict(openat=56, openat2=437)}[platform.machine()]
path = here + "/%s.pem"
if "open" in calls:
    p = path % "open"; note(p, p, libc.syscall(calls["open"], p.encode(), os.O_RDONLY, 0))
if "creat" in calls:
    p = path % "creat"; note(p, p, libc.syscall(calls["creat"], p.encode(), 0o600))
p = path % "openat"; note(p, p, libc.syscall(calls["openat"], AT_FDCWD, p.encode(), os.O_RDONLY, 0))
p = path % "openat2"
how = struct.pack("QQQ", os.O_RDONLY | os.O_CLOEXEC, 0, 0)
note(p, p, libc.syscall(calls["openat2"], AT_FDCWD, p.encode(), how, len(how)))
"#,
    );
    let events = compare(&capture);
    let flags = s(events.last().expect("an event"), "flags").to_owned();
    assert_eq!(flags, "O_RDONLY|O_CLOEXEC", "openat2's flags come from its struct");
}

#[test]
fn other_files_are_not_recorded() {
    need_bpf!();
    let capture = record_opens(
        r#"
for name in ("plain.txt", "pem", "x.pem.bak", "x.pemx", "certs.d", "id_rsa.pub", "my_id_rsa", "x.PEM"):
    libc.openat(AT_FDCWD, os.fsencode(here + "/" + name), os.O_RDONLY, 0)
do(here + "/yes.pem")
do(here + "/id_rsa")
do(here + "/ssh_host_ed25519_key")
do(here + "/cert9.db")
"#,
    );
    compare(&capture);
}

#[test]
fn watched_files_are_recorded() {
    need_bpf!();
    let script = format!(
        "{PRELUDE}{}",
        r#"
do(here + "/app.conf")
do("/nowhere-3141/secrets/token")
do("/nowhere-3141/secrets/deep/er")
os.chdir("/")
do("nowhere-3141/secrets/relative", "/nowhere-3141/secrets/relative")
os.chdir(here)
libc.openat(AT_FDCWD, os.fsencode(here + "/other.txt"), os.O_RDONLY, 0)
libc.openat(AT_FDCWD, b"/nowhere-3141/secretsaid", os.O_RDONLY, 0)
do(here + "/vault-12.bin")
libc.openat(AT_FDCWD, os.fsencode(here + "/vault-x.txt"), os.O_RDONLY, 0)
"#
    );
    let more = ["--watch", "*.conf", "--watch", "/nowhere-3141/secrets/*", "--watch", "vault-*.bin"];
    let capture = record_python(&script, &more, |_| ());
    let events = compare(&capture);
    assert_eq!(s(&events[0], "file_type"), "unknown");
}

#[test]
fn home_paths_are_redacted_before_they_are_written() {
    need_bpf!();
    let script = format!(
        "{PRELUDE}{}",
        r#"
libc.openat(AT_FDCWD, b"/home/nobody-here-3141/app/server.pem", os.O_RDONLY, 0)
libc.openat(AT_FDCWD, b"/root/.ssh/no-such-3141/id_rsa", os.O_RDONLY, 0)
libc.openat(AT_FDCWD, (os.path.relpath("/home/nobody-here-3141/up.pem", here)).encode(), os.O_RDONLY, 0)
"#
    );
    let capture = record_python(&script, &[], |_| ());
    let files: Vec<String> =
        capture.events(&["--type", "file_open"]).iter().map(|e| s(e, "file").to_owned()).collect();
    assert_eq!(
        files,
        ["/home/USER/app/server.pem", "/home/ROOT/.ssh/no-such-3141/id_rsa", "/home/USER/up.pem"]
    );
    // Not even in the raw stream; the script itself, an argument of python, is redacted too.
    let raw = std::process::Command::new("zstd").arg("-dc").arg(&capture.path).output().expect("zstd");
    assert!(raw.status.success());
    assert!(!text(&raw.stdout).contains("nobody-here-3141"), "the user's name is in the capture");

    let capture = record_python(&script, &["--no-redact"], |_| ());
    let shown = capture.events(&["--type", "file_open", "--no-redact"]);
    assert_eq!(s(&shown[0], "file"), "/home/nobody-here-3141/app/server.pem");
    let again = capture.events(&["--type", "file_open"]);
    assert_eq!(s(&again[0], "file"), "/home/USER/app/server.pem", "the analyzer redacts again");
    assert_eq!(of_type(&again, "file_open").len(), 3);
}
