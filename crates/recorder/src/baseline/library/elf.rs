//! What an ELF file says of itself: soname, build id, and where its read-only data lies.
//!
//! Invariants:
//! - The file is a stranger's: every offset and length is checked before use, every loop and buffer is bounded by the
//!   constants here, and the file is read, never mapped (it may shrink meanwhile).
//! - 32 and 64 bit, either byte order.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

const PROGRAM_HEADERS: u64 = 128;
const DYNAMIC_BYTES: u64 = 64 * 1024;
const NOTE_BYTES: u64 = 64 * 1024;
const SONAME_BYTES: u64 = 255;
const BUILD_ID_BYTES: usize = 64;

/// Why a file tells nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ElfError {
    /// It isn't ELF.
    #[error("expected an ELF file, but it begins otherwise")]
    NotElf,
    /// A part lies outside of the file, or is larger than any library's.
    #[error("a part of {len} bytes at {offset} is too large or lies outside of the file")]
    Part {
        /// Where it should lie.
        offset: u64,
        /// How long it claims to be.
        len: u64,
    },
    /// It can't be read.
    #[error("the file can't be read: {0}")]
    Read(#[from] std::io::Error),
}

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) soname: Vec<u8>,
    pub(super) build_id: Vec<u8>,
    /// Parts of the file that are loaded and not written to.
    pub(super) read_only: Vec<Range<u64>>,
}

/// Class and byte order.
#[derive(Clone, Copy)]
struct Layout {
    wide: bool,
    big: bool,
}

impl Layout {
    fn number(self, bytes: &[u8], offset: usize, size: usize) -> Option<u64> {
        let bytes = bytes.get(offset..offset.checked_add(size)?)?;
        let fold = |n: u64, b: &u8| n << 8 | u64::from(*b);
        Some(if self.big { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) })
    }

    /// An address, offset or size of the class.
    fn word(self, bytes: &[u8], narrow: usize, wide: usize) -> Option<u64> {
        if self.wide { self.number(bytes, wide, 8) } else { self.number(bytes, narrow, 4) }
    }
}

struct Segment {
    kind: u64,
    flags: u64,
    offset: u64,
    address: u64,
    len: u64,
}

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_NOTE: u64 = 4;
const EXECUTE: u64 = 1;
const WRITE: u64 = 2;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;
const NT_GNU_BUILD_ID: u64 = 3;

/// Reads a file's facts. What is missing or damaged beyond the headers stays empty.
pub(super) fn facts(file: &File, file_len: u64) -> Result<Facts, ElfError> {
    let mut header = [0; 64];
    let have = file.read_at(&mut header, 0)?;
    let header = header.get(..have).unwrap_or_default();
    let layout = match header {
        [0x7f, b'E', b'L', b'F', class @ 1..=2, order @ 1..=2, ..] => {
            Layout { wide: *class == 2, big: *order == 2 }
        }
        _ => return Err(ElfError::NotElf),
    };
    let segments = segments(file, file_len, layout, header)?;
    let dynamic = segments.iter().find(|s| s.kind == PT_DYNAMIC);
    let soname = dynamic.and_then(|d| soname(file, file_len, layout, &segments, d)).unwrap_or_default();
    let notes = segments.iter().filter(|s| s.kind == PT_NOTE);
    let build_id = notes
        .filter_map(|s| part(file, file_len, s.offset, s.len.min(NOTE_BYTES)).ok())
        .find_map(|notes| build_id(layout, &notes))
        .unwrap_or_default();
    let loaded = |flags: u64| {
        let parts = segments.iter().filter(move |s| s.kind == PT_LOAD && s.flags & flags == 0);
        parts
            .map(|s| s.offset.min(file_len)..s.offset.saturating_add(s.len).min(file_len))
            .collect::<Vec<_>>()
    };
    // Old linkers put read-only data into the segment of the code.
    let read_only = Some(loaded(WRITE | EXECUTE)).filter(|p| p.len() > 1).unwrap_or_else(|| loaded(WRITE));
    Ok(Facts { soname, build_id, read_only })
}

fn segments(file: &File, file_len: u64, layout: Layout, header: &[u8]) -> Result<Vec<Segment>, ElfError> {
    let number = |narrow: usize, wide: usize, size: usize| {
        layout.number(header, if layout.wide { wide } else { narrow }, size).ok_or(ElfError::NotElf)
    };
    let offset = layout.word(header, 28, 32).ok_or(ElfError::NotElf)?;
    let (size, count) = (number(42, 54, 2)?, number(44, 56, 2)?);
    let entry = if layout.wide { 56 } else { 32 };
    if size < entry || count > PROGRAM_HEADERS {
        return Err(ElfError::Part { offset, len: size.saturating_mul(count) });
    }
    let table = part(file, file_len, offset, size * count)?;
    let segment = |entry: &[u8]| {
        Some(Segment {
            kind: layout.number(entry, 0, 4)?,
            flags: layout.number(entry, if layout.wide { 4 } else { 24 }, 4)?,
            offset: layout.word(entry, 4, 8)?,
            address: layout.word(entry, 8, 16)?,
            len: layout.word(entry, 16, 32)?,
        })
    };
    Ok(table.chunks_exact(size as usize).filter_map(segment).collect())
}

