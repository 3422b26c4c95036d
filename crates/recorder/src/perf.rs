//! The kernel's own record of executable mappings: perf MMAP2 records, one ring per processor, no program.
//!
//! Invariants:
//! - A ring is read only between its tail, which is ours, and its head, which the kernel moved before we looked.
//! - Records are copied out before they are looked at; every length in them is checked against what was copied.
//! - What the kernel could not fit comes as a LOST record and is counted.
//!
//! Layouts and numbers: include/uapi/linux/perf_event.h.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};

const PERF_TYPE_SOFTWARE: u32 = 1;
const PERF_COUNT_SW_DUMMY: u64 = 9;
const SAMPLE_TID: u64 = 1 << 1;
const SAMPLE_TIME: u64 = 1 << 2;
const RECORD_LOST: u32 = 2;
const RECORD_MMAP2: u32 = 10;
/// Where `data_head` and `data_tail` lie in the first page of the mapping.
const HEAD_AT: usize = 1024;
const TAIL_AT: usize = 1032;
/// The sample id after each record: pid, tid, time.
const SAMPLE_ID: usize = 16;
/// A MMAP2 record up to its file name.
const MMAP2_FIXED: usize = 72;

/// struct perf_event_attr, version 5 (112 bytes).
#[repr(C)]
#[derive(Default)]
struct Attr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_watermark: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
    branch_sample_type: u64,
    sample_regs_user: u64,
    sample_stack_user: u32,
    clockid: i32,
    sample_regs_intr: u64,
    aux_watermark: u32,
    sample_max_stack: u16,
    reserved: u16,
}

/// The bits of `flags` that are used: their positions in the bit field.
mod flag {
    pub const EXCLUDE_KERNEL: u64 = 1 << 5;
    pub const EXCLUDE_HV: u64 = 1 << 6;
    pub const MMAP: u64 = 1 << 8;
    pub const WATERMARK: u64 = 1 << 14;
    pub const SAMPLE_ID_ALL: u64 = 1 << 18;
    pub const MMAP2: u64 = 1 << 23;
    pub const USE_CLOCKID: u64 = 1 << 25;
}

/// One executable mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping<'a> {
    /// When, nanoseconds of CLOCK_BOOTTIME.
    pub time_ns: u64,
    /// The process.
    pub tgid: u32,
    /// The thread.
    pub tid: u32,
    /// Where.
    pub addr: u64,
    /// Length in bytes.
    pub len: u64,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Device, major number.
    pub dev_major: u32,
    /// Device, minor number.
    pub dev_minor: u32,
    /// Inode number.
    pub ino: u64,
    /// The file, as the process sees it.
    pub path: &'a [u8],
}

/// What a ring gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A mapping.
    Mapping(Mapping<'a>),
    /// So many records were lost.
    Lost(u64),
    /// A record that can't be made sense of.
    Malformed,
}

/// The rings of all processors.
#[derive(Debug)]
pub struct Mappings {
    rings: Vec<Ring>,
    record: Vec<u8>,
}

#[derive(Debug)]
struct Ring {
    fd: OwnedFd,
    base: *mut libc::c_void,
    mapped: usize,
    page: usize,
    data: usize,
}

impl Mappings {
    /// Opens a ring on every processor that is online. `data_bytes` per ring: a power of two of pages. `at_once`: the reader
    /// is woken by every mapping, not only when a ring is half full.
    ///
    /// # Errors
    /// What the kernel said: EACCES or EPERM where perf events aren't permitted.
    pub fn open(data_bytes: usize, at_once: bool) -> std::io::Result<Mappings> {
        let open = |cpu| Ring::open(cpu, data_bytes, at_once);
        let rings = online().into_iter().map(open).collect::<Result<_, _>>()?;
        Ok(Mappings { rings, record: Vec::with_capacity(65536) })
    }

    /// The file descriptors: readable when a ring is half full, or holds anything.
    pub fn fds(&self) -> impl Iterator<Item = i32> + '_ {
        self.rings.iter().map(|ring| ring.fd.as_raw_fd())
    }

    /// Hands over what is there now; nothing that comes in the meantime.
    pub fn drain(&mut self, mut take: impl FnMut(Item<'_>)) {
        for ring in &mut self.rings {
            let (head, mut tail) = ring.span();
            while tail < head {
                let mut size = [0; 8];
                ring.copy(tail, &mut size);
                let len = u16::from_le_bytes([size[6], size[7]]) as usize;
                if len < 8 || (len as u64) > head - tail {
                    take(Item::Malformed);
                    tail = head;
                    break;
                }
                self.record.resize(len, 0);
                ring.copy(tail, &mut self.record);
                tail += len as u64;
                if let Some(item) = parse(&self.record) {
                    take(item);
                }
            }
            ring.give_back(tail);
        }
    }
}

