//! The document of `profile` (REQ-CLI-002).

use std::collections::BTreeMap;

use super::{Coverage, FileAccess, FunctionCalls, HostPart, KernelCalls, Time, TlsRow};
use serde::Serialize;

/// What one process did.
#[derive(Clone, Debug, Serialize)]
pub struct ProfileDocument {
    /// Version of this document.
    pub profile_version: &'static str,
    /// End of what was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Time>,
    /// Whole seconds that were captured.
    pub duration_seconds: u64,
    /// The host.
    pub host: HostPart,
    /// The process.
    pub process: ProcessPart,
    /// Crypto libraries that it had mapped, in the order in which they were seen.
    pub libraries: Vec<LoadedLibrary>,
    /// Files that it opened at least once, in the order of the first access.
    pub files_accessed: Vec<FileAccess>,
    /// Files that it tried to open and never could.
    pub files_failed: Vec<FileAccess>,
    /// Crypto files that were open in it when /proc was scanned.
    pub open_files: Vec<OpenFile>,
    /// Calls of libraries' functions, by name.
    pub api_calls: BTreeMap<String, u64>,
    /// The same with what is known of them, in the order of the first call.
    pub api_functions: Vec<FunctionCalls>,
    /// Its TLS handshakes; those that are alike are counted together, the most frequent first.
    pub tls: Vec<TlsRow>,
    /// What it asked of the kernel's cryptography.
    pub kernel_crypto: Vec<KernelCalls>,
    /// Its descendants, in the order in which they started; only with `--follow-children`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub children: Option<Vec<Child>>,
    /// Totals of the process itself.
    pub statistics: Statistics,
    /// What the document rests on.
    pub coverage: Coverage,
}

/// A process.
#[derive(Clone, Debug, Serialize)]
pub struct ProcessPart {
    /// Its pid, in the host's pid namespace.
    pub pid: u32,
    /// Its name, the last one it had.
    pub name: String,
    /// The name's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    /// Its program file; of a script, the interpreter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// The program's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe_hex: Option<String>,
    /// Its command line, arguments joined by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// The command line's bytes (arguments ended by NUL), if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cmdline_hex: Option<String>,
    /// The command line was longer than the recorder keeps.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cmdline_cut: bool,
    /// The parent's pid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ppid: Option<u32>,
    /// Real user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Real group id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The container that it ran in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Time>,
    /// What it gave to exit(2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<u32>,
    /// It was there before the recording began.
    pub before_recording: bool,
}

/// A library in a process.
#[derive(Clone, Debug, Serialize)]
pub struct LoadedLibrary {
    /// Its file name.
    pub name: String,
    /// The name's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    /// Its path, as the process sees it.
    pub path: String,
    /// The path's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// When it was mapped; missing where it was there before the recorder looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_time: Option<Time>,
    /// How it is known: `load`, `baseline` (was there already), or `inherited` from the parent.
    pub how: &'static str,
    /// The family that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The version that it states.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its soname.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soname: Option<String>,
    /// Its build id, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// The file was deleted or replaced while it was in use.
    pub deleted: bool,
}

/// A file that was open when /proc was scanned.
#[derive(Clone, Debug, Serialize)]
pub struct OpenFile {
    /// Its path.
    pub path: String,
    /// The path's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// `certificate`, `private_key`, `keystore` or `unknown`.
    #[serde(rename = "type")]
    pub file_type: String,
    /// For what it is open.
    pub mode: &'static str,
}

/// A descendant of the profiled process.
#[derive(Clone, Debug, Serialize)]
pub struct Child {
    /// The process.
    pub process: ProcessPart,
    /// See [`ProfileDocument::libraries`].
    pub libraries: Vec<LoadedLibrary>,
    /// See [`ProfileDocument::files_accessed`].
    pub files_accessed: Vec<FileAccess>,
    /// See [`ProfileDocument::files_failed`].
    pub files_failed: Vec<FileAccess>,
    /// See [`ProfileDocument::api_calls`].
    pub api_calls: BTreeMap<String, u64>,
    /// See [`ProfileDocument::api_functions`].
    pub api_functions: Vec<FunctionCalls>,
    /// See [`ProfileDocument::tls`].
    pub tls: Vec<TlsRow>,
    /// See [`ProfileDocument::kernel_crypto`].
    pub kernel_crypto: Vec<KernelCalls>,
    /// Totals of this descendant.
    pub statistics: Statistics,
}

/// Totals of a process.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Statistics {
    /// Events of the process, of all kinds.
    pub total_events: u64,
    /// Entries in `libraries`.
    pub libraries_loaded: u64,
    /// Entries in `files_accessed`.
    pub files_accessed: u64,
    /// Entries in `files_failed`.
    pub files_failed: u64,
    /// Opens that succeeded.
    pub accesses: u64,
    /// Opens that failed.
    pub failures: u64,
    /// Calls of libraries' functions.
    pub api_calls_made: u64,
    /// TLS handshakes.
    pub tls_handshakes: u64,
    /// Those that failed.
    pub tls_failures: u64,
    /// Processes that it started and that the capture knows.
    pub children: u64,
}
