//! Where a capture's contents go, and where they come from.
//!
//! Invariants, which every [`Source`] keeps:
//! - [`Sink::segment`] comes after its host's [`Sink::host`] and before anything that names the segment; what comes before any
//!   host record (a damaged capture) belongs to a segment of an empty boot id.
//! - [`Sink::host`] comes before anything that names the host, [`Sink::process`] before anything that names the process,
//!   [`Sink::state`] before the first event that names the state. `host` and `process` come again when more is known (same id).
//! - Events come in time order: within a capture by its clock, across captures by UTC. Records at the same time keep their order.
//! - What is no event (probes, baseline, marks, names) comes as soon as it is read: often before events that are older.
//! - [`Sink::finish`] comes once, last, unless the source failed.

use crypto_tracer_format::record::{ApiRecorded, Fact, HostFact, MarkKind, ProbeState};

use crate::AnalyzeError;
use crate::coverage::Coverage;
use crate::event::{Event, FileId};
use crate::identity::{Host, HostId, Process, ProcessId, SegmentId, State};

/// Takes what a capture holds. What a sink does not care for, it leaves at the default, which does nothing.
pub trait Sink {
    /// A segment begins. The answer says whether to read it: a store that has it already skips it.
    ///
    /// # Errors
    /// What the sink could not do.
    fn segment(&mut self, _segment: &Segment) -> Result<Take, AnalyzeError> {
        Ok(Take::Read)
    }

    /// A host, new or described anew.
    ///
    /// # Errors
    /// What the sink could not do.
    fn host(&mut self, _host: &Host) -> Result<(), AnalyzeError> {
        Ok(())
    }

    /// A process, new or known better. The last call for an id tells all that the capture does.
    ///
    /// # Errors
    /// What the sink could not do.
    fn process(&mut self, _process: &Process) -> Result<(), AnalyzeError> {
        Ok(())
    }

    /// A new state of a process.
    ///
    /// # Errors
    /// What the sink could not do.
    fn state(&mut self, _state: &State) -> Result<(), AnalyzeError> {
        Ok(())
    }

    /// The next event.
    ///
    /// # Errors
    /// What the sink could not do.
    fn event(&mut self, event: &Event<'_>) -> Result<(), AnalyzeError>;

    /// Something that is no event.
    ///
    /// # Errors
    /// What the sink could not do.
    fn note(&mut self, _note: &Note<'_>) -> Result<(), AnalyzeError> {
        Ok(())
    }

    /// Whether what was written should reach the reader now: called when a pipe has no more for the moment, or a block is done.
    ///
    /// # Errors
    /// What the sink could not do.
    fn pause(&mut self) -> Result<(), AnalyzeError> {
        Ok(())
    }

    /// All was read: what the inputs held, and what they lacked.
    ///
    /// # Errors
    /// What the sink could not do.
    fn finish(&mut self, _coverage: &Coverage) -> Result<(), AnalyzeError> {
        Ok(())
    }
}

/// A sink's answer to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Read it.
    Read,
    /// Leave it out.
    Skip,
}

/// A part of a capture that starts with a host record. The boot and the time of that record name it for ever,
/// also after its navigation frames were lost (`zstd -dc x | zstd`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its number in this run: events and notes name it.
    pub id: SegmentId,
    /// The input it comes from: index in [`Coverage::inputs`].
    pub input: usize,
    /// The host.
    pub host: HostId,
    /// Which boot.
    pub boot_id: String,
    /// The time of its host record, on the capture's clock.
    pub began_ns: u64,
    /// Id of the recording, where a frame told it.
    pub capture_id: Option<[u8; 16]>,
    /// Number of the segment in the recording, where a frame told it.
    pub number: Option<u32>,
}

/// What is in a capture besides events. Texts are lossless bytes where they may be anything.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// The host it is about.
    pub host: HostId,
    /// The segment that tells it.
    pub segment: SegmentId,
    /// When, on the capture's clock.
    pub time_ns: u64,
    /// When, in UTC.
    pub wall_ns: Option<i64>,
    /// What it says.
    pub body: NoteBody<'a>,
}

