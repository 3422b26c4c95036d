//! Opens the file of a mapping: surely this one, whatever stands at its path by now. And files within a container's root.
//!
//! Invariants:
//! - First through /proc/PID/map_files, which leads to the mapped file itself (it needs CAP_SYS_ADMIN or
//!   CAP_CHECKPOINT_RESTORE); else by its path inside the process's root; and where the process is gone already, by its
//!   path in the recorder's own root, if device and inode are those of the mapping.
//! - In any case the inode must be that of the mapping. The device can't be compared: btrfs and overlayfs show another one
//!   in maps than in stat.
//! - Nothing but a regular file is ever opened for reading: no device, no FIFO that would block.
//! - A container's symbolic links lead nowhere outside of it.

use crate::maps::Mapping;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Opens the file that a process has mapped, and tells its status.
pub(crate) fn open(tgid: u32, mapping: &Mapping) -> Option<(File, Stat)> {
    let mapped = format!("/proc/{tgid}/map_files/{:x}-{:x}", mapping.start, mapping.end);
    let found = rustix::fs::open(mapped, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .ok()
        .or_else(|| Root::of(tgid)?.find(Path::new(OsStr::from_bytes(&mapping.path)), OFlags::empty()))
        .or_else(|| in_own_root(mapping))?;
    readable(&found).filter(|(_, stat)| stat.st_ino == mapping.ino)
}

/// A regular file for reading, from a descriptor of O_PATH: through /proc/self it is opened again, the same file.
fn readable(found: &OwnedFd) -> Option<(File, Stat)> {
    let stat = rustix::fs::fstat(found).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(by_number(found), flags, Mode::empty()).ok()?;
    Some((File::from(file), stat))
}

fn by_number(fd: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())
}

/// The path as the recorder sees it. Without the process only the device tells that it is the same file system.
fn in_own_root(mapping: &Mapping) -> Option<OwnedFd> {
    let path = Path::new(OsStr::from_bytes(&mapping.path));
    let found = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let dev = rustix::fs::fstat(&found).ok()?.st_dev;
    ((rustix::fs::major(dev), rustix::fs::minor(dev)) == (mapping.dev_major, mapping.dev_minor))
        .then_some(found)
}

/// What a process sees as `/`. Absolute symbolic links stay within it.
#[derive(Debug)]
pub(crate) struct Root(OwnedFd);

impl Root {
    /// `None`: the process is gone, or can't be looked into.
    pub(crate) fn of(tgid: u32) -> Option<Root> {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::DIRECTORY;
        rustix::fs::open(format!("/proc/{tgid}/root"), flags, Mode::empty()).ok().map(Root)
    }

    /// Device and inode.
    pub(crate) fn identity(&self) -> Option<(u64, u64)> {
        rustix::fs::fstat(&self.0).ok().map(|stat| (stat.st_dev, stat.st_ino))
    }

    /// Opens a regular file; its path without links, as a process in here sees it.
    pub(crate) fn open(&self, path: &Path) -> Option<(File, Stat, Vec<u8>)> {
        let (file, stat) = readable(&self.find(path, OFlags::empty())?)?;
        let shown = |fd: &dyn AsFd| std::fs::read_link(by_number(&fd.as_fd())).ok();
        let within = shown(&self.0)
            .zip(shown(&file))
            .and_then(|(root, file)| file.strip_prefix(root).ok().map(|path| Path::new("/").join(path)));
        let path = within.unwrap_or_else(|| path.to_path_buf());
        Some((file, stat, path.into_os_string().into_encoded_bytes()))
    }

    /// The names in a folder; none, where there is no such folder.
    pub(crate) fn names(&self, folder: &Path) -> Vec<OsString> {
        let Some(folder) = self.find(folder, OFlags::DIRECTORY) else { return Vec::new() };
        let entries = std::fs::read_dir(by_number(&folder)).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name()).collect()
    }

    fn find(&self, path: &Path, kind: OFlags) -> Option<OwnedFd> {
        let flags = OFlags::PATH | OFlags::CLOEXEC | kind;
        let path = path.strip_prefix("/").ok()?;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.0, path, flags, Mode::empty(), resolve) {
            // Kernels before 5.6, and sandboxes that don't know it.
            Err(Errno::NOSYS | Errno::PERM) => rustix::fs::openat(&self.0, path, flags, Mode::empty()).ok(),
            other => other.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    fn target(path: &Path, ino: u64) -> Option<Vec<u8>> {
        let path = path.as_os_str().as_bytes().to_vec();
        let mapping = Mapping { start: 1, end: 2, ino, path, ..Mapping::default() };
        open(std::process::id(), &mapping).map(|(mut file, _)| {
            let mut text = Vec::new();
            file.read_to_end(&mut text).expect("readable");
            text
        })
    }

    #[test]
    fn only_the_file_that_was_mapped_is_opened() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("libx.so");
        std::fs::write(&path, b"mapped").expect("written");
        let ino = std::fs::metadata(&path).expect("there").ino();
        assert_eq!(target(&path, ino), Some(b"mapped".to_vec()));
        assert_eq!(target(&path, ino + 1), None, "another file stands there by now");
        assert_eq!(target(&dir.path().join("gone"), ino), None);
    }

    #[test]
    fn of_a_process_that_is_gone_only_the_same_file_is_opened() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("libx.so");
        std::fs::write(&path, b"mapped").expect("written");
        let meta = std::fs::metadata(&path).expect("there");
        let dev = (rustix::fs::major(meta.dev()), rustix::fs::minor(meta.dev()));
        let open_as = |(dev_major, dev_minor)| {
            let path = path.as_os_str().as_bytes().to_vec();
            let mapping = Mapping {
                start: 1,
                end: 2,
                dev_major,
                dev_minor,
                ino: meta.ino(),
                path,
                ..Mapping::default()
            };
            // No process has this number: it is above what the kernel gives.
            open(u32::MAX, &mapping).is_some()
        };
        assert!(open_as(dev));
        assert!(!open_as((dev.0, dev.1 ^ 1)));
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let dir = tempfile::tempdir().expect("a folder");
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("made");
        let ino = std::fs::metadata(&fifo).expect("there").ino();
        assert_eq!(target(&fifo, ino), None);
    }

    #[test]
    fn links_stay_within_a_root() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = dir.path().canonicalize().expect("there");
        std::fs::create_dir(at.join("lib")).expect("made");
        std::fs::write(at.join("lib/libx.so.1"), b"inside").expect("written");
        for (to, link) in
            [("/lib/libx.so.1", "libx.so"), ("/etc/passwd", "out.so"), ("../../../etc/passwd", "up.so")]
        {
            std::os::unix::fs::symlink(to, at.join("lib").join(link)).expect("linked");
        }
        let fifo = at.join("lib/fifo.so");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("made");
        let folder = rustix::fs::open(&at, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).expect("opened");
        let root = Root(folder);
        let (mut file, _, path) = root.open(Path::new("/lib/libx.so")).expect("opened");
        let mut text = Vec::new();
        file.read_to_end(&mut text).expect("readable");
        assert_eq!((text.as_slice(), path.as_slice()), (&b"inside"[..], &b"/lib/libx.so.1"[..]));
        for none in ["/lib/out.so", "/lib/up.so", "/lib/fifo.so", "/lib", "/gone"] {
            assert!(root.open(Path::new(none)).is_none(), "{none}");
        }
        let mut names = root.names(Path::new("/lib"));
        names.sort();
        assert_eq!(names, ["fifo.so", "libx.so", "libx.so.1", "out.so", "up.so"]);
    }
}
