//! The document of `files`, and the parts about files that `profile` shares.

use super::{Coverage, HostPart, Time};
use serde::Serialize;

/// All files that were opened, or could not be, on one host.
#[derive(Clone, Debug, Serialize)]
pub struct FilesDocument {
    /// Version of this document.
    pub files_version: &'static str,
    /// End of what was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Time>,
    /// The host.
    pub host: HostPart,
    /// The files, by path.
    pub files: Vec<FileEntry>,
    /// Totals.
    pub summary: FilesSummary,
    /// What the document rests on.
    pub coverage: Coverage,
}

/// Totals of a [`FilesDocument`].
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct FilesSummary {
    /// Files listed.
    pub total_files: u64,
    /// Opens that succeeded.
    pub accesses: u64,
    /// Opens that failed.
    pub failures: u64,
    /// Files that no process could open.
    pub never_opened: u64,
}

/// How a file was used.
#[derive(Clone, Debug, Serialize)]
pub struct FileAccess {
    /// The file, absolute as far as it is known.
    pub path: String,
    /// Its bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// `certificate`, `private_key`, `keystore` or `unknown`.
    #[serde(rename = "type")]
    pub file_type: String,
    /// Opens that succeeded.
    pub access_count: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_access: Option<Time>,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_access: Option<Time>,
    /// For what it was opened, or was meant to be where every open failed: `read`, `write`, `read_write` or `path`.
    pub mode: &'static str,
    /// Opens that failed, by error.
    pub failures: Vec<Failure>,
}

/// Opens of a file that failed with the same error.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Name of the error: `ENOENT`.
    pub error: String,
    /// Its number.
    pub errno: i32,
    /// How many.
    pub count: u64,
    /// The first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Time>,
    /// The last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
}

/// A file of the host, and who used it.
#[derive(Clone, Debug, Serialize)]
pub struct FileEntry {
    /// How it was used.
    #[serde(flatten)]
    pub access: FileAccess,
    /// By which processes, in the order of their first use.
    pub processes: Vec<FileUser>,
}

/// A process that used a file.
#[derive(Clone, Debug, Serialize)]
pub struct FileUser {
    /// Its pid.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The name's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    /// Opens that succeeded.
    pub access_count: u64,
    /// Opens that failed.
    pub failure_count: u64,
    /// The file was open in it when a scan of /proc looked.
    pub found_open: bool,
}
