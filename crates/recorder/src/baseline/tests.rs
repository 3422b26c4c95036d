//! The scan, held against processes that the tests start themselves; no other process is looked at.

// Not eprintln!, whose output the test runner keeps to itself when a test passes: a skip must be seen.
use super::*;
use crypto_tracer_format::catalogue::files::builtin_patterns;
use crypto_tracer_format::record::{Kind, Library, Record, Records};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

/// A child that is ended with the test.
struct Sleeper(Child);

impl Sleeper {
    fn start(command: &mut Command) -> Sleeper {
        Sleeper(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts"))
    }

    /// Waits until the child says so.
    fn ready(&mut self) {
        let mut byte = [0];
        let out = self.0.stdout.as_mut().expect("piped");
        std::io::Read::read_exact(out, &mut byte).expect("the child is ready");
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn scan(pids: &[u32]) -> (Vec<u8>, BaselineSummary) {
    let mut all = Vec::new();
    let options = ScanOptions {
        own_pid: std::process::id(),
        wanted: &|who| pids.contains(&who.tgid),
        patterns: &builtin_patterns(),
        now: &|| 77,
    };
    let flow = Baseline::new().scan(&options, &mut |records| {
        all.extend_from_slice(records);
        ControlFlow::Continue(())
    });
    match flow {
        ControlFlow::Continue(summary) => (all, summary),
        ControlFlow::Break(()) => panic!("nothing broke it"),
    }
}

fn of<'a, P: Payload>(all: &'a [u8]) -> Vec<(Record<'a>, P)> {
    let records = Records::new(all).map(|r| r.expect("a record"));
    records.filter_map(|r| r.payload().ok().map(|p| (r, p))).collect()
}

#[test]
fn a_process_is_recorded_with_what_it_holds() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().canonicalize().expect("a path");
    let pem = root.join("a.pem");
    std::fs::write(&pem, "x").expect("written");
    let mut child = Sleeper::start(
        Command::new("sh")
            .arg("-c")
            .arg(r#"exec 9<"$0"; echo; read x"#)
            .arg(&pem)
            .env_clear()
            .env("PATH", "/usr/bin:/bin"),
    );
    child.ready();
    let pid = child.0.id();
    let (all, summary) = scan(&[pid]);

    let marks = of::<Mark>(&all);
    assert_eq!(marks.first().map(|(_, m)| m.mark), Some(MarkKind::BaselineBegins.number()));
    let processes = of::<BaselineProcess>(&all);
    let [(record, process)] = processes.as_slice() else {
        panic!("one process, but got {}", processes.len())
    };
    let header = record.header();
    assert_eq!((header.tgid, header.tid, header.time_ns), (pid, pid, 77));
    assert_eq!(process.ppid, std::process::id());
    assert_eq!(header.uid, rustix::process::getuid().as_raw());
    assert_eq!(header.gid, rustix::process::getgid().as_raw());
    assert!(header.start_ns > 0 && header.start_ns.is_multiple_of(10_000_000));
    let argv = [b"sh\0-c\0exec 9<\"$0\"; echo; read x\0", pem.as_os_str().as_encoded_bytes(), b"\0"].concat();
    assert_eq!(record.str(process.argv), Ok(&argv[..]));
    assert_eq!((process.argv_len as usize, process.bits), (argv.len(), 0));
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).expect("its program");
    assert_eq!(record.str(process.exe), Ok(exe.as_os_str().as_encoded_bytes()));

    let files = of::<BaselineOpenFile>(&all);
    let [(record, file)] = files.as_slice() else { panic!("one file, but got {}", files.len()) };
    assert_eq!((file.fd, file.flags & 3, file.bits), (9, 0, 0));
    assert_eq!(record.str(file.path), Ok(pem.as_os_str().as_encoded_bytes()));
    assert_eq!(record.header().start_ns, header.start_ns);

    assert_eq!((summary.processes, summary.open_files, summary.mappings), (1, 1, 0));
    let last = Records::new(&all).last().expect("records").expect("a record");
    assert_eq!(last.kind(), Some(Kind::BaselineSummary));
    let uid = rustix::process::getuid().as_raw();
    let named = of::<User>(&all).len();
    assert_eq!(named, usize::from(Users::load().name(uid).is_some()));
}

#[test]
fn mapped_libraries_are_recorded_and_described() {
    let found = Command::new("python3").args(["-c", "import ssl"]).status().is_ok_and(|s| s.success());
    if !found {
        let _ = writeln!(std::io::stderr(), "SKIPPED: python3 with ssl isn't installed");
        return;
    }
    let mut child = Sleeper::start(
        Command::new("python3").args(["-c", "import ssl,sys; print(flush=True); sys.stdin.read()"]),
    );
    child.ready();
    let pid = child.0.id();
    let (all, summary) = scan(&[pid]);
    let mappings = of::<BaselineMapping>(&all);
    assert_eq!(summary.mappings as usize, mappings.len());
    let (record, ssl) = mappings
        .iter()
        .find(|(r, m)| r.str(m.path).is_ok_and(|p| p.windows(6).any(|w| w == b"libssl")))
        .expect("libssl is mapped");
    let path = record.str(ssl.path).expect("inside");
    assert!(ssl.len > 0 && ssl.addr > 0);
    let libraries = of::<Library>(&all);
    let (library_record, library) = libraries
        .iter()
        .find(|(_, l)| (l.dev_major, l.dev_minor, l.ino) == (ssl.dev_major, ssl.dev_minor, ssl.ino))
        .expect("described");
    assert_eq!(library_record.str(library.path), Ok(path));
    assert_eq!(library.bits, 0);
    assert!(library_record.str(library.soname).expect("inside").starts_with(b"libssl"));
    let metadata =
        std::fs::metadata(std::path::Path::new(std::str::from_utf8(path).expect("text"))).expect("there");
    assert_eq!(library.size, metadata.len());
    for (_, mapping) in &mappings {
        let described = libraries.iter().filter(|(_, l)| l.ino == mapping.ino).count();
        assert_eq!(described, 1, "each file once");
    }
}

/// A library that was replaced on disk is the one to know about: who still uses the old one?
#[test]
fn a_deleted_library_is_described_all_the_same() {
    let dir = tempfile::tempdir().expect("a folder");
    let copy = dir.path().canonicalize().expect("a path").join("libcrypto.so.3");
    let script = "import _hashlib,ctypes,os,shutil,sys\n\
        lib=[l.split()[-1] for l in open('/proc/self/maps') if 'libcrypto' in l]\n\
        shutil.copy(lib[0],sys.argv[1]); ctypes.CDLL(sys.argv[1]); os.unlink(sys.argv[1])\n\
        print(flush=True); sys.stdin.read()";
    let mut child =
        Sleeper::start(Command::new("python3").args(["-c", script]).arg(&copy).stderr(Stdio::null()));
    let mut byte = [0];
    let out = child.0.stdout.as_mut().expect("piped");
    if std::io::Read::read_exact(out, &mut byte).is_err() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: python3 with a shared libcrypto isn't installed");
        return;
    }
    let (all, _) = scan(&[child.0.id()]);
    let mappings = of::<BaselineMapping>(&all);
    let path = copy.as_os_str().as_encoded_bytes();
    let (_, mapping) = mappings.iter().find(|(r, m)| r.str(m.path) == Ok(path)).expect("mapped");
    assert_eq!(mapping.bits, lib_bits::DELETED);
    let libraries = of::<Library>(&all);
    let (record, library) = libraries.iter().find(|(_, l)| l.ino == mapping.ino).expect("described");
    let rights = crate::privileges::held().expect("readable");
    if rights.has(caps::Capability::CAP_CHECKPOINT_RESTORE) || rights.has(caps::Capability::CAP_SYS_ADMIN) {
        assert_eq!(library.bits, lib_bits::DELETED);
        assert!(record.str(library.soname).expect("inside").starts_with(b"libcrypto"));
        assert!(record.str(library.version).expect("inside").starts_with(b"OpenSSL "));
        assert!(library.build_id.len >= 32 && library.size > 0);
    } else {
        assert_eq!(library.bits, lib_bits::DELETED | lib_bits::UNREADABLE);
    }
}

