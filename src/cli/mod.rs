//! The command line as clap sees it: names, help and shapes. What the values mean is checked where they're used.

#[cfg(feature = "analyze")]
mod analyze;
#[cfg(feature = "record")]
mod record;
#[cfg(feature = "record")]
mod units;

#[cfg(feature = "analyze")]
pub use analyze::{AnalyzeArgs, IngestArgs, InputArgs, MonitorArgs, OutputArgs, SqlArgs, TlsArgs, View};
#[cfg(feature = "record")]
pub use record::{DoctorArgs, DoctorFormat, RecordArgs, SyncArg};

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "Examples:
  sudo crypto-tracer record --duration 60 -o incident.ctrace
  crypto-tracer analyze incident.ctrace
  crypto-tracer analyze monitor incident.ctrace --name nginx
  crypto-tracer doctor";

/// crypto-tracer: a flight recorder for cryptography on Linux.
///
/// `record` writes what processes do with certificates, keys and crypto libraries into a capture.
/// `analyze` turns captures into event streams, profiles, snapshots and summaries, on any machine and without privileges.
#[derive(Debug, Parser)]
#[command(name = "crypto-tracer", disable_version_flag = true, after_help = EXAMPLES, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Print version information
    #[arg(short = 'V', long)]
    pub version: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Record what happens on this host into a capture
    ///
    /// The capture holds opens of certificates, keys and keystores (failed ones too), loads of crypto libraries, calls of
    /// their functions, TLS handshakes as they were negotiated, cryptography that is asked of the kernel, and the life of
    /// processes; it begins with what is there already. Paths of home directories, user names, host names, public
    /// addresses and secrets in command lines are made unreadable before anything is written. Plaintext, keys and payloads
    /// are never read.
    #[cfg(feature = "record")]
    Record(Box<RecordArgs>),
    /// Show what is in captures; without a view: the summary
    #[cfg(feature = "analyze")]
    Analyze(Box<AnalyzeArgs>),
    /// Say what this kernel and these privileges allow, probe by probe
    ///
    /// Every probe is really loaded and attached, then removed. Each `no` comes with its remedy.
    #[cfg(feature = "record")]
    Doctor(DoctorArgs),
    /// Print the documentation
    Docs {
        /// The topic; without one, the list of topics
        topic: Option<String>,
    },
    /// Print version information
    Version,
}
