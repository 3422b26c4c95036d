//! Crypto files that a process has open: /proc/PID/fd.
//!
//! Invariant: only the link is read, the file itself is never opened.

use super::process::{Unread, read};
use crate::maps::undeleted;
use crypto_tracer_format::catalogue::Pattern;
use procfs::process::Process;
use rustix::fs::{Dir, OFlags};

/// A file that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenFile {
    pub(super) fd: i32,
    pub(super) flags: u32,
    pub(super) path: Vec<u8>,
    pub(super) deleted: bool,
}

/// Calls `found` with each open file that one of the patterns matches.
pub(super) fn open_files(
    process: &Process,
    patterns: &[Pattern],
    buffer: &mut Vec<u8>,
    found: &mut dyn FnMut(OpenFile),
) -> Result<(), Unread> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = process.open_relative_flags("fd", flags)?;
    for entry in Dir::read_from(&folder).map_err(std::io::Error::from)? {
        let entry = entry.map_err(std::io::Error::from)?;
        let Some(fd) = entry.file_name().to_str().ok().and_then(|n| n.parse::<i32>().ok()) else { continue };
        // A descriptor that was closed meanwhile is none.
        let Ok(link) = rustix::fs::readlinkat(&folder, entry.file_name(), Vec::with_capacity(256)) else {
            continue;
        };
        let (path, deleted) = undeleted(link.as_bytes());
        if !path.starts_with(b"/") || !patterns.iter().any(|pattern| pattern.matches(path)) {
            continue;
        }
        let flags = match read(process, &format!("fdinfo/{fd}"), 4096, buffer) {
            Ok(()) => parse_flags(buffer).unwrap_or_default(),
            Err(_) => continue,
        };
        found(OpenFile { fd, flags, path: path.to_vec(), deleted });
    }
    Ok(())
}

/// `flags: 0100000`, octal.
fn parse_flags(fdinfo: &[u8]) -> Option<u32> {
    let line = fdinfo.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"flags:"))?;
    u32::from_str_radix(std::str::from_utf8(line).ok()?.trim(), 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsRawFd;

    #[test]
    fn flags_are_octal() {
        assert_eq!(parse_flags(b"pos:\t0\nflags:\t0100002\nmnt_id:\t25\n"), Some(0o100002));
        assert_eq!(parse_flags(b"pos:\t0\n"), None);
    }

    #[test]
    fn open_files_that_match_are_found_deleted_ones_too() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("a path");
        let open = |name: &str| File::create(root.join(name)).expect("a file");
        let (kept, gone, _other) = (open("a.pem"), open("b.key"), open("c.txt"));
        std::fs::remove_file(root.join("b.key")).expect("removed");
        let patterns = [Pattern::Suffix(b".pem".into()), Pattern::Suffix(b".key".into())];
        let mut found = Vec::new();
        let me = Process::myself().expect("own folder");
        open_files(&me, &patterns, &mut Vec::new(), &mut |f| found.push(f)).expect("own files");
        // Other tests of this process have files open too.
        found.retain(|f| f.path.starts_with(root.as_os_str().as_encoded_bytes()));
        found.sort_by_key(|f| f.fd);
        let short: Vec<_> = found.iter().map(|f| (f.fd, f.flags & 3, f.deleted)).collect();
        let mut want = vec![(kept.as_raw_fd(), 1, false), (gone.as_raw_fd(), 1, true)];
        want.sort_unstable();
        assert_eq!(short, want);
    }
}