#[test]
fn a_long_command_line_is_cut_and_its_length_kept() {
    let long = "x".repeat(100_000);
    let mut child = Sleeper::start(Command::new("sh").args(["-c", "echo; read x", &long]));
    child.ready();
    let (all, _) = scan(&[child.0.id()]);
    let processes = of::<BaselineProcess>(&all);
    let (record, process) = processes.first().expect("the child");
    assert_eq!(record.str(process.argv).map(<[u8]>::len), Ok(4095));
    assert_eq!(process.argv_len as usize, "sh\0-c\0echo; read x\0".len() + long.len() + 1);
    assert_eq!(process.bits & process_bits::ARGV_CUT, process_bits::ARGV_CUT);
}

#[test]
fn the_rest_is_counted_as_filtered_and_the_recorder_left_out() {
    let (all, summary) = scan(&[std::process::id()]);
    assert_eq!(of::<BaselineProcess>(&all).len(), 0);
    assert_eq!(summary.processes, 0);
    let others = Sleeper::start(Command::new("sh").args(["-c", "read x"]));
    let (_, summary) = scan(&[]);
    assert!(summary.filtered >= 1);
    drop(others);
}

#[test]
fn a_writer_that_fails_ends_the_scan() {
    let mut calls = 0;
    let options = ScanOptions { own_pid: 0, wanted: &|_| false, patterns: &[], now: &|| 1 };
    let flow = Baseline::new().scan(&options, &mut |_| {
        calls += 1;
        ControlFlow::Break(())
    });
    assert!(flow.is_break());
    assert_eq!(calls, 1);
}