/// See [`Note`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteBody<'a> {
    /// How a probe fared. Repeated in every segment.
    Probe {
        /// What it is there to see.
        fact: Option<Fact>,
        /// How it fared.
        state: Option<ProbeState>,
        /// The error number of the attempt; 0: none.
        errno: i32,
        /// The probe's name.
        probe: &'a [u8],
        /// What can be known or done about it.
        reason: &'a [u8],
    },
    /// A moment in the life of the recording.
    Mark {
        /// Which.
        mark: MarkKind,
        /// In words.
        text: &'a [u8],
    },
    /// The same moment on another clock.
    Clock {
        /// CLOCK_REALTIME, nanoseconds since 1970.
        realtime_ns: u64,
    },
    /// A crypto library that a process had mapped when a segment began.
    Mapping {
        /// The process.
        process: ProcessId,
        /// The file, as the process sees it, without a ` (deleted)` at its end.
        path: &'a [u8],
        /// Device and inode.
        file: FileId,
        /// Bits of [`lib_bits`](crypto_tracer_format::record::lib_bits).
        bits: u32,
        /// An earlier segment's scan has told the same of the same program.
        repeated: bool,
    },
    /// A crypto file that a process had open when a segment began.
    OpenFile {
        /// The process.
        process: ProcessId,
        /// The file, as the process sees it, without a ` (deleted)` at its end.
        path: &'a [u8],
        /// The file descriptor.
        fd: i32,
        /// Flags of open(2).
        flags: u32,
        /// Bits of [`lib_bits`](crypto_tracer_format::record::lib_bits).
        bits: u32,
        /// An earlier segment's scan has told the same of the same program.
        repeated: bool,
    },
    /// What a library file says of itself.
    Library {
        /// The path through which it was first seen.
        path: &'a [u8],
        /// Device and inode.
        file: FileId,
        /// Size in bytes.
        size: u64,
        /// Last modification, nanoseconds since 1970.
        mtime_ns: u64,
        /// Bits of [`lib_bits`](crypto_tracer_format::record::lib_bits).
        bits: u32,
        /// DT_SONAME.
        soname: &'a [u8],
        /// The version that the library states in its text.
        version: &'a [u8],
        /// NT_GNU_BUILD_ID in hexadecimal.
        build_id: &'a [u8],
    },
    /// The path of a cgroup.
    Cgroup {
        /// Its id.
        id: u64,
        /// Its path.
        path: &'a [u8],
    },
    /// The name of a user.
    User {
        /// User id.
        id: u32,
        /// Name.
        name: &'a [u8],
    },
    /// What a scan of /proc covered.
    Baseline {
        /// When it began, on the capture's clock.
        from_ns: u64,
        /// Processes recorded.
        processes: u32,
        /// Mappings of crypto libraries recorded.
        mappings: u32,
        /// Open crypto files recorded.
        open_files: u32,
        /// Processes that ended while they were read.
        vanished: u32,
        /// Processes of which something could not be read.
        denied: u32,
        /// Processes that the filters left out.
        filtered: u32,
    },
    /// What the host says of its cryptography. Repeated in every segment.
    HostCrypto {
        /// What is told.
        what: HostFact,
        /// Of an algorithm: whether its self-test passed.
        passed: bool,
        /// Of an algorithm: its priority.
        priority: u32,
        /// Of an algorithm: its name.
        name: &'a [u8],
        /// Of an algorithm: the driver.
        driver: &'a [u8],
        /// Of an algorithm: the type.
        kind: &'a [u8],
        /// Of other facts: what was found.
        value: &'a [u8],
    },
    /// A function that is probed. Repeated in every segment.
    ApiFunction {
        /// How its calls are recorded.
        recorded: ApiRecorded,
        /// The family of libraries that it belongs to.
        family: &'a [u8],
        /// Its name.
        name: &'a [u8],
        /// What it tells of: a topic of the catalogue.
        topic: &'a [u8],
    },
    /// A file whose functions are probed. Repeated in every segment.
    ApiLibrary {
        /// The path through which it was first seen.
        path: &'a [u8],
        /// Device and inode.
        file: FileId,
        /// Bits of [`lib_bits`](crypto_tracer_format::record::lib_bits).
        bits: u32,
        /// The family of libraries.
        family: &'a [u8],
        /// How many of its functions are probed.
        functions: u32,
        /// The functions that can't be probed, separated by spaces.
        left_out: &'a [u8],
    },
}

/// What a sink can be fed from: captures, or a database made of them.
pub trait Source {
    /// The UTC time of the first and of the last record, without reading all: what `--since +10s` and `--until -5s` count from.
    ///
    /// # Errors
    /// [`AnalyzeError`] where the source can't tell without being read (a pipe).
    fn span(&mut self) -> Result<Span, AnalyzeError>;

    /// Feeds everything that may lie in `range` to the sink, in the order that [`Sink`] promises, and then
    /// [`Sink::finish`]. Events outside may come too: filters look again. What identifies processes comes whatever its time.
    ///
    /// # Errors
    /// [`AnalyzeError`] where nothing could be read, or the sink failed. Damage is no error: it is in the coverage.
    fn feed(&mut self, range: Range, sink: &mut dyn Sink) -> Result<Coverage, AnalyzeError>;
}

/// First and last moment, in UTC nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first_wall_ns: i64,
    /// The last.
    pub last_wall_ns: i64,
}

/// A stretch of time in UTC nanoseconds, both ends included; `None`: open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Not before.
    pub since_wall_ns: Option<i64>,
    /// Not after.
    pub until_wall_ns: Option<i64>,
}

impl Range {
    /// Whether the moment lies in it. What has no time in UTC lies only in the range that is open at both ends.
    pub fn contains(&self, wall_ns: Option<i64>) -> bool {
        match wall_ns {
            Some(t) => self.since_wall_ns.is_none_or(|s| t >= s) && self.until_wall_ns.is_none_or(|u| t <= u),
            None => *self == Range::default(),
        }
    }
}
