//! Arguments of `analyze` and its views.

use crate::analyze::tls_fields;
use clap::{ArgGroup, Args, Subcommand};
use crypto_tracer_analyzer::views::TlsColumn;
use std::path::PathBuf;

/// Show what is in captures. Without a view: the summary.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(
    after_help = "A CAPTURE is a file, a directory of segments, - for standard input, or a database made by `ingest`.

Examples:
  crypto-tracer analyze incident.ctrace
  crypto-tracer analyze profile incident.ctrace --name nginx
  crypto-tracer analyze files incident.ctrace --path '/etc/ssl/*'
  crypto-tracer analyze ingest *.ctrace --db fleet.db
  crypto-tracer analyze sql fleet.db 'SELECT * FROM hosts'"
)]
pub struct AnalyzeArgs {
    /// The view.
    #[command(subcommand)]
    pub view: Option<View>,

    /// Without a view.
    #[command(flatten)]
    pub summary: SummaryArgs,
}

/// The views.
#[derive(Debug, Subcommand)]
pub enum View {
    /// Events, one after the other, in the order of time
    Monitor(MonitorArgs),
    /// All that is known of a process
    Profile(ProfileArgs),
    /// The processes that used cryptography at one moment
    Snapshot(SnapshotArgs),
    /// The crypto libraries and who uses them
    Libs(LibsArgs),
    /// The crypto files, who opened them, and who could not
    Files(FilesArgs),
    /// The TLS handshakes: with whom, which version, cipher suite and key exchange
    Tls(TlsArgs),
    /// What a capture holds, on one page
    Summary(SummaryArgs),
    /// Put captures into a database
    Ingest(IngestArgs),
    /// Ask a capture or a database in SQL (read-only)
    Sql(SqlArgs),
}

/// What to read.
#[derive(Args, Debug)]
pub struct InputArgs {
    /// Captures: files, directories of segments, - for standard input, or a database
    #[arg(required = true, value_name = "CAPTURE")]
    pub captures: Vec<PathBuf>,

    /// Don't redact again what the recorder left readable
    #[arg(long)]
    pub no_redact: bool,

    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,
}

/// Where and how to write.
#[derive(Args, Debug)]
pub struct OutputArgs {
    /// Write to this file instead of standard output (-)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// json, json-pretty or table (default: table on a terminal, otherwise json)
    #[arg(long, value_name = "FORMAT", value_parser = ["json", "json-pretty", "table"])]
    pub format: Option<String>,
}

/// Arguments of `analyze monitor`.
#[derive(Args, Debug)]
pub struct MonitorArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,

    /// Write to this file instead of standard output (-)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "json-stream",
          value_parser = ["json-stream", "json-lines", "json-array", "table"])]
    pub format: String,

    /// Only events of this process (repeatable)
    #[arg(short, long, value_name = "PID")]
    pub pid: Vec<u32>,

    /// Only events of processes whose name contains this, upper or lower case (repeatable)
    #[arg(short, long, value_name = "NAME")]
    pub name: Vec<String>,

    /// Only loads of libraries, and calls of their functions, whose name or family contains this, upper or lower case
    #[arg(short, long, value_name = "LIB")]
    pub library: Vec<String>,

    /// Only opens of files that match this glob (* and ?), as shown or as given
    #[arg(long, value_name = "GLOB")]
    pub file: Vec<String>,

    /// Only events of these types: file_open, lib_load, process_fork, process_exec, process_exit, api_call,
    /// tls_handshake, kernel_crypto, loss
    #[arg(short = 't', long = "type", value_name = "TYPE,...", value_delimiter = ',')]
    pub types: Vec<String>,

    /// Only events of processes of this user id (repeatable)
    #[arg(long, value_name = "UID")]
    pub uid: Vec<u32>,

    /// Only events in this container: its id or the beginning of it
    #[arg(long, value_name = "ID")]
    pub container: Vec<String>,

    /// Not before: an ISO 8601 time, seconds since 1970, +TIME after the start or -TIME before the end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,

    /// Not after: as --since
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
}

/// Arguments of `analyze profile`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").required(true).args(["pid", "name"])))]
pub struct ProfileArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,

    /// The process with this id
    #[arg(short, long, value_name = "PID")]
    pub pid: Option<u32>,

    /// Every process whose name contains this, upper or lower case
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<String>,

    /// With what their child processes did
    #[arg(long)]
    pub follow_children: bool,

    /// Where and how to write.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `analyze snapshot`.
#[derive(Args, Debug)]
pub struct SnapshotArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,

    /// The moment: an ISO 8601 time, seconds since 1970, +TIME after the start or -TIME before the end (default: the end)
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<String>,

    /// Write to this file instead of standard output (-)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// json, json-pretty, table or summary (default: table on a terminal, otherwise json)
    #[arg(long, value_name = "FORMAT", value_parser = ["json", "json-pretty", "table", "summary"])]
    pub format: Option<String>,
}

/// Arguments of `analyze libs`.
#[derive(Args, Debug)]
pub struct LibsArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,

    /// Only libraries whose file name or family contains this, upper or lower case
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<String>,

    /// Where and how to write.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `analyze files`.
#[derive(Args, Debug)]
pub struct FilesArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,

    /// Only files that match this glob (* and ?)
    #[arg(long, value_name = "GLOB")]
    pub path: Option<String>,

    /// Where and how to write.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `analyze tls`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  crypto-tracer analyze tls incident.ctrace --group-by process,version
  crypto-tracer analyze tls incident.ctrace --name nginx --group-by role,peer,group")]
pub struct TlsArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,

    /// Count together what is alike in these fields
    #[arg(long, value_name = "FIELD,...", value_delimiter = ',', help = group_by())]
    pub group_by: Vec<String>,

    /// Only handshakes of the process with this id
    #[arg(short, long, value_name = "PID")]
    pub pid: Option<u32>,

    /// Only handshakes of processes whose name contains this, upper or lower case
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<String>,

    /// Not before: an ISO 8601 time, seconds since 1970, +TIME after the start or -TIME before the end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,

    /// Not after: as --since
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,

    /// Where and how to write.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `analyze summary`.
#[derive(Args, Debug)]
pub struct SummaryArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,

    /// At most so many rows in each list
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: u32,

    /// Where and how to write.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Arguments of `analyze ingest`.
#[derive(Args, Debug)]
pub struct IngestArgs {
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,

    /// The database: made anew, or added to
    #[arg(long, value_name = "FILE")]
    pub db: PathBuf,
}

/// Arguments of `analyze sql`.
#[derive(Args, Debug)]
pub struct SqlArgs {
    /// A database, or captures; the last argument is the query
    #[arg(required = true, num_args = 2.., value_name = "CAPTURE|QUERY")]
    pub captures_and_query: Vec<std::ffi::OsString>,

    /// Don't redact again what the recorder left readable (of captures; a database holds what was ingested)
    #[arg(long)]
    pub no_redact: bool,

    /// table, json or csv (default: table on a terminal, otherwise csv)
    #[arg(long, value_name = "FORMAT", value_parser = ["table", "json", "csv"])]
    pub format: Option<String>,

    /// Write to this file instead of standard output (-)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,
}

/// The help of `--group-by`: its fields are the view's.
fn group_by() -> String {
    format!(
        "Count together what is alike in these: {} (default: {}). library is the one that made the handshake; \
         where no call of it was seen, the TLS libraries that the process had",
        tls_fields(TlsColumn::ALL),
        tls_fields(TlsColumn::DEFAULT)
    )
}
