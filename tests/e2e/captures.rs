//! Captures as files: modes, refusals, pipes, plain zstd tools, cuts and kills.

use crate::support::{
    Gate, Recorder, bpf_works, folder, need_bpf, of_type, parse_events, python, record, record_python, text,
    tracer,
};
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn a_capture_is_private_and_never_overwritten() {
    need_bpf!();
    let capture = record("/bin/cat", &["/nowhere.pem"], &[], |_| ());
    let mode = std::fs::metadata(&capture.path).expect("the capture").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let partial = capture.path.with_extension("ctrace.partial");
    assert!(!partial.exists(), "a closed capture has its final name");
    let before = std::fs::read(&capture.path).expect("the capture");
    let again = |more: &[&str]| {
        let pid = std::process::id().to_string();
        let mut command = tracer();
        command.args(["record", "--duration", "100ms", "--pid", &pid, "-o"]).arg(&capture.path).args(more);
        command.output().expect("crypto-tracer starts")
    };
    let refused = again(&[]);
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("--force"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read(&capture.path).expect("the capture"), before);
    assert!(again(&["--force"]).status.success());
    assert_ne!(std::fs::read(&capture.path).expect("the capture"), before);
}

#[test]
fn plain_zstd_tools_read_it() {
    need_bpf!();
    let capture = record("/bin/cat", &["/nowhere.pem"], &[], |_| ());
    let path = capture.path.to_str().expect("UTF-8");
    assert!(Command::new("zstd").args(["-qt", path]).status().expect("zstd").success());
    let want = capture.analyze(&["monitor"]);
    // What is left without the skippable frames can still be analyzed.
    let plain = capture.dir.path().join("plain.zst");
    let piped = format!("zstd -dc '{path}' | zstd -q > '{}'", plain.display());
    assert!(Command::new("sh").args(["-c", &piped]).status().expect("sh").success());
    let got = tracer().args(["analyze", "monitor"]).arg(&plain).output().expect("crypto-tracer starts");
    assert_eq!(text(&got.stdout), text(&want), "{}", text(&got.stderr));
}

#[test]
fn concatenated_captures_are_a_capture() {
    need_bpf!();
    let one = record("/bin/cat", &["/nowhere-one.pem"], &[], |_| ());
    let two = record("/bin/cat", &["/nowhere-two.pem"], &[], |_| ());
    let both = one.dir.path().join("both.ctrace");
    let mut bytes = std::fs::read(&one.path).expect("one");
    bytes.extend(std::fs::read(&two.path).expect("two"));
    std::fs::write(&both, bytes).expect("both");
    let out =
        tracer().args(["analyze", "monitor", "--type", "file_open"]).arg(&both).output().expect("starts");
    assert!(out.status.success(), "{}", text(&out.stderr));
    let files: Vec<String> =
        parse_events(&out.stdout).iter().map(|e| crate::support::s(e, "file").to_owned()).collect();
    assert_eq!(files, ["/nowhere-one.pem", "/nowhere-two.pem"]);
}

#[test]
fn record_into_a_pipe() {
    need_bpf!();
    let dir = folder();
    let gate = Gate::new(dir.path(), "/bin/cat", &[OsStr::new("/nowhere-piped.pem")]);
    let mut recorder = Recorder::start_into(
        &["--duration", "3", "--pid", &gate.pid().to_string(), "-o", "-"],
        Stdio::piped(),
    );
    let stream = recorder.child.0.stdout.take().expect("a pipe");
    let analyzer = tracer()
        .args(["analyze", "monitor", "-"])
        .stdin(stream)
        .stdout(Stdio::piped())
        .spawn()
        .expect("crypto-tracer starts");
    gate.run();
    let out = analyzer.wait_with_output().expect("the analyzer ends with the stream");
    assert_eq!(recorder.wait(Duration::from_secs(10)).0, 0);
    assert!(out.status.success());
    let events = parse_events(&out.stdout);
    let opens = of_type(&events, "file_open");
    assert_eq!(opens.len(), 1, "{events:#?}");
    assert_eq!(opens[0]["file"], "/nowhere-piped.pem");
}

#[test]
fn a_terminal_gets_no_binary() {
    // script(1) gives the recorder a terminal for its standard output.
    let tracer = env!("CARGO_BIN_EXE_crypto-tracer");
    let command = format!("{tracer} record --duration 1 --pid 1 -o -");
    let out = Command::new("script").args(["-qec", &command, "/dev/null"]).stdin(Stdio::null()).output();
    let out = out.expect("script(1) is part of util-linux");
    let code = out.status.code();
    if !bpf_works() {
        return;
    }
    assert_eq!(code, Some(2), "{}", text(&out.stdout));
    assert!(text(&out.stdout).contains("terminal"), "{}", text(&out.stdout));
}