#[test]
fn names_are_given_once_per_segment() {
    let mut baseline = Baseline::new();
    let me = baseline.identity_of(std::process::id()).expect("this process");
    let header = me.header(5);
    let count = |baseline: &mut Baseline| {
        let mut all = Vec::new();
        let _ = baseline.seen(&header, &mut |r| {
            all.extend_from_slice(r);
            ControlFlow::Continue(())
        });
        Records::new(&all).count()
    };
    let first = count(&mut baseline);
    assert!(first <= 2);
    assert_eq!(count(&mut baseline), 0);
    baseline.begin_segment();
    assert_eq!(count(&mut baseline), first);
}

/// Without rights the process is recorded all the same, and says what is missing.
#[test]
fn what_is_denied_is_marked() {
    if !rustix::process::getuid().is_root() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs root to start a process of another user");
        return;
    }
    // The scan is done by a child of its own with the rights of nobody: this test's binary, asked for one test.
    let mut child = Sleeper::start(Command::new("sh").args(["-c", "echo; read x"]));
    child.ready();
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
    let copy = dir.path().join("scan");
    std::fs::copy(std::env::current_exe().expect("this binary"), &copy).expect("copied");
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).expect("opened");
    let mut command = Command::new(&copy);
    command.args(["--exact", "baseline::tests::scan_for_what_is_denied_is_marked"]);
    command.env("SCAN_PID", child.0.id().to_string()).current_dir("/");
    std::os::unix::process::CommandExt::gid(&mut command, 65534);
    std::os::unix::process::CommandExt::uid(&mut command, 65534);
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Runs as nobody when [`what_is_denied_is_marked`] asks for it; has nothing to do otherwise.
#[test]
fn scan_for_what_is_denied_is_marked() {
    let Some(pid) = std::env::var("SCAN_PID").ok().and_then(|p| p.parse::<u32>().ok()) else { return };
    let (all, summary) = scan(&[pid]);
    let processes = of::<BaselineProcess>(&all);
    let (record, process) = processes.first().expect("the process is seen");
    let want = process_bits::EXE_UNREADABLE | process_bits::MAPS_UNREADABLE | process_bits::FILES_UNREADABLE;
    assert_eq!(process.bits & want, want);
    assert_eq!(record.str(process.argv), Ok(&b"sh\0-c\0echo; read x\0"[..]));
    assert_eq!(summary.denied, 1);
}
