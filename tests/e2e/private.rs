//! Copies of this machine's libraries that no other process maps.
//!
//! Probes on functions reach every process that maps the probed file. Tests touch no process but their own: what they
//! have probed are these copies, which their programs find through LD_LIBRARY_PATH.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// See the module.
#[derive(Debug)]
pub struct Private {
    /// LD_LIBRARY_PATH=…, for env(1).
    pub variable: String,
    /// The copies.
    pub files: Vec<PathBuf>,
}

impl Private {
    /// Copies what `program` links that begins with one of these names.
    pub fn of(program: &Path, stems: &[&str], folder: PathBuf) -> Private {
        std::fs::create_dir_all(&folder).expect("mkdir");
        let ldd = Command::new("ldd").arg(program).output().expect("ldd starts");
        let ldd = String::from_utf8(ldd.stdout).expect("UTF-8");
        let mut files = Vec::new();
        for line in ldd.lines() {
            let Some((name, rest)) = line.trim().split_once(" => ") else { continue };
            let Some(path) = rest.split(" (").next().filter(|p| p.starts_with('/')) else { continue };
            if stems.iter().any(|stem| name.starts_with(&format!("{stem}.so"))) {
                files.push(copy(Path::new(path), &folder, name));
            }
        }
        assert!(!files.is_empty(), "{} links none of {stems:?}:\n{ldd}", program.display());
        Private { variable: format!("LD_LIBRARY_PATH={}", folder.display()), files }
    }

    /// `--library` for each of the files.
    pub fn arguments(&self) -> Vec<&OsStr> {
        self.files.iter().flat_map(|file| [OsStr::new("--library"), file.as_os_str()]).collect()
    }
}

/// Copies a file under a new inode, also where an earlier run's copy is mapped still.
pub fn copy(from: &Path, folder: &Path, name: &str) -> PathBuf {
    let to = folder.join(name);
    let fresh = folder.join(format!("{name}.{}", std::process::id()));
    let bytes = std::fs::read(from).unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    std::fs::write(&fresh, bytes).expect("written");
    let mode = std::fs::metadata(from).expect("it is there").permissions();
    std::fs::set_permissions(&fresh, mode).expect("chmod");
    std::fs::rename(&fresh, &to).expect("renamed");
    to
}

/// Where the copies are that are made once for a test program.
fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("private-{}{of}", env!("CARGO_CRATE_NAME")))
}

/// The file of a command.
fn command(name: &str) -> PathBuf {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().expect("sh starts");
    let path = PathBuf::from(String::from_utf8(found.stdout).expect("UTF-8").trim());
    assert!(path.is_absolute(), "{name} is installed (make deps-test)");
    path
}

/// The OpenSSL that the openssl command uses, once for this test program.
pub fn openssl() -> &'static Private {
    static COPIES: OnceLock<Private> = OnceLock::new();
    COPIES.get_or_init(|| Private::of(&command("openssl"), &["libssl", "libcrypto"], folder("")))
}

/// The GnuTLS that gnutls-cli uses, likewise.
pub fn gnutls() -> &'static Private {
    static COPIES: OnceLock<Private> = OnceLock::new();
    COPIES.get_or_init(|| Private::of(&command("gnutls-cli"), &["libgnutls"], folder("-gnutls")))
}

/// Node, which has its OpenSSL within it, likewise.
pub fn node() -> &'static Path {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
    COPY.get_or_init(|| {
        let folder = folder("-node");
        std::fs::create_dir_all(&folder).expect("mkdir");
        copy(&command("node").canonicalize().expect("a path"), &folder, "node")
    })
}
