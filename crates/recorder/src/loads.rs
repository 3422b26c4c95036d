//! From executable mappings to loads of crypto libraries: the right files, once per process.
//!
//! Invariants:
//! - A file counts by its own name, and only where it is mapped executable: reading it is no load.
//! - One record per process and file (device and inode) until the process begins a new program or ends.

use crate::api::Mapped;
use crate::perf::{Item, Mapping, Mappings};
use crypto_tracer_format::catalogue::libraries::family_of;
use crypto_tracer_format::record::{Builder, Header, LibLoad, lib_bits};
use std::collections::{HashMap, HashSet};

/// What the kernel puts behind the path of a deleted file; of one that is replaced too, once it is.
const DELETED: &[u8] = b" (deleted)";
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
    /// The record, without its path.
    pub payload: LibLoad,
    /// The file.
    pub path: Vec<u8>,
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
                    mapped.extend(file(&mapping));
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
        let new = |load: &Load| {
            let file = (load.payload.dev_major, load.payload.dev_minor, load.payload.ino);
            seen.entry(load.tgid).or_default().insert(file)
        };
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
        let payload = LibLoad { path: builder.string(&self.path), ..self.payload };
        // Strings are cut to fit, so this can't fail; if it did, `out` is as it was.
        let _ = builder.finish(&header, &payload);
    }
}

fn file(mapping: &Mapping<'_>) -> Option<Mapped> {
    let (path, deleted) = match mapping.path.strip_suffix(DELETED) {
        Some(path) => (path, true),
        None => (mapping.path, false),
    };
    (path.first() == Some(&b'/') && mapping.ino != 0).then(|| Mapped {
        tgid: mapping.tgid,
        range: (mapping.addr, mapping.addr.saturating_add(mapping.len)),
        dev: (mapping.dev_major, mapping.dev_minor),
        ino: mapping.ino,
        path: path.to_vec(),
        deleted,
        time_ns: Some(mapping.time_ns),
    })
}

fn crypto_library(mapping: &Mapping<'_>) -> Option<Load> {
    let (path, deleted) = match mapping.path.strip_suffix(DELETED) {
        Some(path) => (path, true),
        None => (mapping.path, false),
    };
    if path.first() != Some(&b'/') {
        return None;
    }
    family_of(path)?;
    Some(Load {
        time_ns: mapping.time_ns,
        tgid: mapping.tgid,
        tid: mapping.tid,
        payload: LibLoad {
            ino: mapping.ino,
            dev_major: mapping.dev_major,
            dev_minor: mapping.dev_minor,
            addr: mapping.addr,
            len: mapping.len,
            offset: mapping.offset,
            bits: if deleted { lib_bits::DELETED } else { 0 },
            ..LibLoad::default()
        },
        path: path.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(time_ns: u64, tgid: u32, ino: u64, path: &[u8]) -> Mapping<'_> {
        Mapping {
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
        assert_eq!((gone.path.as_slice(), gone.payload.bits), (&b"/tmp/libssl.so.3"[..], lib_bits::DELETED));
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