#[test]
fn a_killed_recorder_leaves_what_it_had_written() {
    need_bpf!();
    let dir = folder();
    let script = "import time\nfor i in range(40):\n  try: open(f'/nowhere-{i}.pem')\n  except OSError: pass\n  time.sleep(0.1)\n";
    let gate = Gate::new(dir.path(), python(), &[OsStr::new("-ISc"), OsStr::new(script)]);
    let path = dir.path().join("killed.ctrace");
    let pid = gate.pid().to_string();
    let recorder = Recorder::start(&["--pid", &pid, "-o", path.to_str().expect("UTF-8")]);
    let work = std::thread::spawn(move || gate.run());
    std::thread::sleep(Duration::from_millis(3000));
    recorder.child.signal(9);
    work.join().expect("the work ends by itself");
    let partial = dir.path().join("killed.ctrace.partial");
    assert!(!path.exists() && partial.exists(), "a capture that was not closed says so in its name");
    let out =
        tracer().args(["analyze", "monitor", "--type", "file_open"]).arg(&partial).output().expect("starts");
    let events = parse_events(&out.stdout);
    // About thirty opens in three seconds; all but those of the last second are on disk, none is missing in between.
    assert!(events.len() >= 15, "{} events\n{}", events.len(), text(&out.stderr));
    for (i, event) in events.iter().enumerate() {
        assert_eq!(event["file"], format!("/nowhere-{i}.pem"));
    }
    let said = text(&out.stderr);
    assert!(said.contains("not closed"), "that it was not closed is said: {said}");
}

#[test]
fn a_cut_capture_is_read_as_far_as_it_goes() {
    need_bpf!();
    let capture = record_python(
        "import time\nfor i in range(30):\n  try: open(f'/nowhere-{i}.pem')\n  except OSError: pass\n  time.sleep(0.1)\n",
        &["--flush", "200ms"],
        |_| (),
    );
    let whole = std::fs::read(&capture.path).expect("the capture");
    let cut = capture.dir.path().join("cut.ctrace");
    std::fs::write(&cut, &whole[..whole.len() * 6 / 10]).expect("cut");
    let out =
        tracer().args(["analyze", "monitor", "--type", "file_open"]).arg(&cut).output().expect("starts");
    assert_eq!(out.status.code(), Some(6), "{}", text(&out.stderr));
    let events = parse_events(&out.stdout);
    assert!(!events.is_empty() && events.len() < 30, "{}", events.len());
    assert!(!out.stderr.is_empty(), "what is missing is said");

    let garbage = capture.dir.path().join("garbage.ctrace");
    std::fs::write(&garbage, b"this is no capture").expect("write");
    let out = tracer().args(["analyze", "monitor"]).arg(&garbage).output().expect("starts");
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    assert!(text(&out.stderr).starts_with("Error: "), "{}", text(&out.stderr));
}

#[test]
fn segments_rotate_and_the_oldest_go() {
    need_bpf!();
    let dir = folder();
    let script = "import time\nfor i in range(50):\n  try: open(f'/nowhere-{i}.pem')\n  except OSError: pass\n  time.sleep(0.1)\n";
    let gate = Gate::new(dir.path(), python(), &[OsStr::new("-ISc"), OsStr::new(script)]);
    let out = dir.path().join("segments");
    std::fs::create_dir(&out).expect("mkdir");
    std::fs::write(out.join("other.txt"), "not ours").expect("write");
    let pid = gate.pid().to_string();
    let target = out.to_str().expect("UTF-8");
    let recorder = Recorder::start(&["--pid", &pid, "-o", target, "--rotate-time", "1s"]);
    gate.run();
    recorder.stop();
    let mut segments: Vec<_> = std::fs::read_dir(&out)
        .expect("the folder")
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "ctrace"))
        .collect();
    segments.sort();
    assert!(segments.len() >= 5, "{segments:?}");
    let all = tracer().args(["analyze", "monitor", "--type", "file_open", target]).output().expect("starts");
    assert!(all.status.success(), "{}", text(&all.stderr));
    let files: Vec<_> = parse_events(&all.stdout).iter().map(|e| e["file"].clone()).collect();
    let want: Vec<_> = (0..50).map(|i| serde_json::Value::from(format!("/nowhere-{i}.pem"))).collect();
    assert_eq!(files, want, "nothing is lost or doubled where segments meet");
    // Each segment can be analyzed alone, and knows the process without having seen it start.
    let second =
        tracer().args(["analyze", "profile", "--pid", &pid, "--format", "json"]).arg(&segments[1]).output();
    let second = second.expect("starts");
    assert!(second.status.success(), "{}", text(&second.stderr));
    let profile: serde_json::Value = serde_json::from_slice(&second.stdout).expect("JSON");
    assert!(profile["process"]["cmdline"].as_str().is_some_and(|c| c.contains("-ISc")), "{profile:#}");

    let script = "import time\ntime.sleep(4.5)\n";
    let gate = Gate::new(dir.path(), python(), &[OsStr::new("-ISc"), OsStr::new(script)]);
    let kept = dir.path().join("kept");
    std::fs::create_dir(&kept).expect("mkdir");
    std::fs::write(kept.join("other.txt"), "not ours").expect("write");
    let pid = gate.pid().to_string();
    let target = kept.to_str().expect("UTF-8");
    let recorder = Recorder::start(&["--pid", &pid, "-o", target, "--rotate-time", "500ms", "--keep", "3"]);
    gate.run();
    recorder.stop();
    let count = std::fs::read_dir(&kept).expect("the folder").count();
    assert_eq!(count, 4, "three segments, and the file that isn't ours");
}

