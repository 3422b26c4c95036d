//! Which cgroup a process is in: the id that the kernel programs see, and the path that names its container.
//!
//! Invariants:
//! - The id of a v2 cgroup is the inode number of its folder. 0: not known.
//! - On hosts with several hierarchies (v1, hybrid) the path that names a container wins, then that of v2, then that of
//!   systemd's, then any but the root.

use super::process::{Unread, read};
use crypto_tracer_format::container::container;
use procfs::process::Process;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is remembered of so many cgroups.
const REMEMBERED: usize = 16 * 1024;
/// So many folders are looked at for an id whose process is gone.
const WALKED: usize = 16 * 1024;
/// And so often at most: whoever may make cgroups can make many.
const WALK_EVERY: Duration = Duration::from_millis(500);

/// Knows where the hierarchies are, and remembers ids.
#[derive(Debug, Default)]
pub(super) struct Cgroups {
    /// Where the v2 hierarchy is mounted, and which of its cgroups is the mount's root.
    v2: Option<(PathBuf, Vec<u8>)>,
    ids: HashMap<Vec<u8>, u64>,
    /// When the hierarchy was last walked for an id.
    walked: Option<Instant>,
}

impl Cgroups {
    /// Finds the v2 hierarchy among this process's mounts.
    pub(super) fn find() -> Cgroups {
        let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        Cgroups { v2: v2_mount(&mounts), ..Cgroups::default() }
    }

    /// Id and best path of a process's cgroup.
    pub(super) fn of(&mut self, process: &Process, buffer: &mut Vec<u8>) -> Result<(u64, Vec<u8>), Unread> {
        read(process, "cgroup", 64 * 1024, buffer)?;
        let (v2, best) = parse(buffer);
        Ok((v2.map_or(0, |path| self.id(path)), best.to_vec()))
    }

    /// Whether the path of this id is the best one for it: on v1 hosts all processes share one v2 cgroup.
    pub(super) fn names(&self, id: u64, path: &[u8]) -> bool {
        id != 0 && self.ids.get(path) == Some(&id)
    }

    fn id(&mut self, path: &[u8]) -> u64 {
        if let Some(&id) = self.ids.get(path) {
            return id;
        }
        let id = self.folder(path).and_then(|folder| std::fs::metadata(folder).ok()).map_or(0, |m| m.ino());
        if self.ids.len() >= REMEMBERED {
            self.ids.clear();
        }
        self.ids.insert(path.to_vec(), id);
        id
    }

    /// The folder of a v2 cgroup. `None`: it lies outside of what is mounted here.
    fn folder(&self, path: &[u8]) -> Option<PathBuf> {
        let (mount, root) = self.v2.as_ref()?;
        let below = path.strip_prefix(root.strip_suffix(b"/").unwrap_or(root))?;
        let below = below.strip_prefix(b"/").unwrap_or(below);
        if below.split(|&b| b == b'/').any(|c| c == b"..") {
            return None;
        }
        Some(mount.join(Path::new(OsStr::from_bytes(below))))
    }

    /// The v2 path of an id: of a process that is in it, or by a walk through the hierarchy.
    pub(super) fn path_of(&mut self, id: u64, tgid: u32) -> Option<Vec<u8>> {
        if let Some(path) = v2_path(tgid)
            && self.id(&path) == id
        {
            return Some(path);
        }
        if self.walked.is_some_and(|at| at.elapsed() < WALK_EVERY) {
            return None;
        }
        self.walked = Some(Instant::now());
        self.walk(id)
    }

