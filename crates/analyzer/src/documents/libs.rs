//! The document of `libs`.

use super::{Coverage, HostPart, Time};
use serde::Serialize;

/// All crypto libraries that processes of one host had mapped.
#[derive(Clone, Debug, Serialize)]
pub struct LibsDocument {
    /// Version of this document.
    pub libs_version: &'static str,
    /// End of what was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Time>,
    /// The host.
    pub host: HostPart,
    /// The libraries, by path.
    pub libraries: Vec<LibraryEntry>,
    /// Totals.
    pub summary: LibsSummary,
    /// What the document rests on.
    pub coverage: Coverage,
}

/// Totals of a [`LibsDocument`].
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LibsSummary {
    /// Library files listed.
    pub total_libraries: u64,
    /// Processes that had at least one of them.
    pub total_processes: u64,
}

/// A library file.
#[derive(Clone, Debug, Serialize)]
pub struct LibraryEntry {
    /// Its file name.
    pub name: String,
    /// The name's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    /// Its path, as the processes see it.
    pub path: String,
    /// The path's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
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
    /// Its size in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The file was deleted or replaced while it was in use: the processes run code that is no longer on disk.
    pub deleted: bool,
    /// When it was first seen in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Calls of its functions that were recorded; 0 says nothing of a library whose functions are not watched.
    pub calls: u64,
    /// Processes that had it.
    pub process_count: u64,
    /// Those processes.
    pub processes: Vec<LibraryUser>,
}

/// A process that had a library mapped.
#[derive(Clone, Debug, Serialize)]
pub struct LibraryUser {
    /// Its pid.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The name's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    /// Its program file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<String>,
    /// The program's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe_hex: Option<String>,
    /// The container that it ran in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}
