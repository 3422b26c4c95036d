//! Library files: each is read once, whoever maps it, and described by a record.
//!
//! Invariants: a file is known by device and inode as its mapping shows them; what was read is kept for later segments,
//! of at most [`REMEMBERED`] files.

mod elf;
pub(crate) mod open;
mod version;

use crate::maps::Mapping;
use crypto_tracer_format::catalogue::libraries;
use crypto_tracer_format::record::{Builder, Header, Library, lib_bits};
use std::collections::{HashMap, HashSet};

/// More library files than any host maps; then memory starts anew.
const REMEMBERED: usize = 8192;

/// Device and inode.
type Key = (u32, u32, u64);

/// What a file said.
#[derive(Debug, Default)]
struct Description {
    size: u64,
    mtime_ns: u64,
    bits: u32,
    path: Vec<u8>,
    soname: Vec<u8>,
    version: Vec<u8>,
    build_id: Vec<u8>,
}

/// Remembers library files and which of them this segment has described.
#[derive(Debug, Default)]
pub(super) struct Libraries {
    known: HashMap<Key, Description>,
    written: HashSet<Key>,
}

impl Libraries {
    /// A new segment: all are to be described again.
    pub(super) fn begin_segment(&mut self) {
        self.written.clear();
    }

    /// Appends the record of a mapping's file, unless this segment has it. Returns whether it did.
    pub(super) fn describe(&mut self, tgid: u32, mapping: &Mapping, time_ns: u64, out: &mut Vec<u8>) -> bool {
        let key = mapping.file();
        if self.written.contains(&key) {
            return false;
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
            self.written.clear();
        }
        self.written.insert(key);
        let known = self.known.entry(key).or_insert_with(|| read(tgid, mapping));
        let mut b = Builder::new(out);
        let record = Library {
            ino: mapping.ino,
            dev_major: mapping.dev_major,
            dev_minor: mapping.dev_minor,
            size: known.size,
            mtime_ns: known.mtime_ns,
            bits: known.bits,
            path: b.string(&known.path),
            soname: b.string(&known.soname),
            version: b.string(&known.version),
            build_id: b.string(&known.build_id),
            reserved: 0,
        };
        // Four strings within limits always fit.
        b.finish(&Header { time_ns, ..Header::default() }, &record).is_ok()
    }
}

fn read(tgid: u32, mapping: &Mapping) -> Description {
    let mut known = Description { path: mapping.path.clone(), ..Description::default() };
    if mapping.deleted {
        known.bits |= lib_bits::DELETED;
    }
    let Some((file, stat)) = open::open(tgid, mapping) else {
        known.bits |= lib_bits::UNREADABLE;
        return known;
    };
    known.size = u64::try_from(stat.st_size).unwrap_or_default();
    let seconds = u64::try_from(stat.st_mtime).unwrap_or_default();
    known.mtime_ns = seconds.saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec);
    match elf::facts(&file, known.size) {
        Ok(facts) => {
            known.build_id = facts.build_id.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect();
            known.soname = facts.soname;
            if let Some(family) = libraries::family_of(&mapping.path) {
                known.version = version::find(&file, &facts.read_only, family.name);
            }
        }
        Err(elf::ElfError::Read(_)) => known.bits |= lib_bits::UNREADABLE,
        Err(_) => known.bits |= lib_bits::NOT_ELF,
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_tracer_format::record::Record;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_file_is_described_once_per_segment() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("libcrypto.so.3");
        let text = b"\0OpenSSL 3.0.19 27 Jan 2026\0";
        std::fs::write(&path, elf::tests::library("libcrypto.so.3", &[0x0a, 0xff], text)).expect("written");
        let metadata = std::fs::metadata(&path).expect("there");
        let mapping = Mapping {
            start: 1,
            end: 2,
            offset: 0,
            dev_major: 8,
            dev_minor: 1,
            ino: metadata.ino(),
            path: path.as_os_str().as_bytes().to_vec(),
            deleted: false,
        };
        let mut libraries = Libraries::default();
        let mut out = Vec::new();
        assert!(libraries.describe(std::process::id(), &mapping, 5, &mut out));
        let len = out.len();
        assert!(!libraries.describe(std::process::id(), &mapping, 6, &mut out));
        assert_eq!(out.len(), len);
        let (record, _) = Record::split_first(&out).expect("a record");
        let got: Library = record.payload().expect("a library");
        let text = |at| String::from_utf8(record.str(at).expect("inside").to_vec()).expect("text");
        assert_eq!(
            (text(got.soname), text(got.version), text(got.build_id), text(got.path)),
            (
                "libcrypto.so.3".into(),
                "OpenSSL 3.0.19 27 Jan 2026".into(),
                "0aff".into(),
                path.to_str().expect("text").to_string()
            )
        );
        let mtime = metadata.mtime() as u64 * 1_000_000_000 + metadata.mtime_nsec() as u64;
        assert_eq!((got.size, got.mtime_ns, got.bits), (metadata.len(), mtime, 0));

        std::fs::remove_file(&path).expect("removed");
        libraries.begin_segment();
        let mut again = Vec::new();
        assert!(libraries.describe(std::process::id(), &mapping, 5, &mut again), "described from memory");
        assert_eq!(again, out);
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let mapping = Mapping {
            start: 1,
            end: 2,
            offset: 0,
            dev_major: 8,
            dev_minor: 1,
            ino: 1,
            path: b"/nowhere/libssl.so.3".to_vec(),
            deleted: true,
        };
        let mut out = Vec::new();
        assert!(Libraries::default().describe(std::process::id(), &mapping, 5, &mut out));
        let (record, _) = Record::split_first(&out).expect("a record");
        let got: Library = record.payload().expect("a library");
        assert_eq!(got.bits, lib_bits::DELETED | lib_bits::UNREADABLE);
    }
}
