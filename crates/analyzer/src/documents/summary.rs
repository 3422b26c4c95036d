//! The document of `summary`: what a person wants to see first.

use super::{CallsPart, Coverage, HostPart, KernelPart, Time, TlsPart};
use serde::Serialize;

/// A capture in short.
#[derive(Clone, Debug, Serialize)]
pub struct SummaryDocument {
    /// Version of this document.
    pub summary_version: &'static str,
    /// End of what was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Time>,
    /// The host.
    pub host: HostPart,
    /// The time that was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// How much there is.
    pub counts: Counts,
    /// The programs that used most cryptography.
    pub programs: Vec<ProgramRow>,
    /// The libraries in use, by family and version.
    pub libraries: Vec<LibraryVersion>,
    /// TLS as it was negotiated.
    pub tls: TlsPart,
    /// Calls of libraries.
    pub api_calls: CallsPart,
    /// The kernel's cryptography.
    pub kernel: KernelPart,
    /// The files that were opened most.
    pub files: Vec<TopFile>,
    /// The files that could not be opened, and why.
    pub failed_files: Vec<FailedFile>,
    /// What the document rests on.
    pub coverage: Coverage,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Span {
    /// Begin.
    pub from: Time,
    /// End.
    pub to: Time,
    /// Whole seconds that were captured; gaps between segments don't count.
    pub duration_seconds: u64,
    /// The same, exactly: for people, to whom two seconds are not one.
    #[serde(skip)]
    pub captured_ns: i64,
}

/// Totals of a [`SummaryDocument`].
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Counts {
    /// Processes that the capture knows.
    pub processes: u64,
    /// Those with a crypto library mapped, or that opened or tried to open a crypto file, made a TLS handshake, called a
    /// library or asked the kernel for cryptography.
    pub crypto_processes: u64,
    /// Library files.
    pub libraries: u64,
    /// Files that were opened, or could not be, or were open.
    pub files: u64,
    /// Opens that succeeded.
    pub file_opens: u64,
    /// Opens that failed.
    pub failed_opens: u64,
    /// Loads of libraries.
    pub library_loads: u64,
    /// New processes.
    pub forks: u64,
    /// New programs.
    pub execs: u64,
    /// Ended processes.
    pub exits: u64,
}

/// A program: all processes of one name and program file.
#[derive(Clone, Debug, Serialize)]
pub struct ProgramRow {
    /// Name of the processes.
    pub name: String,
    /// The name's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    /// The program file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// The program's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe_hex: Option<String>,
    /// Its processes.
    pub processes: u64,
    /// Library files that they had mapped.
    pub libraries: u64,
    /// Opens that succeeded.
    pub file_opens: u64,
    /// Opens that failed.
    pub failed_opens: u64,
    /// Calls of libraries' functions.
    pub api_calls: u64,
    /// TLS handshakes.
    pub tls_handshakes: u64,
}

/// A version of a library.
#[derive(Clone, Debug, Serialize)]
pub struct LibraryVersion {
    /// The family.
    pub family: String,
    /// The version that it states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Files of this version.
    pub paths: Vec<String>,
    /// Bytes of those paths that aren't UTF-8; null for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paths_hex: Option<Vec<Option<String>>>,
    /// Processes that had one of them.
    pub process_count: u64,
    /// Some process runs a file that was deleted or replaced on disk.
    pub deleted: bool,
}

/// A file that was opened often.
#[derive(Clone, Debug, Serialize)]
pub struct TopFile {
    /// Its path.
    pub path: String,
    /// The path's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// `certificate`, `private_key`, `keystore` or `unknown`.
    #[serde(rename = "type")]
    pub file_type: String,
    /// Opens that succeeded.
    pub access_count: u64,
    /// Processes that opened it.
    pub process_count: u64,
}

/// A file that could not be opened.
#[derive(Clone, Debug, Serialize)]
pub struct FailedFile {
    /// Its path.
    pub path: String,
    /// The path's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// `certificate`, `private_key`, `keystore` or `unknown`.
    #[serde(rename = "type")]
    pub file_type: String,
    /// Name of the error: `ENOENT`.
    pub error: String,
    /// What it means.
    pub meaning: &'static str,
    /// How often.
    pub count: u64,
    /// The last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
    /// Names of the processes that tried.
    pub processes: Vec<String>,
    /// Bytes of those names that aren't UTF-8; null for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes_hex: Option<Vec<Option<String>>>,
}
