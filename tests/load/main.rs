//! Under load: nothing is lost in silence, and the clock and signals are obeyed. A test program of its own, whose tests
//! take turns, so that each has the machine for itself.

// The end-to-end tests use all of it.
#[allow(dead_code)]
#[path = "../e2e/support.rs"]
mod support;

use std::ffi::OsStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use support::{Gate, Recorder, folder, need_bpf, of_type, parse_events, python, text, tracer};

/// One test at a time, also after one that failed.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a matching file as fast as it can, that many times; prints nothing.
fn burst(count: u64) -> String {
    format!(
        "import ctypes\nlibc = ctypes.CDLL(None)\nopenat = libc.openat\nfor i in range({count}): openat(-100, b'/nowhere.pem', 0, 0)\n"
    )
}

#[test]
fn what_does_not_fit_is_counted_exactly() {
    need_bpf!();
    let _turn = turn();
    let dir = folder();
    const COUNT: u64 = 100_000;
    let script = burst(COUNT);
    let gate = Gate::new(dir.path(), python(), &[OsStr::new("-ISc"), OsStr::new(&script)]);
    let path = dir.path().join("burst.ctrace");
    let pid = gate.pid().to_string();
    // The smallest buffer there is, and a recorder that is stopped for a moment: some of it must be lost.
    let recorder = Recorder::start(&["--pid", &pid, "--buffer", "4K", "-o", path.to_str().expect("UTF-8")]);
    recorder.child.signal(19);
    let work = std::thread::spawn(move || gate.run());
    std::thread::sleep(Duration::from_millis(500));
    recorder.child.signal(18);
    assert!(work.join().expect("the work").status.success());
    recorder.stop();
    let out = tracer()
        .args(["analyze", "monitor", "--type", "file_open,loss"])
        .arg(&path)
        .output()
        .expect("starts");
    assert!(out.status.success(), "{}", text(&out.stderr));
    let events = parse_events(&out.stdout);
    let seen = of_type(&events, "file_open").len() as u64;
    let losses = of_type(&events, "loss");
    let lost: u64 =
        losses.iter().filter(|e| e["fact"] == "file_open").filter_map(|e| e["count"].as_u64()).sum();
    assert!(lost > 0, "a stopped recorder with 4 KiB must lose some of {COUNT}");
    assert_eq!(seen + lost, COUNT, "{seen} seen, {lost} reported lost");
    assert!(text(&out.stderr).contains("lost"), "losses are said on standard error too");
}

#[test]
fn a_buffer_of_the_default_size_loses_nothing_at_five_thousand_a_second() {
    need_bpf!();
    let _turn = turn();
    let dir = folder();
    // 5,000 a second for three seconds, in slots of a millisecond (SRS 6.1).
    let script = "import ctypes, time\nlibc = ctypes.CDLL(None)\nstart = time.monotonic()\nfor slot in range(3000):\n  for _ in range(5): libc.openat(-100, b'/nowhere.pem', 0, 0)\n  left = start + (slot + 1) / 1000 - time.monotonic()\n  if left > 0: time.sleep(left)\n";
    let gate = Gate::new(dir.path(), python(), &[OsStr::new("-ISc"), OsStr::new(script)]);
    let path = dir.path().join("rate.ctrace");
    let pid = gate.pid().to_string();
    let recorder = Recorder::start(&["--pid", &pid, "-o", path.to_str().expect("UTF-8")]);
    gate.run();
    recorder.stop();
    let out = tracer()
        .args(["analyze", "monitor", "--type", "file_open,loss"])
        .arg(&path)
        .output()
        .expect("starts");
    let events = parse_events(&out.stdout);
    assert!(of_type(&events, "loss").is_empty());
    assert_eq!(of_type(&events, "file_open").len(), 15_000);
}

#[test]
fn duration_and_signals_hold_under_load() {
    need_bpf!();
    let _turn = turn();
    let dir = folder();
    let script = burst(1 << 40);
    let gate = Gate::new(dir.path(), python(), &[OsStr::new("-ISc"), OsStr::new(&script)]);
    let pid = gate.pid();
    let (stop, work) = {
        let child_pid = pid.to_string();
        (child_pid, std::thread::spawn(move || gate.run()))
    };
    let path = dir.path().join("busy.ctrace");
    let start = Instant::now();
    let out = tracer()
        .args(["record", "--duration", "2", "--pid", &pid.to_string(), "-o"])
        .arg(&path)
        .output()
        .expect("starts");
    let took = start.elapsed();
    let recorder = Recorder::start(&[
        "--pid",
        &pid.to_string(),
        "-o",
        dir.path().join("int.ctrace").to_str().expect("UTF-8"),
    ]);
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    recorder.stop();
    let stopped = start.elapsed();
    let _ = std::process::Command::new("kill").args(["-9", &stop]).status();
    let _ = work.join();
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert!(took < Duration::from_secs(5), "--duration 2 took {took:?}");
    assert!(stopped < Duration::from_secs(3), "SIGINT took {stopped:?}");
}
