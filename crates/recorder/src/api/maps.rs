//! The executable files that a process has mapped: /proc/PID/maps.
//!
//! Invariant: line by line, never the whole file; each file once.

use super::Mapped;
use std::io::{BufRead, BufReader, Read};

/// A line longer than this is no path that the kernel can show.
const LINE_BYTES: u64 = 20 * 1024;

/// Every file that the process has mapped executable; nothing, where it is gone or can't be looked into.
pub fn of(tgid: u32) -> Vec<Mapped> {
    let Ok(file) = std::fs::File::open(format!("/proc/{tgid}/maps")) else { return Vec::new() };
    let mut maps = BufReader::with_capacity(64 * 1024, file);
    let mut found: Vec<Mapped> = Vec::new();
    let mut line = Vec::with_capacity(256);
    loop {
        line.clear();
        match maps.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return found,
            Ok(_) => {}
        }
        let Some(mapped) = parse(tgid, &line) else { continue };
        if !found.iter().any(|m| (m.dev, m.ino) == (mapped.dev, mapped.ino)) {
            found.push(mapped);
        }
    }
}

/// `START-END PERMS OFFSET MAJOR:MINOR INODE PATH`, if it is an executable mapping of a file.
fn parse(tgid: u32, line: &[u8]) -> Option<Mapped> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let slash = line.iter().position(|&b| b == b'/')?;
    let (numbers, path) = line.split_at(slash);
    let numbers = std::str::from_utf8(numbers).ok()?;
    let mut fields = numbers.split_ascii_whitespace();
    let (range, perms) = (fields.next()?, fields.next()?);
    let (_, dev, ino) = (fields.next()?, fields.next()?, fields.next()?);
    if perms.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let (start, end) = range.split_once('-')?;
    let (major, minor) = dev.split_once(':')?;
    let (path, deleted) = match path.strip_suffix(b" (deleted)") {
        Some(path) => (path, true),
        None => (path, false),
    };
    Some(Mapped {
        tgid,
        range: (hex(start)?, hex(end)?),
        dev: (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?),
        ino: ino.parse().ok().filter(|ino| *ino != 0)?,
        path: path.to_vec(),
        deleted,
        time_ns: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executable_files_are_found() {
        let line = b"7f00-7f10 r-xp 00001000 08:1f 1234                       /opt/a b/libx.so (deleted)\n";
        let got = parse(7, line).expect("a mapping");
        assert_eq!((got.range, got.dev, got.ino, got.deleted), ((0x7f00, 0x7f10), (8, 0x1f), 1234, true));
        assert_eq!(got.path, b"/opt/a b/libx.so");
        for other in [
            &b"7f00-7f10 r--p 00001000 08:1f 1234 /opt/libx.so"[..],
            b"7f00-7f10 r-xp 00001000 00:00 0 [vdso]",
            b"7f00-7f10 r-xp 00001000 00:00 0 /anon",
            b"7f00 r-xp 00001000 08:01 7 /x",
            b"",
        ] {
            assert_eq!(parse(7, other), None);
        }
        let own = std::env::current_exe().expect("a path").canonicalize().expect("there");
        let found = of(std::process::id());
        assert!(found.iter().any(|m| m.path == own.as_os_str().as_encoded_bytes()), "{found:?}");
    }
}
