//! What the kernel programs keep in tables: counts of calls, and calls that did not succeed yet.
//!
//! Invariants:
//! - Counts in the kernel only grow, and this is what is written: how much they grew. So none falls between a reading
//!   and a deletion.
//! - What a process left behind is written and removed once the process has ended: then nothing of it changes any more.
//! - A record is dated when it is written, so that a reader that orders by time has not yet let go of that time.

use super::call;
use crate::clocks::now_ns;
use crate::objects::Objects;
use crate::probes::object::Loaded;
use crypto_tracer_format::record::{ApiCount, Builder, Header};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use std::collections::{HashMap, HashSet};

/// Size of `struct ct_api_count_key`.
pub const KEY_BYTES: usize = 40;
/// Size of `struct ct_api_counted`.
pub const COUNTED_BYTES: usize = 64;
/// Size of `struct ct_api_object`.
const OBJECT_BYTES: usize = 16;

/// Offset and size of each field of `struct ct_api_count_key`, for the layout test.
pub const KEY_FIELDS: &[(&str, usize, usize)] = &[
    ("start_ns", 0, 8),
    ("tgid", 8, 4),
    ("function", 12, 4),
    ("library", 16, 4),
    ("bits", 20, 4),
    ("n0", 24, 8),
    ("n1", 32, 8),
];

/// Offset and size of each field of `struct ct_api_counted`, for the layout test.
pub const COUNTED_FIELDS: &[(&str, usize, usize)] = &[
    ("count", 0, 8),
    ("from_ns", 8, 8),
    ("to_ns", 16, 8),
    ("cgroup", 24, 8),
    ("tid", 32, 4),
    ("uid", 36, 4),
    ("gid", 40, 4),
    ("reserved", 44, 4),
    ("comm", 48, 16),
];

/// See the module.
#[derive(Debug)]
pub struct Counts {
    counts: MapHandle,
    tries: MapHandle,
    /// How much of each was written, and when it was read.
    written: HashMap<Vec<u8>, (u64, u64)>,
}

/// Which processes are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// All that run: nothing is removed.
    All,
    /// Of those that ended: what they left is removed.
    Ended,
    /// Nothing runs any more that could be seen: what is left is told.
    Last,
}

impl Counts {
    pub(crate) fn new(loaded: &Loaded) -> Option<Counts> {
        let (counts, tries) = (loaded.handle("api_counts")?, loaded.handle("api_tries")?);
        Some(Counts { counts, tries, written: HashMap::new() })
    }

    /// Appends a record for each count that grew.
    pub(super) fn counts(&mut self, whose: Whose, ended: &HashSet<u32>, out: &mut Vec<u8>) {
        let mut gone = Vec::new();
        for key in self.counts.keys() {
            let over = match whose {
                Whose::Last => true,
                Whose::All | Whose::Ended => ended.contains(&u32_at(&key, 8)),
            };
            if whose == Whose::Ended && !over {
                continue;
            }
            let read_from_ns = now_ns();
            let Ok(Some(counted)) = self.counts.lookup(&key, MapFlags::ANY) else { continue };
            let (count, to_ns) = (u64_at(&counted, 0), u64_at(&counted, 16));
            let (before, read_ns) = self.written.get(&key).copied().unwrap_or((0, u64_at(&counted, 8)));
            let grown = count.saturating_sub(before);
            if grown > 0 {
                put(out, &key, &counted, grown, read_ns.min(to_ns));
            }
            if over {
                gone.push(key);
            } else {
                self.written.insert(key, (count, read_from_ns));
            }
        }
        for key in gone {
            self.written.remove(&key);
            // It may have been removed by another already.
            let _ = self.counts.delete(&key);
        }
    }

    /// Appends the record of each call that will not be tried again: all of a process that ended.
    pub(super) fn failed(
        &mut self,
        whose: Whose,
        ended: &HashSet<u32>,
        objects: &Objects,
        out: &mut Vec<u8>,
    ) {
        let over = |key: &Vec<u8>| {
            key.len() == OBJECT_BYTES && (whose == Whose::Last || ended.contains(&u32_at(key, 0)))
        };
        let keys: Vec<Vec<u8>> = self.tries.keys().filter(over).collect();
        for key in keys {
            let tried = self.tries.lookup(&key, MapFlags::ANY).ok().flatten();
            if let Some(mut tried) = tried.filter(|tried| !call::was_told(tried)) {
                call::date(&mut tried, now_ns());
                call::name_objects(&mut tried, objects);
                out.extend_from_slice(&tried);
            }
            // Of a process that ended: nobody else removes it.
            let _ = self.tries.delete(&key);
        }
    }
}

fn put(out: &mut Vec<u8>, key: &[u8], counted: &[u8], count: u64, from_ns: u64) {
    let mut header = Header {
        time_ns: now_ns(),
        tgid: u32_at(key, 8),
        tid: u32_at(counted, 32),
        uid: u32_at(counted, 36),
        gid: u32_at(counted, 40),
        start_ns: u64_at(key, 0),
        cgroup: u64_at(counted, 24),
        ..Header::default()
    };
    for (to, from) in header.comm.iter_mut().zip(counted.get(48..).unwrap_or_default()) {
        *to = *from;
    }
    let payload = ApiCount {
        function: u32_at(key, 12),
        library: u32_at(key, 16),
        count,
        from_ns,
        to_ns: u64_at(counted, 16),
        n0: u64_at(key, 24) as i64,
        n1: u64_at(key, 32) as i64,
        bits: u32_at(key, 20),
        reserved: 0,
    };
    // There are no strings that could be too long.
    let _ = Builder::new(out).finish(&header, &payload);
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    b.get(at..at.saturating_add(4)).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    b.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_ne_bytes)
}