fn soname(
    file: &File,
    file_len: u64,
    layout: Layout,
    segments: &[Segment],
    dynamic: &Segment,
) -> Option<Vec<u8>> {
    let table = part(file, file_len, dynamic.offset, dynamic.len.min(DYNAMIC_BYTES)).ok()?;
    let entry = if layout.wide { 16 } else { 8 };
    let value = |tag: u64| {
        let found = table.chunks_exact(entry).find(|e| layout.word(e, 0, 0) == Some(tag))?;
        layout.word(found, 4, 8)
    };
    let address = value(DT_STRTAB)?.checked_add(value(DT_SONAME)?)?;
    let holds =
        |s: &&Segment| s.kind == PT_LOAD && address.checked_sub(s.address).is_some_and(|at| at < s.len);
    let segment = segments.iter().find(holds)?;
    let offset = segment.offset.checked_add(address - segment.address)?;
    let text = part(file, file_len, offset, SONAME_BYTES.min(file_len.checked_sub(offset)?)).ok()?;
    let end = text.iter().position(|&b| b == 0)?;
    text.get(..end).map(<[u8]>::to_vec)
}

/// Walks notes: name length, descriptor length, type, name, descriptor; each padded to 4 bytes.
fn build_id(layout: Layout, mut notes: &[u8]) -> Option<Vec<u8>> {
    loop {
        let name_len = layout.number(notes, 0, 4)? as usize;
        let len = layout.number(notes, 4, 4)? as usize;
        let kind = layout.number(notes, 8, 4)?;
        let start = name_len.checked_next_multiple_of(4)?.checked_add(12)?;
        let name = notes.get(12..12usize.checked_add(name_len)?)?;
        let descriptor = notes.get(start..start.checked_add(len)?)?;
        if kind == NT_GNU_BUILD_ID && name == b"GNU\0" {
            return (len <= BUILD_ID_BYTES).then(|| descriptor.to_vec());
        }
        notes = notes.get(start.checked_add(len.checked_next_multiple_of(4)?)?..)?;
    }
}

/// A part of the file. The caller has bounded `len`.
fn part(file: &File, file_len: u64, offset: u64, len: u64) -> Result<Vec<u8>, ElfError> {
    if offset.checked_add(len).is_none_or(|end| end > file_len) {
        return Err(ElfError::Part { offset, len });
    }
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write;

    /// A 64-bit little-endian library: headers, one read-only segment with everything, a dynamic table, a note.
    pub(in super::super) fn library(soname: &str, build_id: &[u8], text: &[u8]) -> Vec<u8> {
        let put = |out: &mut Vec<u8>, n: u64, size: usize| out.extend_from_slice(&n.to_le_bytes()[..size]);
        let strings = [b"\0", soname.as_bytes(), b"\0"].concat();
        let (dynamic_at, dynamic_len) = (64 + 4 * 56, 48);
        let note_at = dynamic_at + dynamic_len;
        let note_len = 16 + build_id.len() as u64;
        let strings_at = note_at + note_len.next_multiple_of(8);
        let text_at = strings_at + strings.len() as u64;
        let end = text_at + text.len() as u64;
        let mut out = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        out.resize(32, 0);
        put(&mut out, 64, 8);
        out.resize(54, 0);
        put(&mut out, 56, 2);
        put(&mut out, 4, 2);
        out.resize(64, 0);
        for (kind, flags, at, len) in [
            (PT_LOAD, 4, 0, end),
            (PT_LOAD, 5, end, 0),
            (PT_DYNAMIC, 6, dynamic_at, dynamic_len),
            (PT_NOTE, 4, note_at, note_len),
        ] {
            put(&mut out, kind, 4);
            put(&mut out, flags, 4);
            [at, at, at, len, len, 8].iter().for_each(|n| put(&mut out, *n, 8));
        }
        [DT_STRTAB, strings_at, DT_SONAME, 1, 0, 0].iter().for_each(|n| put(&mut out, *n, 8));
        [4, build_id.len() as u64, NT_GNU_BUILD_ID].iter().for_each(|n| put(&mut out, *n, 4));
        out.extend_from_slice(b"GNU\0");
        out.extend_from_slice(build_id);
        out.resize(strings_at as usize, 0);
        out.extend_from_slice(&strings);
        out.extend_from_slice(text);
        out
    }

    fn facts_of(bytes: &[u8]) -> Result<Facts, ElfError> {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        facts(&file, bytes.len() as u64)
    }

    #[test]
    fn soname_and_build_id_are_read() {
        let bytes = library("libx.so.3", &[0xab, 0xcd, 1, 2], b"text");
        let got = facts_of(&bytes).expect("a library");
        assert_eq!(got.soname, b"libx.so.3");
        assert_eq!(got.build_id, [0xab, 0xcd, 1, 2]);
        assert_eq!(got.read_only, [0..bytes.len() as u64, bytes.len() as u64..bytes.len() as u64]);
    }

    #[test]
    fn damage_is_survived_everywhere() {
        let bytes = library("libx.so.3", &[7; 20], b"text");
        for cut in 0..bytes.len() {
            let _ = facts_of(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            for value in [0, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                let _ = facts_of(&damaged);
            }
        }
    }

    #[test]
    fn other_files_are_refused() {
        assert!(matches!(facts_of(b""), Err(ElfError::NotElf)));
        assert!(matches!(facts_of(b"-----BEGIN"), Err(ElfError::NotElf)));
        assert!(matches!(facts_of(b"\x7fELF\x02\x01"), Err(ElfError::NotElf)));
        let mut many = library("x", b"1234", b"");
        many[56..58].copy_from_slice(&u16::MAX.to_le_bytes());
        assert!(matches!(facts_of(&many), Err(ElfError::Part { .. })));
    }
}
