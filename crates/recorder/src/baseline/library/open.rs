//! Opens the file of a mapping: surely this one, whatever stands at its path by now.
//!
//! Invariants:
//! - First through /proc/PID/map_files, which leads to the mapped file itself (it needs CAP_SYS_ADMIN or
//!   CAP_CHECKPOINT_RESTORE); else by its path inside the process's root; and where the process is gone already, by its
//!   path in the recorder's own root, if device and inode are those of the mapping.
//! - In any case the inode must be that of the mapping. The device can't be compared: btrfs and overlayfs show another one
//!   in maps than in stat.
//! - Nothing but a regular file is ever opened for reading: no device, no FIFO that would block.

use crate::maps::Mapping;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Opens the file that a process has mapped, and tells its status.
pub(crate) fn open(tgid: u32, mapping: &Mapping) -> Option<(File, Stat)> {
    let mapped = format!("/proc/{tgid}/map_files/{:x}-{:x}", mapping.start, mapping.end);
    let found = rustix::fs::open(mapped, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .ok()
        .or_else(|| in_root(tgid, mapping))
        .or_else(|| in_own_root(mapping))?;
    let stat = rustix::fs::fstat(&found).ok()?;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !regular || stat.st_ino != mapping.ino {
        return None;
    }
    // A descriptor of O_PATH can't be read; through /proc/self it is opened again, the same file.
    let again = format!("/proc/self/fd/{}", found.as_fd().as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(again, flags, Mode::empty()).ok()?;
    Some((File::from(file), stat))
}

/// The path as the recorder sees it. Without the process only the device tells that it is the same file system.
fn in_own_root(mapping: &Mapping) -> Option<OwnedFd> {
    let path = Path::new(OsStr::from_bytes(&mapping.path));
    let found = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let dev = rustix::fs::fstat(&found).ok()?.st_dev;
    ((rustix::fs::major(dev), rustix::fs::minor(dev)) == (mapping.dev_major, mapping.dev_minor))
        .then_some(found)
}

/// The path within the process's root, where its absolute symbolic links lead too.
fn in_root(tgid: u32, mapping: &Mapping) -> Option<OwnedFd> {
    let root = format!("/proc/{tgid}/root");
    let path = Path::new(OsStr::from_bytes(mapping.path.strip_prefix(b"/")?));
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(CWD, root, flags | OFlags::DIRECTORY, Mode::empty()).ok()?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    match rustix::fs::openat2(&folder, path, flags, Mode::empty(), resolve) {
        // Kernels before 5.6, and sandboxes that don't know it.
        Err(Errno::NOSYS | Errno::PERM) => rustix::fs::openat(&folder, path, flags, Mode::empty()).ok(),
        other => other.ok(),
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
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("made");
        let ino = std::fs::metadata(&fifo).expect("there").ino();
        assert_eq!(target(&fifo, ino), None);
    }
}
