//! Opens the file of a mapping: surely this one, whatever stands at its path by now.
//!
//! Invariants:
//! - First through /proc/PID/map_files, which leads to the mapped file itself (it needs CAP_SYS_ADMIN or
//!   CAP_CHECKPOINT_RESTORE); else by its path inside the process's root;
//!   of a process that is gone, by its path in the recorder's own, where device and inode must be the mapping's.
//! - Either way the inode must be that of the mapping. The device can't be compared: btrfs and overlayfs show another one
//!   in maps than in stat.
//! - Nothing but a regular file is ever opened for reading: no device, no FIFO that would block.

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is to be opened.
pub(super) struct Target<'a> {
    pub(super) tgid: u32,
    /// The mapping's addresses.
    pub(super) range: (u64, u64),
    pub(super) ino: u64,
    /// Device, major and minor number, as the mapping tells them.
    pub(super) device: (u32, u32),
    pub(super) path: &'a [u8],
}

/// Opens the file and tells its status.
pub(super) fn open(target: &Target<'_>) -> Option<(File, Stat)> {
    let (start, end) = target.range;
    let mapped = format!("/proc/{}/map_files/{start:x}-{end:x}", target.tgid);
    let found = rustix::fs::open(mapped, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .ok()
        .or_else(|| in_root(target, &format!("/proc/{}/root", target.tgid)))
        .map_or_else(|| own(target), |found| Some((rustix::fs::fstat(&found).ok()?, found)))?;
    let (stat, found) = found;
    let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if !regular || stat.st_ino != target.ino {
        return None;
    }
    // A descriptor of O_PATH can't be read; through /proc/self it is opened again, the same file.
    let again = format!("/proc/self/fd/{}", found.as_fd().as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(again, flags, Mode::empty()).ok()?;
    Some((File::from(file), stat))
}

/// A process that lived too short: the file under the same path in the recorder's own root, if it is the same one. There
/// is nothing else to tell them apart by, so that the device must be the mapping's too.
fn own(target: &Target<'_>) -> Option<(Stat, OwnedFd)> {
    let found = in_root(target, "/")?;
    let stat = rustix::fs::fstat(&found).ok()?;
    let device = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
    (device == target.device).then_some((stat, found))
}

/// The path within a root, where its absolute symbolic links lead too.
fn in_root(target: &Target<'_>, root: &str) -> Option<OwnedFd> {
    let path = Path::new(OsStr::from_bytes(target.path.strip_prefix(b"/")?));
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
        let target = Target {
            tgid: std::process::id(),
            range: (1, 2),
            ino,
            device: (0, 0),
            path: path.as_os_str().as_bytes(),
        };
        open(&target).map(|(mut file, _)| {
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
    fn what_is_no_file_is_not_opened() {
        let dir = tempfile::tempdir().expect("a folder");
        let fifo = dir.path().join("fifo");
        rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).expect("made");
        let ino = std::fs::metadata(&fifo).expect("there").ino();
        assert_eq!(target(&fifo, ino), None);
    }
}
