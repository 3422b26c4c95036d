//! An ELF file as far as probes need it: its segments, sections, and parts of its text.
//!
//! Invariants:
//! - The file is a stranger's and may change while it is read: it is never mapped, every offset is checked, and no more
//!   than [`TABLE_BYTES`] of tables and [`CODE_BYTES`] of one function are read.
//! - Only what the kernel can probe is taken: 64-bit, little-endian, of the machine asked for.

use super::ElfError;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable};
use object::{Endianness, ReadCache, ReadCacheOps, ReadRef};
use std::cell::Cell;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// All tables that are read of one file.
const TABLE_BYTES: u64 = 128 * 1024 * 1024;
/// The text of one function that is looked at.
pub(super) const CODE_BYTES: u64 = 64 * 1024;
const SEGMENTS: u64 = 128;
const SECTIONS: usize = 4096;

/// What machine a file's text is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// x86-64.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
}

impl Machine {
    /// This host's; `None`: one that is not known here.
    pub fn host() -> Option<Machine> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Machine::X86_64),
            "aarch64" => Some(Machine::Aarch64),
            _ => None,
        }
    }
}

/// Reads at places, so that the descriptor's own position stays.
struct Positioned<'f> {
    file: &'f File,
    len: u64,
    at: u64,
}

impl ReadCacheOps for Positioned<'_> {
    fn len(&mut self) -> Result<u64, ()> {
        Ok(self.len)
    }

    fn seek(&mut self, at: u64) -> Result<u64, ()> {
        self.at = at;
        Ok(at)
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ()> {
        let read = self.file.read_at(buf, self.at).map_err(drop)?;
        self.at += read as u64;
        Ok(read)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> Result<(), ()> {
        self.file.read_exact_at(buf, self.at).map_err(drop)?;
        self.at += buf.len() as u64;
        Ok(())
    }
}

/// The file's bytes that tables are read from.
pub(super) struct Bytes<'f> {
    file: &'f File,
    len: u64,
    cache: ReadCache<Positioned<'f>>,
    left: Cell<u64>,
}

impl<'f> Bytes<'f> {
    pub(super) fn new(file: &'f File) -> std::io::Result<Bytes<'f>> {
        let len = file.metadata()?.len();
        let cache = ReadCache::new(Positioned { file, len, at: 0 });
        Ok(Bytes { file, len, cache, left: Cell::new(TABLE_BYTES) })
    }

    fn limited<'b>(&'b self) -> Limited<'b, 'f> {
        Limited { bytes: self }
    }
}

/// A reference to [`Bytes`] that stops reading at the limit.
#[derive(Clone, Copy)]
pub(super) struct Limited<'b, 'f> {
    bytes: &'b Bytes<'f>,
}

impl Limited<'_, '_> {
    fn take(&self, size: u64) -> Result<(), ()> {
        let left = self.bytes.left.get().checked_sub(size).ok_or(())?;
        self.bytes.left.set(left);
        Ok(())
    }
}

impl<'b> ReadRef<'b> for Limited<'b, '_> {
    fn len(self) -> Result<u64, ()> {
        Ok(self.bytes.len)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'b [u8], ()> {
        self.take(size)?;
        (&self.bytes.cache).read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'b [u8], ()> {
        self.take(256)?;
        (&self.bytes.cache).read_bytes_at_until(range, delimiter)
    }
}

struct Segment {
    offset: u64,
    address: u64,
    len: u64,
    executable: bool,
}

type Header = FileHeader64<Endianness>;

/// A file, opened and looked at.
pub(super) struct Image<'b, 'f> {
    pub(super) endian: Endianness,
    bytes: Limited<'b, 'f>,
    segments: Vec<Segment>,
    sections: SectionTable<'b, Header, Limited<'b, 'f>>,
    entry: u64,
}