    fn walk(&self, id: u64) -> Option<Vec<u8>> {
        let (mount, root) = self.v2.as_ref()?;
        let mut folders = vec![mount.clone()];
        let mut looked = 0;
        while let Some(folder) = folders.pop() {
            looked += 1;
            if looked > WALKED {
                return None;
            }
            if std::fs::metadata(&folder).is_ok_and(|m| m.ino() == id) {
                let below = folder.strip_prefix(mount).ok()?.as_os_str().as_bytes();
                let root = root.strip_suffix(b"/").unwrap_or(root);
                return Some([root, b"/", below].concat());
            }
            let inside = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(inside.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
        }
        None
    }
}

/// The v2 path of a process's cgroup.
fn v2_path(tgid: u32) -> Option<Vec<u8>> {
    let process = Process::new(i32::try_from(tgid).ok()?).ok()?;
    let mut buffer = Vec::new();
    read(&process, "cgroup", 64 * 1024, &mut buffer).ok()?;
    parse(&buffer).0.map(<[u8]>::to_vec)
}

/// The v2 path, and the one that names containers best, of /proc/PID/cgroup (`ID:CONTROLLERS:PATH`).
fn parse(text: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let mut v2 = None;
    let mut best: (u32, &[u8]) = (0, b"");
    for line in text.split(|&b| b == b'\n') {
        let mut parts = line.splitn(3, |&b| b == b':');
        let (Some(number), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let is_v2 = number == b"0" && controllers.is_empty();
        if is_v2 {
            v2 = Some(path);
        }
        let rank = 1
            + u32::from(path != b"/") * 4
            + u32::from(container(path).is_some()) * 8
            + u32::from(controllers == b"name=systemd")
            + u32::from(is_v2) * 2;
        if rank > best.0 {
            best = (rank, path);
        }
    }
    (v2, best.1)
}

/// Mount point and root of the cgroup2 mount that shows most of the hierarchy.
fn v2_mount(mountinfo: &[u8]) -> Option<(PathBuf, Vec<u8>)> {
    let mut found: Option<(PathBuf, Vec<u8>)> = None;
    for line in mountinfo.split(|&b| b == b'\n') {
        // ID PARENT DEV ROOT MOUNTPOINT OPTIONS [TAGS…] - TYPE SOURCE SUPER; proc_pid_mountinfo(5)
        let fields: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
        let kind = fields.iter().position(|f| *f == b"-").and_then(|dash| fields.get(dash + 1));
        let (Some(root), Some(point), Some(&b"cgroup2")) = (fields.get(3), fields.get(4), kind) else {
            continue;
        };
        if found.as_ref().is_none_or(|(_, best)| root.len() < best.len()) {
            found = Some((PathBuf::from(OsStr::from_bytes(point)), root.to_vec()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_path_names_the_container() {
        let id = "a".repeat(64);
        let v2 = format!("0::/system.slice/docker-{id}.scope\n");
        let (path, best) = parse(v2.as_bytes());
        assert_eq!(path, Some(best));
        assert!(container(best).is_some());
        let hybrid = format!("5:memory:/docker/{id}\n1:name=systemd:/system.slice/x.service\n0::/\n");
        let (path, best) = parse(hybrid.as_bytes());
        assert_eq!((path, best), (Some(&b"/"[..]), format!("/docker/{id}").as_bytes()));
        let plain = b"5:memory:/x\n1:name=systemd:/system.slice/x.service\n0::/\n";
        assert_eq!(parse(plain).1, b"/system.slice/x.service");
        assert_eq!(parse(b"0::/a:b\n"), (Some(&b"/a:b"[..]), &b"/a:b"[..]));
        assert_eq!(parse(b""), (None, &b""[..]));
    }

    #[test]
    fn the_mount_that_shows_most_is_taken() {
        let mounts = b"30 20 0:26 /x /mnt/part rw - cgroup2 c rw\n31 20 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 c rw\n32 1 0:1 / /proc rw - proc p rw\n";
        assert_eq!(v2_mount(mounts), Some((PathBuf::from("/sys/fs/cgroup"), b"/".to_vec())));
        assert_eq!(v2_mount(b"32 1 0:1 / /proc rw - proc p rw\n"), None);
        let cgroups = Cgroups { v2: Some(("/m".into(), b"/x".to_vec())), ..Cgroups::default() };
        assert_eq!(cgroups.folder(b"/x/y"), Some("/m/y".into()));
        assert_eq!(cgroups.folder(b"/z"), None);
        assert_eq!(cgroups.folder(b"/x/../z"), None);
    }

    #[test]
    fn an_id_is_the_inode_of_its_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(dir.path().join("a/b")).expect("folders");
        let ino = std::fs::metadata(dir.path().join("a/b")).expect("it is there").ino();
        let mut cgroups = Cgroups { v2: Some((dir.path().into(), b"/".to_vec())), ..Cgroups::default() };
        assert_eq!(cgroups.id(b"/a/b"), ino);
        assert!(cgroups.names(ino, b"/a/b") && !cgroups.names(ino, b"/a"));
        assert_eq!(cgroups.id(b"/none"), 0);
        assert_eq!(cgroups.walk(ino), Some(b"/a/b".to_vec()));
        assert_eq!(cgroups.walk(1), None);
        assert_eq!(cgroups.path_of(ino, 0), Some(b"/a/b".to_vec()));
        assert_eq!(cgroups.path_of(ino, 0), None, "not again so soon");
    }
}