#[test]
fn the_duration_holds() {
    need_bpf!();
    let dir = folder();
    let path = dir.path().join("timed.ctrace");
    let pid = std::process::id().to_string();
    let recorder = Recorder::start(&["--duration", "2", "--pid", &pid, "-o", path.to_str().expect("UTF-8")]);
    let ready = Instant::now();
    let (code, said) = recorder.wait(Duration::from_secs(10));
    let took = ready.elapsed();
    assert_eq!(code, 0, "{said}");
    // It may have been ready a moment before that was read; and the end takes its time.
    assert!((Duration::from_millis(1800)..Duration::from_millis(4500)).contains(&took), "{took:?}");
}

#[test]
fn a_termination_ends_it_cleanly() {
    need_bpf!();
    let dir = folder();
    let path = dir.path().join("term.ctrace");
    let pid = std::process::id().to_string();
    let recorder = Recorder::start(&["--pid", &pid, "-o", path.to_str().expect("UTF-8")]);
    recorder.child.signal(15);
    let (code, said) = recorder.wait(Duration::from_secs(5));
    assert_eq!(code, 143, "{said}");
    assert!(path.exists());
}

/// A recorder whose pipe nobody reads, after 100,000 opens: more than pipe and block take.
fn stalled(more: &[&str]) -> (Recorder, std::process::ChildStdout, Instant) {
    let dir = folder();
    let script = "for i in range(100000):\n  try: open(f'/nowhere-{i * 2654435761 % 2**32}.pem')\n  except OSError: pass\n";
    let gate = Gate::new(dir.path(), python(), &[OsStr::new("-ISc"), OsStr::new(script)]);
    let pid = gate.pid().to_string();
    let mut args = vec!["--pid", &pid, "-o", "-"];
    args.extend(more);
    let mut recorder = Recorder::start_into(&args, Stdio::piped());
    let ready = Instant::now();
    let pipe = recorder.child.0.stdout.take().expect("a pipe");
    gate.run();
    (recorder, pipe, ready)
}

/// The events and the losses of the recorder's last line.
fn last_line(said: &str) -> (u64, u64) {
    let line = said.lines().last().unwrap_or_default();
    assert!(line.ends_with(" LOST"), "what was lost is said:\n{said}");
    let mut words = line.split_whitespace();
    let mut before = |unit: &str| {
        let mut last = "";
        for word in words.by_ref() {
            if word.starts_with(unit) {
                break;
            }
            last = word;
        }
        last.parse::<u64>().unwrap_or_else(|_| panic!("no number of {unit} in {line}"))
    };
    (before("events"), before("LOST"))
}

#[test]
fn a_signal_ends_it_though_nobody_reads() {
    need_bpf!();
    let (recorder, pipe, _) = stalled(&[]);
    let asked = Instant::now();
    recorder.child.signal(2);
    let (code, said) = recorder.wait(Duration::from_secs(10));
    let took = asked.elapsed();
    assert_eq!(code, 130, "{said}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(said.contains("did not take"), "{said}");
    let (events, lost) = last_line(&said);
    // Each open was written, or counted as lost; besides them there are a few by the interpreter, its exec and its exit.
    assert!((100_000..100_200).contains(&(events + lost)), "{events} + {lost}\n{said}");
    drop(pipe);
}

#[test]
fn the_duration_holds_though_nobody_reads() {
    need_bpf!();
    let (recorder, pipe, ready) = stalled(&["--duration", "1"]);
    let (code, said) = recorder.wait(Duration::from_secs(10));
    // The work may take longer than the recording.
    let took = ready.elapsed();
    assert_eq!(code, 0, "{said}");
    assert!(took < Duration::from_secs(4), "{took:?}");
    last_line(&said);
    drop(pipe);
}

#[test]
fn a_reader_that_goes_without_reading_ends_it_quietly() {
    need_bpf!();
    let (recorder, pipe, _) = stalled(&[]);
    drop(pipe);
    let (code, said) = recorder.wait(Duration::from_secs(3));
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("Error") && !said.contains("Warning"), "{said}");
    let (events, lost) = last_line(&said);
    assert!((100_000..100_200).contains(&(events + lost)), "{events} + {lost}\n{said}");
}
