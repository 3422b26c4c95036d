//! The document of `snapshot` (REQ-CLI-003).

use super::{Coverage, Time};
use serde::Serialize;

/// Which processes used cryptography at a moment.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotDocument {
    /// Version of this document.
    pub snapshot_version: &'static str,
    /// The moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Time>,
    /// Name of the host.
    pub hostname: String,
    /// Its kernel release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Names one boot of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// Processes with a crypto library mapped or a crypto file open, by pid.
    pub processes: Vec<SnapshotProcess>,
    /// The libraries of these processes, by path.
    pub libraries: Vec<SnapshotLibrary>,
    /// Totals.
    pub summary: SnapshotSummary,
    /// What the document rests on.
    pub coverage: Coverage,
}

/// A process that uses cryptography.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotProcess {
    /// Its pid, in the host's pid namespace.
    pub pid: u32,
    /// The parent's pid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ppid: Option<u32>,
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
    /// File names of its crypto libraries.
    pub libraries: Vec<String>,
    /// Bytes of those names that aren't UTF-8; null for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libraries_hex: Option<Vec<Option<String>>>,
    /// Their paths, in the same order.
    pub library_paths: Vec<String>,
    /// Bytes of those paths that aren't UTF-8; null for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library_paths_hex: Option<Vec<Option<String>>>,
    /// Crypto files that it had open when /proc was scanned.
    pub open_crypto_files: Vec<String>,
    /// Bytes of those paths that aren't UTF-8; null for the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_crypto_files_hex: Option<Vec<Option<String>>>,
    /// Name of the user that it runs as; the number, if the name isn't known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_as: Option<String>,
    /// Real user id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The container that it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
}

/// A library that a process of the snapshot has mapped.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotLibrary {
    /// Its file name.
    pub name: String,
    /// The name's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_hex: Option<String>,
    /// Its path.
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
    /// Its build id, hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Processes of the snapshot that have it.
    pub process_count: u64,
}

/// Totals of a [`SnapshotDocument`].
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct SnapshotSummary {
    /// Processes listed.
    pub total_processes: u64,
    /// Libraries, counted once for each process.
    pub total_libraries: u64,
    /// Library files, each counted once.
    pub unique_libraries: u64,
    /// Open crypto files, counted once for each process.
    pub total_files: u64,
}
