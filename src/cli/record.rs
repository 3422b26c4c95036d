//! Arguments of `record` and `doctor`.

use super::units;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `record`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  sudo crypto-tracer record --duration 60 -o incident.ctrace
  sudo crypto-tracer record -o /var/lib/crypto-tracer/ --rotate-size 64M --keep 16
  sudo crypto-tracer record --name nginx --follow-children -o nginx.ctrace
  sudo crypto-tracer record --duration 10 -o - | crypto-tracer analyze monitor -")]
pub struct RecordArgs {
    /// Where to write: a file, a directory (ends with / or exists), or - for standard output
    #[arg(short, long, value_name = "FILE|DIR|-")]
    pub output: PathBuf,

    /// Stop after this long: seconds, or 500ms, 5m, 1h; 0: until interrupted
    #[arg(short, long, value_name = "TIME", default_value = "0", value_parser = units::duration)]
    pub duration: Duration,

    /// Only this process (repeatable)
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Vec<u32>,

    /// Only processes whose name contains this, upper or lower case (repeatable)
    #[arg(short, long, value_name = "NAME")]
    pub name: Vec<String>,

    /// With --pid, --name or --container: their child processes too
    #[arg(long)]
    pub follow_children: bool,

    /// Only processes of this user id (repeatable)
    #[arg(long, value_name = "UID")]
    pub uid: Vec<u32>,

    /// Only processes in this cgroup or below it: a path under /sys/fs/cgroup (repeatable)
    #[arg(long, value_name = "PATH")]
    pub cgroup: Vec<PathBuf>,

    /// Only processes in this container: its id or the beginning of it (repeatable)
    #[arg(long, value_name = "ID")]
    pub container: Vec<String>,

    /// Only these facts: file_open, lib_load, process_fork, process_exec, process_exit, api_call, tls_handshake,
    /// kernel_crypto (default: all). bulk: api_call, and the functions that are called for each piece of data are counted
    /// too; alone, with all other facts
    #[arg(long, value_name = "FACT,...", value_delimiter = ',')]
    pub probes: Vec<String>,

    /// Watch the functions of this library or program only, used already or not; it must be there (repeatable; default:
    /// of every crypto library that is installed or in use)
    #[arg(long, value_name = "FILE")]
    pub library: Vec<PathBuf>,

    /// A file that names functions of further libraries (repeatable; `crypto-tracer docs catalogue`)
    #[arg(long, value_name = "FILE")]
    pub catalogue: Vec<PathBuf>,

    /// Files to record besides the built-in list: `*.ext`, a name, a path, a glob with * and ? (repeatable)
    #[arg(short, long, value_name = "PATTERN")]
    pub watch: Vec<String>,

    /// Keep as they are: home directories, names of users, names of hosts and servers, public addresses, certificates
    /// (secrets in command lines, randoms, tickets and the like, PINs in URIs and unknown names of algorithms are removed all
    /// the same)
    #[arg(long)]
    pub no_redact: bool,

    /// Size of the buffer between kernel and recorder
    #[arg(long, value_name = "SIZE", default_value = "1M", value_parser = units::size)]
    pub buffer: u64,

    /// Compression level
    #[arg(long, value_name = "LEVEL", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=19))]
    pub level: i32,

    /// Records are on disk at most this long after they were made (20ms into a pipe unless given)
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub flush: Option<Duration>,

    /// When the disk is told to keep what was written
    #[arg(long, value_name = "WHEN", default_value = "none")]
    pub sync: SyncArg,

    /// Into a directory: begin a new segment at this size
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub rotate_size: Option<u64>,

    /// Into a directory: begin a new segment after this time
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    pub rotate_time: Option<Duration>,

    /// Into a directory, with --rotate-size or --rotate-time: keep only the newest N segments of this recording
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,

    /// Overwrite an existing file
    #[arg(short, long)]
    pub force: bool,

    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,

    /// Say which probes are in use, and more
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// When written data is forced to the disk.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SyncArg {
    /// Whenever the kernel sees fit: a power loss may cost what was written last
    None,
    /// Every five seconds
    #[value(name = "5s")]
    FiveSeconds,
    /// After every block
    Block,
}

/// Arguments of `doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// How to print
    #[arg(long, default_value = "text")]
    pub format: DoctorFormat,
}

/// How `doctor` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For people
    Text,
    /// For programs
    Json,
}
