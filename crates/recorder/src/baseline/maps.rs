//! Crypto libraries in /proc/PID/maps.
//!
//! Invariants: line by line, never the whole file; a library once per process, at its first executable mapping.

use super::process::Unread;
use crypto_tracer_format::catalogue::libraries;
use procfs::process::Process;
use std::io::{BufRead, BufReader};

/// A crypto library that is mapped executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Where it is mapped.
    pub start: u64,
    /// End of the mapping.
    pub end: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Device, major number.
    pub dev_major: u32,
    /// Device, minor number.
    pub dev_minor: u32,
    /// Inode number.
    pub ino: u64,
    /// The file, as the process sees it.
    pub path: Vec<u8>,
    /// It was deleted or replaced since.
    pub deleted: bool,
}

/// A line longer than this is no path that the kernel can show (PATH_MAX, each byte escaped).
const LINE_BYTES: u64 = 20 * 1024;

/// The crypto libraries of a process.
pub(super) fn crypto_libraries(process: &Process) -> Result<Vec<Mapping>, Unread> {
    let mut maps = BufReader::with_capacity(64 * 1024, process.open_relative("maps")?);
    let mut found: Vec<Mapping> = Vec::new();
    let mut line = Vec::with_capacity(256);
    loop {
        line.clear();
        if std::io::Read::take(&mut maps, LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(found);
        }
        let Some(mapping) = parse(&line) else { continue };
        let known = |m: &Mapping| {
            (m.dev_major, m.dev_minor, m.ino) == (mapping.dev_major, mapping.dev_minor, mapping.ino)
        };
        if !found.iter().any(known) {
            found.push(mapping);
        }
    }
}

/// `START-END PERMS OFFSET MAJOR:MINOR INODE PATH`, if it is an executable mapping of a crypto library.
fn parse(line: &[u8]) -> Option<Mapping> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let slash = line.iter().position(|&b| b == b'/')?;
    let (numbers, path) = line.split_at(slash);
    let mut fields = numbers.split(|b| *b == b' ').filter(|f| !f.is_empty());
    let (range, perms, offset, dev, ino) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if perms.get(2) != Some(&b'x') {
        return None;
    }
    let (path, deleted) = undeleted(path);
    libraries::family_of(path)?;
    let (start, end) = pair(range, b'-')?;
    let (major, minor) = pair(dev, b':')?;
    Some(Mapping {
        start,
        end,
        offset: hex(offset)?,
        dev_major: major as u32,
        dev_minor: minor as u32,
        ino: std::str::from_utf8(ino).ok()?.parse().ok()?,
        path: unescape(path),
        deleted,
    })
}

/// Takes off the mark that the kernel puts behind the path of a file that is gone.
pub(super) fn undeleted(path: &[u8]) -> (&[u8], bool) {
    match path.strip_suffix(b" (deleted)") {
        Some(path) => (path, true),
        None => (path, false),
    }
}

/// In maps a newline in a path is written `\012`.
fn unescape(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&b, tail)) = rest.split_first() {
        match rest.strip_prefix(b"\\012") {
            Some(tail) => {
                out.push(b'\n');
                rest = tail;
            }
            None => {
                out.push(b);
                rest = tail;
            }
        }
    }
    out
}

fn pair(text: &[u8], separator: u8) -> Option<(u64, u64)> {
    let at = text.iter().position(|&b| b == separator)?;
    Some((hex(text.get(..at)?)?, hex(text.get(at + 1..)?)?))
}

fn hex(text: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executable_mappings_of_crypto_libraries_are_taken() {
        let line = b"7f1c00000000-7f1c00062000 r-xp 0001e000 fd:01 1443 /usr/lib/libssl.so.3\n";
        let want = Mapping {
            start: 0x7f1c_0000_0000,
            end: 0x7f1c_0006_2000,
            offset: 0x1e000,
            dev_major: 0xfd,
            dev_minor: 1,
            ino: 1443,
            path: b"/usr/lib/libssl.so.3".to_vec(),
            deleted: false,
        };
        assert_eq!(parse(line), Some(want.clone()));
        let deleted = b"7f1c00000000-7f1c00062000 r-xp 0001e000 fd:01 1443 /usr/lib/libssl.so.3 (deleted)\n";
        assert_eq!(parse(deleted), Some(Mapping { deleted: true, ..want.clone() }));
        let newline = b"7f1c00000000-7f1c00062000 r-xp 0001e000 fd:01 1443 /a b\\012c/libssl.so.3\n";
        assert_eq!(parse(newline), Some(Mapping { path: b"/a b\nc/libssl.so.3".to_vec(), ..want }));
    }

    #[test]
    fn other_mappings_are_not() {
        for line in [
            &b"7f1c00000000-7f1c00062000 r--p 0001e000 fd:01 1443 /usr/lib/libssl.so.3\n"[..],
            b"7f1c00000000-7f1c00062000 r-xp 0001e000 fd:01 1443 /usr/lib/libc.so.6\n",
            b"7f1c00000000-7f1c00062000 r-xp 0001e000 fd:01 1443 /srv/libssl-notes/data.bin\n",
            b"7f1c00000000-7f1c00062000 r-xp 00000000 00:00 0 [vdso]\n",
            b"x-y r-xp z fd:01 1443 /usr/lib/libssl.so.3\n",
            b"/usr/lib/libssl.so.3",
            b"",
        ] {
            assert_eq!(parse(line), None, "{}", String::from_utf8_lossy(line));
        }
    }
}