impl<'b, 'f> Image<'b, 'f> {
    pub(super) fn open(bytes: &'b Bytes<'f>, machine: Machine) -> Result<Image<'b, 'f>, ElfError> {
        let limited = bytes.limited();
        let damaged = |what: &'static str| move |_| ElfError::Damaged(what);
        let ident = limited.read_bytes_at(0, 16).map_err(|()| ElfError::NotElf)?;
        match ident {
            [0x7f, b'E', b'L', b'F', 2, 1, ..] => {}
            [0x7f, b'E', b'L', b'F', ..] => return Err(ElfError::Machine),
            _ => return Err(ElfError::NotElf),
        }
        let header = Header::parse(limited).map_err(damaged("header"))?;
        let endian = header.endian().map_err(damaged("byte order"))?;
        let expected = match machine {
            Machine::X86_64 => elf::EM_X86_64,
            Machine::Aarch64 => elf::EM_AARCH64,
        };
        if header.e_machine(endian) != expected {
            return Err(ElfError::Machine);
        }
        if u64::from(header.e_phnum(endian)) > SEGMENTS {
            return Err(ElfError::Damaged("number of segments"));
        }
        let segments = header.program_headers(endian, limited).map_err(damaged("segments"))?;
        let loaded = segments.iter().filter(|s| s.p_type(endian) == elf::PT_LOAD).map(|s| Segment {
            offset: s.p_offset(endian),
            address: s.p_vaddr(endian),
            len: s.p_filesz(endian),
            executable: (s.p_flags(endian) & elf::PF_X) == elf::PF_X,
        });
        let segments = loaded.collect();
        let count = header.shnum(endian, limited).map_err(damaged("sections"))?;
        if count as usize > SECTIONS {
            return Err(ElfError::Damaged("number of sections"));
        }
        let sections = header.sections(endian, limited).map_err(damaged("sections"))?;
        let entry = header.e_entry(endian);
        Ok(Image { endian, bytes: limited, segments, sections, entry })
    }

    pub(super) fn sections(&self) -> &SectionTable<'b, Header, Limited<'b, 'f>> {
        &self.sections
    }

    /// A whole section; `None`: there is none of this kind, or it can't be read.
    pub(super) fn data(&self, section: &elf::SectionHeader64<Endianness>) -> Option<&'b [u8]> {
        section.data(self.endian, self.bytes).ok()
    }

    pub(super) fn section(&self, name: &str) -> Option<&'b elf::SectionHeader64<Endianness>> {
        self.sections.section_by_name(self.endian, name.as_bytes()).map(|(_, section)| section)
    }

    /// The address of the program's first instruction.
    pub(super) fn entry(&self) -> u64 {
        self.entry
    }

    /// A part of the file that isn't kept.
    pub(super) fn read(&self, offset: u64, len: usize) -> Option<Vec<u8>> {
        let end = offset.checked_add(len as u64)?;
        if end > self.bytes.bytes.len || self.bytes.take(len as u64).is_err() {
            return None;
        }
        let mut part = vec![0; len];
        self.bytes.bytes.file.read_exact_at(&mut part, offset).ok()?;
        Some(part)
    }

    fn executable(&self, address: u64) -> Option<&Segment> {
        let holds =
            |s: &&Segment| s.executable && address.checked_sub(s.address).is_some_and(|at| at < s.len);
        self.segments.iter().find(holds)
    }

    /// Where the instruction at an address lies in the file.
    pub(super) fn offset_of(&self, address: u64) -> Option<u64> {
        let segment = self.executable(address)?;
        segment.offset.checked_add(address - segment.address)
    }

    /// At most `len` bytes of text, fewer where its segment ends before.
    pub(super) fn code(&self, address: u64, len: u64) -> Option<Vec<u8>> {
        let segment = self.executable(address)?;
        let at = address - segment.address;
        let len = len.min(CODE_BYTES).min(segment.len - at);
        let mut code = vec![0; len as usize];
        let offset = segment.offset.checked_add(at)?;
        self.bytes.bytes.file.read_exact_at(&mut code, offset).ok()?;
        Some(code)
    }

    /// The addresses of all text.
    pub(super) fn text(&self) -> Range<u64> {
        let parts = || self.segments.iter().filter(|s| s.executable);
        let from = parts().map(|s| s.address).min().unwrap_or_default();
        let to = parts().map(|s| s.address.saturating_add(s.len)).max().unwrap_or_default();
        from..to
    }
}
