//! What a sink gets: events in time order, each with the process it belongs to and that process's state at the time.
//!
//! Invariants:
//! - An event borrows its bytes from the block it was read from (or from a scratch buffer): nothing is allocated for it.
//!   A sink that keeps something copies it.
//! - Everything that is printed of an event is in [`Event`], its [`State`] and its [`Host`](crate::identity::Host). A state
//!   never changes once it was handed out, so that an event read back from a database prints as it did from the capture.
//! - Paths are as they are shown: absolute where the directory was known, without `.`, `..` and double slashes, redacted.

mod api;
mod kernel;
mod tls;

pub use api::ApiCall;
pub use kernel::KernelCrypto;
pub use tls::{Alert, Endpoint, TlsHandshake};

use crypto_tracer_format::catalogue::FileType;

use crate::identity::{HostId, Process, SegmentId, State};

/// One event.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The host that it happened on.
    pub host: HostId,
    /// The segment that told it: a store replaces segments as a whole.
    pub segment: SegmentId,
    /// When, on the capture's own clock (nanoseconds of CLOCK_BOOTTIME).
    pub time_ns: u64,
    /// When, in UTC: nanoseconds since 1970-01-01T00:00:00Z. `None`: the capture holds no clock record that tells.
    pub wall_ns: Option<i64>,
    /// Who did it. `None` for what no process did (a loss).
    pub actor: Option<Actor<'a>>,
    /// What happened.
    pub body: Body<'a>,
}

/// The process of an event, and how it was at that time.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// What is known of the process so far. May have grown when the next event comes.
    pub process: &'a Process,
    /// What an event shows of its process. Never changes; a process that changes gets another one.
    pub state: &'a State,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A file was opened, or could not be.
    FileOpen(FileOpen<'a>),
    /// A crypto library was mapped executable.
    LibLoad(LibLoad<'a>),
    /// The actor was created; its parent is in its state.
    ProcessFork,
    /// The actor began a new program.
    ProcessExec(ProcessExec<'a>),
    /// The actor ended.
    ProcessExit(ProcessExit),
    /// A library's function was called, once or so many times.
    ApiCall(ApiCall<'a>),
    /// A TLS handshake ended, well or not.
    TlsHandshake(TlsHandshake<'a>),
    /// Cryptography of the kernel was asked for.
    KernelCrypto(KernelCrypto<'a>),
    /// Something is missing from the capture.
    Loss(Loss),
}

impl Body<'_> {
    /// The name of the type, as `event_type` and `--type` have it.
    pub fn type_name(&self) -> &'static str {
        self.event_type().name()
    }

    /// The type.
    pub fn event_type(&self) -> EventType {
        match self {
            Body::FileOpen(_) => EventType::FileOpen,
            Body::LibLoad(_) => EventType::LibLoad,
            Body::ProcessFork => EventType::ProcessFork,
            Body::ProcessExec(_) => EventType::ProcessExec,
            Body::ProcessExit(_) => EventType::ProcessExit,
            Body::ApiCall(_) => EventType::ApiCall,
            Body::TlsHandshake(_) => EventType::TlsHandshake,
            Body::KernelCrypto(_) => EventType::KernelCrypto,
            Body::Loss(_) => EventType::Loss,
        }
    }
}

/// The types of event. The number is what a database keeps; once given, it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EventType {
    /// See [`Body::Loss`].
    Loss = 3,
    /// See [`Body::FileOpen`].
    FileOpen = 16,
    /// See [`Body::LibLoad`].
    LibLoad = 17,
    /// See [`Body::ProcessFork`].
    ProcessFork = 18,
    /// See [`Body::ProcessExec`].
    ProcessExec = 19,
    /// See [`Body::ProcessExit`].
    ProcessExit = 20,
    /// See [`Body::ApiCall`].
    ApiCall = 21,
    /// See [`Body::TlsHandshake`].
    TlsHandshake = 23,
    /// See [`Body::KernelCrypto`].
    KernelCrypto = 24,
}

impl EventType {
    /// All types, by number.
    pub const ALL: &'static [EventType] = &[
        EventType::Loss,
        EventType::FileOpen,
        EventType::LibLoad,
        EventType::ProcessFork,
        EventType::ProcessExec,
        EventType::ProcessExit,
        EventType::ApiCall,
        EventType::TlsHandshake,
        EventType::KernelCrypto,
    ];

    /// As documents and `--type` write it.
    pub fn name(self) -> &'static str {
        match self {
            EventType::Loss => "loss",
            EventType::FileOpen => "file_open",
            EventType::LibLoad => "lib_load",
            EventType::ProcessFork => "process_fork",
            EventType::ProcessExec => "process_exec",
            EventType::ProcessExit => "process_exit",
            EventType::ApiCall => "api_call",
            EventType::TlsHandshake => "tls_handshake",
            EventType::KernelCrypto => "kernel_crypto",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<EventType> {
        EventType::ALL.iter().copied().find(|t| t.name() == name)
    }

    /// The number that a database keeps: that of the record type.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The type of that number.
    pub fn from_number(number: u8) -> Option<EventType> {
        EventType::ALL.iter().copied().find(|t| t.number() == number)
    }
}

/// An open, openat, openat2 or creat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileOpen<'a> {
    /// The path as it is shown: joined to its directory and normalized.
    pub path: &'a [u8],
    /// The path as the program gave it, where that differs from `path`.
    pub given: Option<&'a [u8]>,
    /// File descriptor, or the negative error number.
    pub result: i32,
    /// Flags of open(2).
    pub flags: u32,
    /// Mode, where a file could be created.
    pub mode: u32,
    /// What the name says of the file.
    pub file_type: FileType,
    /// Bits of [`open_bits`](crypto_tracer_format::record::open_bits).
    pub bits: u32,
}

/// A mapping of a crypto library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LibLoad<'a> {
    /// The file, as the process sees it, without a ` (deleted)` at its end.
    pub path: &'a [u8],
    /// Which file of which disk.
    pub file: FileId,
    /// Where it was mapped.
    pub addr: u64,
    /// Length of the mapping in bytes.
    pub len: u64,
    /// Offset in the file, in bytes.
    pub offset: u64,
    /// Bits of [`lib_bits`](crypto_tracer_format::record::lib_bits).
    pub bits: u32,
}