impl Ring {
    fn open(cpu: i32, data: usize, at_once: bool) -> std::io::Result<Ring> {
        let attr = Attr {
            kind: PERF_TYPE_SOFTWARE,
            size: size_of::<Attr>() as u32,
            config: PERF_COUNT_SW_DUMMY,
            sample_type: SAMPLE_TID | SAMPLE_TIME,
            flags: flag::EXCLUDE_KERNEL
                | flag::EXCLUDE_HV
                | flag::MMAP
                | flag::MMAP2
                | flag::WATERMARK
                | flag::SAMPLE_ID_ALL
                | flag::USE_CLOCKID,
            wakeup_watermark: if at_once { 1 } else { (data / 2) as u32 },
            clockid: libc::CLOCK_BOOTTIME,
            ..Attr::default()
        };
        const FLAG_FD_CLOEXEC: libc::c_ulong = 8;
        // SAFETY: the kernel reads `size` bytes of `attr`, which lives until the call returns; the result is checked.
        let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &attr, -1, cpu, -1, FLAG_FD_CLOEXEC) };
        if fd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: the kernel just made this descriptor for us; nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        // SAFETY: sysconf has no preconditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let mapped = page + data;
        // SAFETY: a new shared mapping of a descriptor that we own; the result is checked.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                mapped,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Ring { fd, base, mapped, page, data })
    }

    fn counter(&self, at: usize) -> &AtomicU64 {
        // SAFETY: the first page of the mapping is at least 4,096 bytes and lives as long as `self`; both counters are
        // aligned to 8 bytes, and the kernel accesses them atomically too.
        unsafe { &*self.base.cast::<u8>().add(at).cast::<AtomicU64>() }
    }

    /// Head and tail. The acquiring load orders our reads of the data after it.
    fn span(&self) -> (u64, u64) {
        (self.counter(HEAD_AT).load(Ordering::Acquire), self.counter(TAIL_AT).load(Ordering::Relaxed))
    }

    /// Everything before `tail` may be overwritten.
    fn give_back(&self, tail: u64) {
        self.counter(TAIL_AT).store(tail, Ordering::Release);
    }

    /// Copies from ring position `from`, around the end where it must be.
    fn copy(&self, from: u64, to: &mut [u8]) {
        let start = (from % self.data as u64) as usize;
        let first = to.len().min(self.data - start);
        // SAFETY: the data area begins after the first page and is `self.data` bytes long; `start < self.data`, both
        // copies stay within it since `to` is at most a record (64 KiB) and rings are larger; between tail and head the
        // kernel doesn't write.
        unsafe {
            let data = self.base.cast::<u8>().add(self.page);
            std::ptr::copy_nonoverlapping(data.add(start), to.as_mut_ptr(), first);
            std::ptr::copy_nonoverlapping(data, to.as_mut_ptr().add(first), to.len() - first);
        }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `open` with this length and is used no more.
        unsafe { libc::munmap(self.base, self.mapped) };
    }
}

/// The processors that are online: /sys/devices/system/cpu/online, e.g. `0-3,6`.
fn online() -> Vec<i32> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_else(|_| "0".into());
    cpu_list(text.trim())
}

fn cpu_list(text: &str) -> Vec<i32> {
    text.split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse::<i32>().ok()?..=last.parse::<i32>().ok()?)
        })
        .flatten()
        .collect()
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    b.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    b.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// Makes sense of one record; `None`: of a type that was not asked for.
fn parse(record: &[u8]) -> Option<Item<'_>> {
    match u32_at(record, 0) {
        RECORD_LOST if record.len() >= 24 => Some(Item::Lost(u64_at(record, 16))),
        RECORD_MMAP2 if record.len() >= MMAP2_FIXED + SAMPLE_ID => {
            let end = record.len() - SAMPLE_ID;
            let name = &record[MMAP2_FIXED..end];
            let path = &name[..name.iter().position(|&b| b == 0).unwrap_or(name.len())];
            Some(Item::Mapping(Mapping {
                time_ns: u64_at(record, end + 8),
                tgid: u32_at(record, 8),
                tid: u32_at(record, 12),
                addr: u64_at(record, 16),
                len: u64_at(record, 24),
                offset: u64_at(record, 32),
                dev_major: u32_at(record, 40),
                dev_minor: u32_at(record, 44),
                ino: u64_at(record, 48),
                path,
            }))
        }
        RECORD_LOST | RECORD_MMAP2 => Some(Item::Malformed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attr_is_version_5() {
        assert_eq!(size_of::<Attr>(), 112);
    }

    #[test]
    fn cpu_lists() {
        assert_eq!(cpu_list("0"), [0]);
        assert_eq!(cpu_list("0-2,5"), [0, 1, 2, 5]);
        assert_eq!(cpu_list(""), Vec::<i32>::new());
    }

    #[test]
    fn a_mapping_is_read_and_a_short_one_refused() {
        let mut record = vec![];
        record.extend(RECORD_MMAP2.to_le_bytes());
        record.extend([0, 0, 0, 0]);
        record.extend(7u32.to_le_bytes());
        record.extend(8u32.to_le_bytes());
        for value in [0x1000u64, 0x2000, 0x3000] {
            record.extend(value.to_le_bytes());
        }
        record.extend(8u32.to_le_bytes());
        record.extend(1u32.to_le_bytes());
        record.extend(99u64.to_le_bytes());
        record.extend([0; 16]);
        record.extend(b"/lib/libssl.so.3");
        record.extend([0; 8]);
        record.extend([0; 8]);
        record.extend(12345u64.to_le_bytes());
        let Some(Item::Mapping(m)) = parse(&record) else { panic!("a mapping") };
        assert_eq!((m.tgid, m.tid, m.addr, m.len, m.offset), (7, 8, 0x1000, 0x2000, 0x3000));
        assert_eq!((m.dev_major, m.dev_minor, m.ino, m.time_ns), (8, 1, 99, 12345));
        assert_eq!(m.path, b"/lib/libssl.so.3");
        for len in 0..MMAP2_FIXED + SAMPLE_ID {
            assert!(!matches!(parse(&record[..len]), Some(Item::Mapping(_))), "{len}");
        }
    }
}
