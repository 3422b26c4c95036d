//! What a recording is asked for, and what it tells of itself. Data only: printing is the caller's.

use crate::output::Sync;
use crypto_tracer_format::record::Fact;
use std::path::PathBuf;
use std::time::Duration;

/// What to record, and where to.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// A file, a folder, or `-`.
    pub output: PathBuf,
    /// Stop after this long; `None`: when a signal comes.
    pub duration: Option<Duration>,
    /// Only these processes (with the children of those that match, see `follow_children`).
    pub pids: Vec<u32>,
    /// Only processes whose name contains one of these, in any case.
    pub names: Vec<String>,
    /// The children of chosen processes too.
    pub follow_children: bool,
    /// Only processes of these users.
    pub uids: Vec<u32>,
    /// Only processes in or below these cgroups: folders of the cgroup2 file system.
    pub cgroups: Vec<PathBuf>,
    /// Only processes in these containers: ids or their beginnings.
    pub containers: Vec<String>,
    /// Only these facts; empty: all.
    pub facts: Vec<Fact>,
    /// The bulk functions of the catalogue too: counted, never as events.
    pub bulk: bool,
    /// Functions of these files only are probed, whether or not a process has mapped them yet; empty: of all libraries
    /// of the catalogue that the system has or a process maps.
    pub libraries: Vec<PathBuf>,
    /// Files with further families of functions.
    pub catalogues: Vec<PathBuf>,
    /// Files besides the catalogue's: globs.
    pub watch: Vec<String>,
    /// Make paths and user names anonymous.
    pub redact: bool,
    /// Size of the ring buffer in bytes; raised to a power of two of pages.
    pub buffer_bytes: u64,
    /// zstd level.
    pub level: i32,
    /// Records are written at most this long after they were made; `None`: a second, into a pipe 20 ms.
    pub flush: Option<Duration>,
    /// When the disk is told to keep what was written.
    pub sync: Sync,
    /// A segment is full at this size in bytes.
    pub rotate_size: Option<u64>,
    /// A segment is full after this time.
    pub rotate_time: Option<Duration>,
    /// So many segments are kept.
    pub keep: Option<u32>,
    /// Replace existing files.
    pub force: bool,
    /// Name and version of the program, for the capture.
    pub recorder: String,
    /// The probe to begin each ladder with: names of better ones are passed over. For tests and measurements.
    pub only_probe: Option<String>,
}

/// What a running recording tells.
pub trait Hooks {
    /// Everything is attached and the first baseline is taken; `output` is where the capture goes.
    fn ready(&mut self, output: &str);
    /// How far it is. Called a few times a second at most.
    fn progress(&mut self, progress: &Progress);
    /// Something is not as it was asked for.
    fn warning(&mut self, text: &str);
    /// A detail for those who asked for details.
    fn detail(&mut self, text: &str);
}

/// How far a recording is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Since everything was attached.
    pub elapsed: Duration,
    /// Events written (not the baseline).
    pub events: u64,
    /// Bytes written, compressed.
    pub bytes: u64,
    /// Records lost.
    pub lost: u64,
}

/// Why a recording ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `duration` passed.
    Duration,
    /// SIGINT.
    Interrupted,
    /// SIGTERM, SIGQUIT or SIGHUP.
    Terminated,
    /// Nobody reads the pipe any more.
    Closed,
}

/// What came of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    /// Why it ended.
    pub stop: Stop,
    /// The last progress.
    pub progress: Progress,
}
