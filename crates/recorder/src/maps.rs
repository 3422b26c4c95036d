//! Executable mappings of files, and reading them from /proc/PID/maps.
//!
//! Invariants: line by line, never the whole file; each file once, at its first executable mapping.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

/// A line longer than this is no path that the kernel can show (PATH_MAX, each byte escaped).
const LINE_BYTES: u64 = 20 * 1024;
/// What the kernel puts behind the path of a deleted file; of one that is replaced too, once it is.
const DELETED: &[u8] = b" (deleted)";

/// A file that is mapped executable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Where it is mapped.
    pub start: u64,
    /// End of the mapping.
    pub end: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Device as the mapping shows it, major number.
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

impl Mapping {
    /// Which file it is: device, and inode.
    pub fn file(&self) -> (u32, u32, u64) {
        (self.dev_major, self.dev_minor, self.ino)
    }
}

/// The files that are mapped executable and whose path is `wanted`, by the text of a process's maps.
///
/// # Errors
/// What reading said. The files before it are in `found`.
pub(crate) fn executable_files(
    maps: impl Read,
    wanted: impl Fn(&[u8]) -> bool,
    found: &mut Vec<Mapping>,
) -> io::Result<()> {
    let mut maps = BufReader::with_capacity(64 * 1024, maps);
    let mut line = Vec::with_capacity(256);
    loop {
        line.clear();
        if maps.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let Some(mapping) = parse(&line, &wanted) else { continue };
        if !found.iter().any(|m| m.file() == mapping.file()) {
            found.push(mapping);
        }
    }
}

/// `START-END PERMS OFFSET MAJOR:MINOR INODE PATH`, if it is an executable mapping of a file that is wanted.
fn parse(line: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Option<Mapping> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let slash = line.iter().position(|&b| b == b'/')?;
    let (numbers, path) = line.split_at(slash);
    let mut fields = std::str::from_utf8(numbers).ok()?.split_ascii_whitespace();
    let (range, perms, offset, dev, ino) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if perms.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    let (path, deleted) = undeleted(path);
    let path = unescaped(path);
    if !wanted(&path) {
        return None;
    }
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let hex32 = |text: &str| u32::from_str_radix(text, 16).ok();
    let ((start, end), (major, minor)) = (range.split_once('-')?, dev.split_once(':')?);
    Some(Mapping {
        start: hex(start)?,
        end: hex(end)?,
        offset: hex(offset)?,
        dev_major: hex32(major)?,
        dev_minor: hex32(minor)?,
        ino: ino.parse().ok()?,
        path: path.into_owned(),
        deleted,
    })
}

/// Takes off the mark that the kernel puts behind the path of a file that is gone.
pub(crate) fn undeleted(path: &[u8]) -> (&[u8], bool) {
    match path.strip_suffix(DELETED) {
        Some(path) => (path, true),
        None => (path, false),
    }
}

/// In maps a newline in a path is written `\012`.
fn unescaped(path: &[u8]) -> Cow<'_, [u8]> {
    if !path.contains(&b'\\') {
        return Cow::Borrowed(path);
    }
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
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library() -> Mapping {
        Mapping {
            start: 0x7f1c_0000_0000,
            end: 0x7f1c_0006_2000,
            offset: 0x1e000,
            dev_major: 0xfd,
            dev_minor: 0x1f,
            ino: 1443,
            path: b"/usr/lib/libssl.so.3".to_vec(),
            deleted: false,
        }
    }

    #[test]
    fn executable_mappings_of_files_are_taken() {
        let of = |path: &str| {
            let line = format!("7f1c00000000-7f1c00062000 r-xp 0001e000 fd:1f 1443            {path}\n");
            parse(line.as_bytes(), |_| true)
        };
        let at = |path: &[u8], deleted| Some(Mapping { path: path.to_vec(), deleted, ..library() });
        assert_eq!(of("/usr/lib/libssl.so.3"), at(b"/usr/lib/libssl.so.3", false));
        assert_eq!(of("/usr/lib/libssl.so.3 (deleted)"), at(b"/usr/lib/libssl.so.3", true));
        assert_eq!(of("/a b\\012c/libssl.so.3"), at(b"/a b\nc/libssl.so.3", false));
        assert_eq!(of("/a\\01/\\\\012 (deleted)"), at(b"/a\\01/\\\n", true));
    }

    #[test]
    fn other_mappings_are_not() {
        for line in [
            &b"7f1c00000000-7f1c00062000 r--p 0001e000 fd:01 1443 /usr/lib/libssl.so.3\n"[..],
            b"7f1c00000000-7f1c00062000 r-xp 0001e000 fd:01 1443 /usr/lib/libc.so.6\n",
            b"7f1c00000000-7f1c00062000 r-xp 00000000 00:00 0 [vdso]\n",
            b"x-y r-xp z fd:01 1443 /usr/lib/libssl.so.3\n",
            b"7f1c00000000 r-xp 0001e000 fd:01 1443 /usr/lib/libssl.so.3\n",
            b"7f1c00000000-7f1c00062000 r-xp 0001e000 fd 1443 /usr/lib/libssl.so.3\n",
            b"\xff-7f1c00062000 r-xp 0001e000 fd:01 1443 /usr/lib/libssl.so.3\n",
            b"/usr/lib/libssl.so.3",
            b"",
        ] {
            let found = parse(line, |path| path.ends_with(b"libssl.so.3"));
            assert_eq!(found, None, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn each_file_is_found_once_and_a_deleted_one_is_wanted_by_its_own_name() {
        let text = b"1000-2000 r--p 00000000 08:01 7 /x/libssl.so.3 (deleted)\n\
                     2000-3000 r-xp 00001000 08:01 7 /x/libssl.so.3 (deleted)\n\
                     3000-4000 r-xp 00002000 08:01 7 /x/libssl.so.3 (deleted)\n\
                     4000-5000 r-xp 00000000 08:01 8 /x/libssl.so.3\n\
                     5000-6000 r-xp 00000000 08:01 9 /x/libc.so.6";
        let mut found = Vec::new();
        executable_files(&text[..], |path| path == b"/x/libssl.so.3", &mut found).expect("a text");
        let short: Vec<_> = found.iter().map(|m| (m.start, m.ino, m.deleted)).collect();
        assert_eq!(short, [(0x2000, 7, true), (0x4000, 8, false)]);
    }
}