/// Device and inode of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// Device, major number.
    pub dev_major: u32,
    /// Device, minor number.
    pub dev_minor: u32,
    /// Inode number.
    pub ino: u64,
}

/// A new program. The actor's state is already that of the new program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessExec<'a> {
    /// The program file, absolute; empty where it could not be read.
    pub exe: &'a [u8],
    /// The file as given to execve.
    pub filename: &'a [u8],
    /// The arguments, each ended by NUL.
    pub argv: &'a [u8],
    /// Length of the whole command line, also where `argv` is cut.
    pub argv_len: u32,
    /// Bits of [`process_bits`](crypto_tracer_format::record::process_bits).
    pub bits: u32,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessExit {
    /// What it gave to exit(2); 0 where a signal ended it.
    pub exit_code: i32,
    /// The signal that ended it; 0: none.
    pub signal: u32,
    /// Whether a core was dumped.
    pub core_dumped: bool,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Which fact lost: a [`Fact`](crypto_tracer_format::record::Fact)'s number; [`Loss::CAPTURE`]: whatever was in the damaged part.
    pub fact: u16,
    /// Why: a [`LossReason`](crypto_tracer_format::record::LossReason)'s number; [`Loss::DAMAGED`]: the capture itself is.
    pub reason: u16,
    /// How many records; 0: not known.
    pub count: u64,
    /// Not before this time, on the capture's clock.
    pub from_ns: u64,
    /// Not after this time, on the capture's clock.
    pub to_ns: u64,
    /// `from_ns` in UTC.
    pub from_wall_ns: Option<i64>,
    /// `to_ns` in UTC.
    pub to_wall_ns: Option<i64>,
}

impl Loss {
    /// In [`Loss::fact`]: the capture lost records of any kind. No record has this number.
    pub const CAPTURE: u16 = 0xffff;
    /// In [`Loss::to_ns`]: no end is known.
    pub const OPEN: u64 = u64::MAX;
    /// In [`Loss::reason`]: a part of the capture is damaged or missing. No record has this number.
    pub const DAMAGED: u16 = 0xffff;

    /// What lost and why, in words, from the numbers.
    pub fn names(fact: u16, reason: u16) -> (&'static str, &'static str) {
        let loss =
            Loss { fact, reason, count: 0, from_ns: 0, to_ns: 0, from_wall_ns: None, to_wall_ns: None };
        (loss.fact_name(), loss.reason_name())
    }

    /// What lost, in words.
    pub fn fact_name(&self) -> &'static str {
        match self.fact {
            Loss::CAPTURE => "capture",
            n => crypto_tracer_format::record::Fact::from_number(n).map_or("unknown", |f| f.name()),
        }
    }

    /// Why, in words.
    pub fn reason_name(&self) -> &'static str {
        match self.reason {
            Loss::DAMAGED => "capture damaged",
            n => crypto_tracer_format::record::LossReason::from_number(n).map_or("unknown", |r| r.name()),
        }
    }
}
