//! Processes: every fork, exec and exit once, with parents, arguments, exit codes and signals.

use crate::support::{need_bpf, of_type, record, record_python, s, text};

#[test]
fn two_hundred_short_lived_processes() {
    need_bpf!();
    let capture = record_python(
        r#"
import subprocess
for i in range(200):
    subprocess.run(["/bin/sh", "-c", f"exit {i % 7}", f"job-{i}"])
"#,
        &[],
        |_| (),
    );
    let events = capture.events(&[]);
    let execs = of_type(&events, "process_exec");
    // The gate's exec into Python comes first.
    assert_eq!(execs[0]["pid"], capture.pid);
    let jobs: Vec<_> = execs[1..].to_vec();
    assert_eq!(jobs.len(), 200, "execs");
    let exits = of_type(&events, "process_exit");
    assert_eq!(exits.len(), 201, "exits");
    assert_eq!(of_type(&events, "process_fork").len(), 200, "forks");
    for (i, exec) in jobs.iter().enumerate() {
        assert_eq!(exec["ppid"], capture.pid, "{exec}");
        assert_eq!(s(exec, "process"), "sh");
        assert!(s(exec, "cmdline").ends_with(&format!("job-{i}")), "{exec}");
        let exit = exits.iter().find(|e| e["pid"] == exec["pid"]).expect("its exit");
        assert_eq!(exit["exit_code"], i as u64 % 7, "{exec} {exit}");
        assert!(exit.get("signal").is_none() || exit["signal"].is_null(), "{exit}");
    }
    assert!(of_type(&events, "loss").is_empty());
}

#[test]
fn a_process_ends_once_however_many_threads_it_has() {
    need_bpf!();
    let capture = record_python(
        r#"
import threading
def work(): pass
threads = [threading.Thread(target=work) for _ in range(50)]
for t in threads: t.start()
for t in threads: t.join()
"#,
        &[],
        |_| (),
    );
    let events = capture.events(&[]);
    let exits = of_type(&events, "process_exit");
    assert_eq!(exits.len(), 1, "{exits:#?}");
    assert_eq!(exits[0]["pid"], capture.pid);
    assert_eq!(exits[0]["exit_code"], 0);
    assert!(of_type(&events, "process_fork").is_empty(), "threads are no processes");
}

#[test]
fn signals_and_exit_codes_are_told_apart() {
    need_bpf!();
    let capture = record_python(
        r#"
import os, signal
def child(what):
    pid = os.fork()
    if pid == 0:
        what()
        os._exit(99)
    os.waitpid(pid, 0)
child(lambda: os._exit(9))
child(lambda: os.kill(os.getpid(), signal.SIGKILL))
child(lambda: os.kill(os.getpid(), signal.SIGTERM))
child(lambda: os._exit(0))
"#,
        &[],
        |_| (),
    );
    let events = capture.events(&["--type", "process_exit"]);
    let ends: Vec<(Option<i64>, Option<&str>)> = events
        .iter()
        .filter(|e| e["pid"] != capture.pid)
        .map(|e| (e["exit_code"].as_i64(), e["signal"].as_str()))
        .collect();
    assert_eq!(
        ends,
        [(Some(9), None), (Some(137), Some("SIGKILL")), (Some(143), Some("SIGTERM")), (Some(0), None)],
        "a signal's exit code is the shell's: 128 and its number",
    );
}

#[test]
fn arguments_with_any_bytes_and_long_ones() {
    need_bpf!();
    let capture = record_python(
        r#"
import subprocess
subprocess.run(["/bin/true", "two words", "new\nline", b"\xff", "", "it's"])
subprocess.run(["/bin/true", "x" * 10000])
"#,
        &[],
        |_| (),
    );
    let events = capture.events(&["--type", "process_exec"]);
    let first = &events[1];
    let cmdline = s(first, "cmdline");
    assert!(cmdline.starts_with("/bin/true 'two words' "), "{cmdline}");
    assert!(cmdline.contains('\n') && cmdline.contains('\u{fffd}'), "{cmdline}");
    assert!(first["cmdline_hex"].is_string(), "bytes that aren't UTF-8 are kept in hexadecimal: {first}");
    let second = &events[2];
    assert_eq!(second["cmdline_truncated"], true, "{second}");
    let kept = s(second, "cmdline").len();
    assert!((4000..=4200).contains(&kept), "4 KiB are kept, not {kept}");
}

#[test]
fn secrets_in_arguments_never_reach_the_capture() {
    need_bpf!();
    for more in [&[][..], &["--no-redact"][..]] {
        let capture = record(
            "/bin/sh",
            &[
                "-c",
                "/bin/true --password hunter2hunter2; /bin/true --api-key=s3cr3tkey99; \
                 /bin/true https://alice:pa55w0rd77@example.org/; \
                 /bin/true -H 'Authorization: Bearer abcdef123456'; exec /bin/true",
            ],
            more,
            |_| (),
        );
        let raw = std::process::Command::new("zstd").arg("-dc").arg(&capture.path).output().expect("zstd");
        let raw = text(&raw.stdout);
        let shown = text(&capture.analyze(&["monitor", "--no-redact"]));
        for secret in ["hunter2hunter2", "s3cr3tkey99", "pa55w0rd77", "abcdef123456"] {
            assert!(!raw.contains(secret), "{secret} is in the capture ({more:?})");
            assert!(!shown.contains(secret), "{secret} is shown ({more:?})");
        }
        assert!(shown.contains("--password"), "what isn't secret stays: {shown}");
    }
}

#[test]
fn a_name_of_control_characters_is_harmless() {
    need_bpf!();
    let capture = record_python(
        r#"
import ctypes
libc = ctypes.CDLL(None)
libc.prctl(15, b"\x01\x02\x1b[31m\xff\"\\", 0, 0, 0)
open("x.pem", "w").close()
"#,
        &[],
        |_| (),
    );
    let events = capture.events(&["--type", "file_open"]);
    assert_eq!(crate::support::bytes_of(&events[0], "process"), b"\x01\x02\x1b[31m\xff\"\\");
    let table = capture.analyze(&["monitor", "--format", "table"]);
    assert!(!table.contains(&0x1b), "no escape reaches the terminal");
}
