//! Who: hosts, processes, and the states that a process goes through.
//!
//! Invariants:
//! - An id is given once per run and never again. A [`Process`] may become known better (its start, its program); its id stays.
//! - With the host, (tgid, start in hundredths of a second) names a process for ever; see [`Process::key`].
//! - A [`State`] never changes once it was handed out.

use std::sync::Arc;

/// Bytes that several things share.
pub type Bytes = Arc<[u8]>;

/// Number of a host in this run, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(pub u32);

/// Number of a process in this run, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// Number of a state in this run, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId(pub u32);

/// Number of a segment in this run, from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(pub u32);

/// A boot of a host, as a host record tells it. Texts may be empty. Two captures of one boot are one host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Its number in this run.
    pub id: HostId,
    /// Which boot: /proc/sys/kernel/random/boot_id.
    pub boot_id: String,
    /// Name of the host.
    pub hostname: String,
    /// Kernel release.
    pub kernel: String,
    /// Machine.
    pub machine: String,
    /// Name of the distribution.
    pub os: String,
    /// Name and version of the recorder.
    pub recorder: String,
    /// The filters and options in force.
    pub options: String,
    /// What was redacted when recording: bits of [`redaction`](crypto_tracer_format::record::redaction).
    pub redaction: u32,
    /// Number of processors.
    pub cpus: u32,
    /// The clock of all `time_ns`: 7 CLOCK_BOOTTIME, 1 CLOCK_MONOTONIC.
    pub clock_id: u32,
    /// Version of the record schema.
    pub schema: (u16, u16),
}

/// A process, as far as the capture tells up to now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its number in this run.
    pub id: ProcessId,
    /// Where it ran.
    pub host: HostId,
    /// Thread group id (what people call the pid).
    pub tgid: u32,
    /// When it started, on the capture's clock; exact if an event told it, else in steps of 10 ms; 0: not known.
    pub start_ns: u64,
    /// When it started, in UTC.
    pub start_wall_ns: Option<i64>,
    /// The parent's tgid, as last known.
    pub ppid: Option<u32>,
    /// When the parent started, on the capture's clock; 0: not known.
    pub parent_start_ns: u64,
    /// Its name, as last known.
    pub name: Bytes,
    /// The program file; `None`: not known.
    pub exe: Option<Bytes>,
    /// The arguments, each ended by NUL; `None`: not known.
    pub argv: Option<Bytes>,
    /// Length of the whole command line, also where `argv` is cut.
    pub argv_len: u32,
    /// Bits of [`process_bits`](crypto_tracer_format::record::process_bits).
    pub bits: u32,
    /// Real user id.
    pub uid: Option<u32>,
    /// Real group id.
    pub gid: Option<u32>,
    /// The cgroup's path, where the capture tells it.
    pub cgroup: Option<Bytes>,
    /// The container, from the cgroup's path.
    pub container: Option<Arc<str>>,
    /// The first time it was seen or did something, on the capture's clock.
    pub first_seen_ns: u64,
    /// `first_seen_ns` in UTC.
    pub first_seen_wall_ns: Option<i64>,
    /// A scan of /proc has seen it.
    pub in_baseline: bool,
    /// The capture saw it being created or beginning its program.
    pub start_seen: bool,
    /// How it ended, if the capture saw it.
    pub exit: Option<Exit>,
}

impl Process {
    /// Start in hundredths of a second; 0: not known.
    pub fn start_ticks(&self) -> u64 {
        self.start_ns / crypto_tracer_format::record::TICK_NS
    }

    /// What names the process for ever, within its host: tgid and start in hundredths of a second.
    pub fn key(&self) -> (u32, u64) {
        (self.tgid, self.start_ticks())
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// When, on the capture's clock.
    pub time_ns: u64,
    /// When, in UTC.
    pub wall_ns: Option<i64>,
    /// What it gave to exit(2); 0 where a signal ended it.
    pub code: i32,
    /// The signal that ended it; 0: none.
    pub signal: u32,
}

/// What an event shows of its process: how that was at the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Its number in this run.
    pub id: StateId,
    /// Whose it is.
    pub process: ProcessId,
    /// The pid.
    pub tgid: u32,
    /// The parent's pid; `None`: not known.
    pub ppid: Option<u32>,
    /// Real user id; `None`: not known.
    pub uid: Option<u32>,
    /// Real group id; `None`: not known.
    pub gid: Option<u32>,
    /// The process's name; empty: not known. Any bytes.
    pub name: Bytes,
    /// The container's id or name; `None`: in none, or not known.
    pub container: Option<Arc<str>>,
}
