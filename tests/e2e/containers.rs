//! Libraries that lie elsewhere than the host's: in containers, on mounted images, replaced since, or unknown before.
//!
//! The programs of known calls run in namespaces and a root of their own. The recorder is told their pids and no library:
//! what it probes is what they can see, and nothing of the host, which each test holds against what was probed.

use crate::api::{Bench, Calls, certificate, compare, recorded, said};
use crate::support::{Capture, Gate, Guarded, Recorder, folder, need_bpf, of_type, s, text, tracer};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Where the image and the places to mount it on lie.
struct Image {
    dir: tempfile::TempDir,
    /// The folder of the program's libraries, as the program sees it.
    libraries: PathBuf,
}

fn run(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(out.status.success(), "{command:?}:\n{}", text(&out.stderr));
    text(&out.stdout)
}

/// The paths of what a program links.
fn linked(program: &Path) -> Vec<PathBuf> {
    let ldd = run(Command::new("ldd").arg(program));
    ldd.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

impl Image {
    /// A shell, and tests/programs/openssl.c with copies of its libraries: where the host has them, or in a folder where
    /// nobody looks.
    fn new(hidden: bool) -> Image {
        let bench = Bench::of_c("openssl", &["-lssl", "-lcrypto"], &["libssl", "libcrypto"]);
        let dir = folder();
        let root = dir.path().join("image");
        let mut files = linked(&bench.program);
        let ssl = files.iter().find(|f| f.to_string_lossy().contains("/libssl.so")).expect("libssl");
        let place = ssl.parent().expect("a folder").to_path_buf();
        for tool in ["/bin/sh", "/bin/umount"] {
            files.push(tool.into());
            files.extend(linked(Path::new(tool)));
        }
        for name in ["old", "proc", "tmp", "opt"] {
            std::fs::create_dir_all(root.join(name)).expect("mkdir");
        }
        run(Command::new("cp").arg("-L").arg("--parents").args(&files).arg(&root));
        run(Command::new("cp").arg(&bench.program).arg(root.join("program")));
        let hold = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/hold.c");
        run(Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(root.join("hold.so")).arg(hold));
        certificate(&root);
        let mut libraries = place;
        if hidden {
            for name in ["libssl.so.3", "libcrypto.so.3"] {
                let from = root.join(libraries.strip_prefix("/").expect("absolute")).join(name);
                std::fs::rename(from, root.join("opt").join(name)).expect("moved");
            }
            libraries = "/opt".into();
        }
        Image { dir, libraries }
    }

    /// A container, whose root is what `mount` puts at $m. Its program waits for a line, then for another one if it is held.
    fn container(&self, mount: &str, held: bool) -> Container {
        let at = tempfile::tempdir_in(self.dir.path()).expect("a folder").keep();
        let variables = if held {
            format!("LD_PRELOAD=/hold.so LD_LIBRARY_PATH={}", self.libraries.display())
        } else {
            "HELD=no".into()
        };
        let script = format!(
            r#"set -e
mkdir m; m=$PWD/m; image=$PWD/../image
{mount}
mount -t proc none m/proc
cd m
pivot_root . old
exec /bin/sh -c 'umount -l /old && echo ready >&2 && read -r go && export {variables} && exec /program cert.pem key.pem'"#
        );
        let child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", &script])
            .current_dir(at)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut gate = Gate { child: Guarded(child.expect("unshare starts")) };
        let mut said = Vec::new();
        let stderr = gate.child.0.stderr.as_mut().expect("a pipe");
        while !said.ends_with(b"ready\n") {
            let mut byte = [0];
            let more = stderr.read(&mut byte).expect("readable");
            assert_eq!(more, 1, "the container did not start:\n{}", text(&said));
            said.push(byte[0]);
        }
        let children = format!("/proc/{0}/task/{0}/children", gate.pid());
        let pid = std::fs::read_to_string(children).expect("it runs").trim().parse().expect("one child");
        Container { gate, pid }
    }
}

/// See [`Image::container`].
struct Container {
    gate: Gate,
    pid: u32,
}

impl Container {
    /// Lets the program begin, as far as it is held; its libraries are mapped then.
    fn begin(&mut self) {
        let stdin = self.gate.child.0.stdin.as_mut().expect("a pipe");
        stdin.write_all(b"go\n").expect("the gate reads");
        let start = Instant::now();
        let maps = || std::fs::read_to_string(format!("/proc/{}/maps", self.pid)).unwrap_or_default();
        while !maps().contains("/libcrypto.so.3") || !maps().contains("/libssl.so.3") {
            assert!(start.elapsed() < Duration::from_secs(30), "it never maps its libraries");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A recording of containers, and of nothing but them.
struct Recording {
    recorder: Recorder,
    path: PathBuf,
}

impl Recording {
    fn of(image: &Image, containers: &[Container]) -> Recording {
        let path = image.dir.path().join("test.ctrace");
        let mut command = tracer();
        command.args(["record", "--verbose", "--follow-children", "-o"]).arg(&path);
        for container in containers {
            command.args(["--pid", &container.pid.to_string()]);
        }
        Recording { recorder: Recorder::spawn(command), path }
    }

    /// Runs the programs and ends the recording: what was recorded, what the programs said, and the files that were probed.
    fn end(self, image: Image, containers: Vec<Container>) -> (Capture, Calls, Vec<PathBuf>) {
        let pid = containers[0].pid;
        let outputs: Vec<Output> = containers.into_iter().map(|c| c.gate.run()).collect();
        let told = self.recorder.stop();
        let mut calls = Calls::new();
        for output in &outputs {
            assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
            for (call, count) in said(&output.stdout, false) {
                *calls.entry(call).or_default() += count;
            }
        }
        assert!(!calls.is_empty());
        let output = outputs.into_iter().next().expect("one at least");
        (Capture { dir: image.dir, path: self.path, output, pid }, calls, probed(&told))
    }
}

/// The files of which the recorder says that it probed functions in them.
fn probed(told: &str) -> Vec<PathBuf> {
    let of_line = |line: &str| Some(line.split_once(" functions probed in ")?.1.split_once(": ")?.0.into());
    let mut files: Vec<PathBuf> = told.lines().filter_map(of_line).collect();
    files.sort();
    files
}

/// Two containers at once, each of which sees its libraries by `mount`: every call is recorded once, and the libraries that
/// both have in common are probed once.
fn two_containers(image: Image, mount: &str, copies: usize) {
    let containers = vec![image.container(mount, false), image.container(mount, false)];
    let recording = Recording::of(&image, &containers);
    let files = ["libcrypto.so.3", "libssl.so.3"].map(|name| image.libraries.join(name));
    let pids: Vec<u32> = containers.iter().map(|c| c.pid).collect();
    let (capture, calls, probed) = recording.end(image, containers);
    compare(&calls, &recorded(&capture));
    let want: Vec<PathBuf> = files.iter().flat_map(|file| vec![file.clone(); copies]).collect();
    assert_eq!(probed, want, "nothing of the host");
    let events = capture.events(&[]);
    assert!(of_type(&events, "loss").is_empty(), "what a container has is probed before it is mapped");
    for event in of_type(&events, "api_call") {
        assert!(files.iter().any(|f| f == Path::new(s(event, "library_path"))), "{event}");
        assert!(pids.iter().any(|pid| event["pid"] == *pid), "{event}");
    }
}

#[test]
fn a_container_with_files_of_its_own() {
    need_bpf!();
    two_containers(Image::new(false), "mount -t tmpfs none m; cp -a ../image/. m", 2);
}

/// Overlays show a device of their own, and each the same file below.
#[test]
fn containers_of_one_image() {
    need_bpf!();
    let mount = "mkdir t; mount -t tmpfs none t; mkdir t/up t/work
mount -t overlay -o lowerdir=$image,upperdir=$PWD/t/up,workdir=$PWD/t/work none m";
    two_containers(Image::new(false), mount, 1);
}

#[test]
fn a_file_that_is_mounted_twice() {
    need_bpf!();
    two_containers(Image::new(false), "mount --bind ../image m", 1);
}

/// As snaps are: an image that is mounted read-only through a loop device.
#[test]
fn an_image_behind_a_loop_device() {
    need_bpf!();
    let image = Image::new(false);
    let file = image.dir.path().join("image.ext4");
    run(Command::new("mkfs.ext4")
        .args(["-q", "-d"])
        .arg(image.dir.path().join("image"))
        .arg(&file)
        .arg("64M"));
    let container = |image: &Image| image.container("mount -o loop,ro ../image.ext4 m", false);
    let containers = vec![container(&image)];
    let recording = Recording::of(&image, &containers);
    let files = ["libcrypto.so.3", "libssl.so.3"].map(|name| image.libraries.join(name));
    let (capture, calls, probed) = recording.end(image, containers);
    compare(&calls, &recorded(&capture));
    assert_eq!(probed, files);
}

/// The package was upgraded while the program ran: what it has mapped is on no path any more.
#[test]
fn a_library_that_was_replaced_since() {
    need_bpf!();
    let image = Image::new(false);
    let mut container = image.container("mount -t tmpfs none m; cp -a ../image/. m", true);
    container.begin();
    let place = format!("/proc/{}/root{}", container.pid, image.libraries.display());
    for name in ["libssl.so.3", "libcrypto.so.3"] {
        let (file, new) = (Path::new(&place).join(name), Path::new(&place).join(format!("{name}.new")));
        std::fs::copy(&file, &new).expect("copied");
        std::fs::rename(&new, &file).expect("renamed");
    }
    let containers = vec![container];
    let recording = Recording::of(&image, &containers);
    let mut files = ["libcrypto.so.3", "libssl.so.3"].map(|name| image.libraries.join(name)).to_vec();
    let (capture, calls, probed) = recording.end(image, containers);
    compare(&calls, &recorded(&capture));
    // Those that it has mapped, and those that its children would find.
    files = files.into_iter().flat_map(|file| [file.clone(), file]).collect();
    assert_eq!(probed, files);
}

/// A copy that lies where nobody looks and that nobody had mapped: it is probed as soon as it is, and what may have been
/// missed before is said.
#[test]
fn a_copy_that_appears_later() {
    need_bpf!();
    let image = Image::new(true);
    let mut containers = vec![image.container("mount -t tmpfs none m; cp -a ../image/. m", true)];
    let mut recording = Recording::of(&image, &containers);
    containers[0].begin();
    for name in ["libssl.so.3", "libcrypto.so.3"] {
        recording.recorder.wait_for(&format!("functions probed in /opt/{name}"));
    }
    let (capture, calls, probed) = recording.end(image, containers);
    compare(&calls, &recorded(&capture));
    assert_eq!(probed, ["/opt/libcrypto.so.3", "/opt/libssl.so.3"].map(PathBuf::from));
    let events = capture.events(&[]);
    let losses = of_type(&events, "loss");
    assert_eq!(losses.len(), 2, "{losses:#?}");
    for loss in losses {
        let what = (s(loss, "fact"), s(loss, "reason"));
        assert_eq!(what, ("api_call", "before the probes were attached"), "{loss}");
    }
}
