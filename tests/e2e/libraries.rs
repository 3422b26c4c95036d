//! Library loads: DT_NEEDED and dlopen alike, once per process, and nothing that only looks like one.

use crate::support::{need_bpf, of_type, record, record_python, s};
use serde_json::Value;

fn names(events: &[Value]) -> Vec<String> {
    let mut names: Vec<String> =
        of_type(events, "lib_load").iter().map(|e| s(e, "library_name").to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_needed_library_is_seen() {
    need_bpf!();
    let capture = record("openssl", &["version"], &[], |_| ());
    let events = capture.events(&[]);
    assert_eq!(names(&events), ["libcrypto.so.3", "libssl.so.3"]);
    for load in of_type(&events, "lib_load") {
        assert_eq!(load["pid"], capture.pid);
        assert_eq!(s(load, "process"), "openssl", "{load}");
        assert!(s(load, "library").starts_with('/'), "{load}");
    }
    // What the file says of itself is in the document.
    let libs = capture.document("libs", &["libs", "--name", "openssl"]);
    let libs = libs["libraries"].as_array().expect("a list");
    let ssl = libs.iter().find(|l| l["name"] == "libssl.so.3").expect("libssl");
    assert_eq!(ssl["soname"], "libssl.so.3");
    assert!(ssl["build_id"].as_str().is_some_and(|id| id.len() == 40), "{ssl}");
}

#[test]
fn a_dlopened_library_is_seen_once() {
    need_bpf!();
    let capture = record_python(
        r#"
import ctypes, os
for _ in range(3): ctypes.CDLL("libssl.so.3")
pid = os.fork()
if pid == 0:
    ctypes.CDLL("libssl.so.3")
    os._exit(0)
os.waitpid(pid, 0)
"#,
        &[],
        |_| (),
    );
    let events = capture.events(&[]);
    assert_eq!(names(&events), ["libcrypto.so.3", "libssl.so.3"], "a forked child inherits, it doesn't load");
}

#[test]
fn every_process_that_loads_it_is_seen() {
    need_bpf!();
    let capture = record_python(
        r#"
import subprocess
for _ in range(20): subprocess.run(["openssl", "version"], stdout=subprocess.DEVNULL)
"#,
        &[],
        |_| (),
    );
    let events = capture.events(&[]);
    let loads = of_type(&events, "lib_load");
    assert_eq!(loads.iter().filter(|l| l["library_name"] == "libssl.so.3").count(), 20);
    let mut pids: Vec<u64> = loads.iter().filter_map(|l| l["pid"].as_u64()).collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 20);
    for load in loads {
        assert_eq!(s(load, "process"), "openssl", "a process that is gone has its name all the same: {load}");
    }
}

#[test]
fn reading_a_library_is_no_load() {
    need_bpf!();
    let capture = record_python(
        r#"
import mmap, os, subprocess
real = [l.split()[-1] for l in open("/proc/self/maps") if "/libc.so" in l][0]
os.mkdir("libssl-notes")
for name in ("libssl.so.3", "libssl-notes/data.bin"):
    with open(name, "wb") as f: f.write(open(real, "rb").read())
subprocess.run(["cat", "libssl.so.3"], stdout=subprocess.DEVNULL)
fd = os.open("libssl.so.3", os.O_RDONLY)
mmap.mmap(fd, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ)
fd = os.open("libssl-notes/data.bin", os.O_RDONLY)
mmap.mmap(fd, 4096, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
"#,
        &[],
        |_| (),
    );
    assert_eq!(names(&capture.events(&[])), Vec::<String>::new());
}

#[test]
fn a_copy_under_another_path_is_seen_as_the_process_sees_it() {
    need_bpf!();
    let capture = record_python(
        r#"
import ctypes, os, shutil
ctypes.CDLL("libcrypto.so.3")
real = [l.split()[-1] for l in open("/proc/self/maps") if "/libcrypto.so.3" in l][0]
os.mkdir("bundled")
shutil.copy(real, "bundled/libcrypto-8bd944e8.so.3")
ctypes.CDLL(os.path.realpath("bundled/libcrypto-8bd944e8.so.3"))
"#,
        &[],
        |_| (),
    );
    let events = capture.events(&[]);
    let copy = capture.work().join("bundled/libcrypto-8bd944e8.so.3");
    let loads = of_type(&events, "lib_load");
    assert!(loads.iter().any(|l| s(l, "library") == copy.to_str().expect("UTF-8")), "{loads:#?}");
    assert_eq!(loads.len(), 2);
}

#[test]
fn what_was_loaded_before_the_start_is_in_the_baseline() {
    need_bpf!();
    // The recorder starts in the middle of the work: first the libraries, then a line, then the gate's wait.
    let dir = crate::support::folder();
    let script =
        "import ssl, sys, os\nf = open('early.pem', 'w')\nprint('up', flush=True)\nsys.stdin.readline()\n";
    let mut child = crate::support::Guarded(
        std::process::Command::new(crate::support::python())
            .args(["-ISc", script])
            .current_dir(dir.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("python3"),
    );
    let mut up = [0; 3];
    let out = child.0.stdout.as_mut().expect("a pipe");
    std::io::Read::read_exact(out, &mut up).expect("the work is up");
    let path = dir.path().join("late.ctrace");
    let pid = child.0.id();
    let recorder =
        crate::support::Recorder::start(&["--pid", &pid.to_string(), "-o", path.to_str().expect("UTF-8")]);
    drop(child.0.stdin.take());
    child.wait_at_most(std::time::Duration::from_secs(10));
    recorder.stop();
    let out = crate::support::tracer()
        .args(["analyze", "profile", path.to_str().expect("UTF-8"), "--pid", &pid.to_string()])
        .args(["--format", "json"])
        .output()
        .expect("crypto-tracer starts");
    let profile: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    crate::support::validate("profile", &profile);
    let libraries = profile["libraries"].as_array().expect("a list");
    assert!(libraries.iter().any(|l| s(l, "name").starts_with("libssl")), "{profile:#}");
    let files = profile["open_files"].as_array().expect("a list");
    assert!(files.iter().any(|f| s(f, "path").ends_with("/early.pem")), "{profile:#}");
    assert!(s(&profile["process"], "start_time").starts_with("20"), "{profile:#}");
}
