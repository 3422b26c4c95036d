//! From executable mappings to loads of crypto libraries: the right files, once per process.
//!
//! Invariants:
//! - A file counts by its own name, and only where it is mapped executable: reading it is no load.
//! - One record per process and file (device and inode) until the process begins a new program or ends.

use crate::api::mapped::Mapped;
use crate::maps::{Mapping, undeleted};
use crate::perf::{self, Item, Mappings};
use crypto_tracer_format::catalogue::libraries::family_of;
use crypto_tracer_format::record::{Builder, Header, LibLoad, lib_bits};
use std::collections::{HashMap, HashSet};

/// Entries of processes whose end was lost must not pile up.
const MOST_PROCESSES: usize = 64 * 1024;

/// A mapping of a crypto library, kept until it is its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// When.
    pub time_ns: u64,
    /// Of which process.
    pub tgid: u32,
    /// By which thread.
    pub tid: u32,
    /// What, and where.
    pub mapping: Mapping,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Loads {
    waiting: Vec<Load>,
    /// Every executable mapping of a file, where that is asked for.
    pub mapped: Option<Vec<Mapped>>,
    seen: HashMap<u32, HashSet<(u32, u32, u64)>>,
    /// Records that the kernel could not keep.
    pub lost: u64,
    /// Records that make no sense.
    pub malformed: u64,
}

impl Loads {
    /// Takes what the rings hold now.
    pub fn drain(&mut self, rings: &mut Mappings) {
        rings.drain(|item| match item {
            Item::Mapping(mapping) => {
                self.waiting.extend(crypto_library(&mapping));
                if let Some(mapped) = &mut self.mapped {
                    let time_ns = Some(mapping.time_ns);
                    let file =
                        file(&mapping).map(|file| Mapped { tgid: mapping.tgid, mapping: file, time_ns });
                    mapped.extend(file);
                }
            }
            Item::Lost(count) => self.lost = self.lost.saturating_add(count),
            Item::Malformed => self.malformed = self.malformed.saturating_add(1),
        });
        self.waiting.sort_by_key(|load| load.time_ns);
    }

    /// Those that came before this time, oldest first, each once per process.
    pub fn before(&mut self, time_ns: u64) -> Vec<Load> {
        if self.waiting.first().is_none_or(|load| load.time_ns >= time_ns) {
            return Vec::new();
        }
        let count = self.waiting.partition_point(|load| load.time_ns < time_ns);
        let seen = &mut self.seen;
        if seen.len() > MOST_PROCESSES {
            seen.clear();
        }
        let new = |load: &Load| seen.entry(load.tgid).or_default().insert(load.mapping.file());
        self.waiting.drain(..count).filter(new).collect()
    }

    /// The process begins a new program, or ends: what it loads from now on is new.
    pub fn forget(&mut self, tgid: u32) {
        self.seen.remove(&tgid);
    }
}

impl Load {
    /// Appends the record.
    pub fn put(&self, header: &Header, out: &mut Vec<u8>) {
        let header = Header { time_ns: self.time_ns, tgid: self.tgid, tid: self.tid, ..*header };
        let mut builder = Builder::new(out);
        let mapping = &self.mapping;
        let payload = LibLoad {
            ino: mapping.ino,
            dev_major: mapping.dev_major,
            dev_minor: mapping.dev_minor,
            addr: mapping.start,
            len: mapping.end.saturating_sub(mapping.start),
            offset: mapping.offset,
            bits: if mapping.deleted { lib_bits::DELETED } else { 0 },
            path: builder.string(&mapping.path),
        };
        // Strings are cut to fit, so this can't fail; if it did, `out` is as it was.
        let _ = builder.finish(&header, &payload);
    }
}

/// What was mapped, if it is a file.
fn file(mapped: &perf::Mapping<'_>) -> Option<Mapping> {
    let (path, deleted) = undeleted(mapped.path);
    path.starts_with(b"/").then(|| Mapping {
        start: mapped.addr,
        end: mapped.addr.saturating_add(mapped.len),
        offset: mapped.offset,
        dev_major: mapped.dev_major,
        dev_minor: mapped.dev_minor,
        ino: mapped.ino,
        path: path.to_vec(),
        deleted,
    })
}

fn crypto_library(mapped: &perf::Mapping<'_>) -> Option<Load> {
    family_of(undeleted(mapped.path).0)?;
    let (time_ns, tgid, tid) = (mapped.time_ns, mapped.tgid, mapped.tid);
    file(mapped).map(|mapping| Load { time_ns, tgid, tid, mapping })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(time_ns: u64, tgid: u32, ino: u64, path: &[u8]) -> perf::Mapping<'_> {
        perf::Mapping {
            time_ns,
            tgid,
            tid: tgid,
            addr: 0,
            len: 0,
            offset: 0,
            dev_major: 8,
            dev_minor: 1,
            ino,
            path,
        }
    }

    #[test]
    fn only_crypto_libraries_count() {
        assert!(crypto_library(&mapping(1, 1, 1, b"/usr/lib/libssl.so.3")).is_some());
        assert!(crypto_library(&mapping(1, 1, 1, b"/usr/lib/libc.so.6")).is_none());
        assert!(crypto_library(&mapping(1, 1, 1, b"//anon")).is_none());
        assert!(crypto_library(&mapping(1, 1, 1, b"[vdso]")).is_none());
        let gone = crypto_library(&mapping(1, 1, 1, b"/tmp/libssl.so.3 (deleted)")).expect("a library");
        assert_eq!((gone.mapping.path.as_slice(), gone.mapping.deleted), (&b"/tmp/libssl.so.3"[..], true));
    }

    #[test]
    fn once_per_process_and_file_until_it_begins_anew() {
        let mut loads = Loads::default();
        let put = |loads: &mut Loads, time, tgid, ino| {
            loads.waiting.extend(crypto_library(&mapping(time, tgid, ino, b"/usr/lib/libssl.so.3")));
            loads.before(u64::MAX).len()
        };
        assert_eq!(put(&mut loads, 1, 7, 100), 1);
        assert_eq!(put(&mut loads, 2, 7, 100), 0);
        assert_eq!(put(&mut loads, 3, 7, 101), 1);
        assert_eq!(put(&mut loads, 4, 8, 100), 1);
        loads.forget(7);
        assert_eq!(put(&mut loads, 5, 7, 100), 1);
    }

    #[test]
    fn each_waits_for_its_turn() {
        let mut loads = Loads::default();
        for time in [10, 20] {
            loads.waiting.extend(crypto_library(&mapping(time, 7, time, b"/usr/lib/libssl.so.3")));
        }
        assert!(loads.before(10).is_empty());
        assert_eq!(loads.before(11).len(), 1);
        assert_eq!(loads.before(u64::MAX).len(), 1);
    }
}
