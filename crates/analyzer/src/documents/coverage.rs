//! The part of every document that says what it rests on, and what it can't know.

use super::Time;
use serde::Serialize;

/// The host that a document is about.
#[derive(Clone, Debug, Serialize)]
pub struct HostPart {
    /// Its name.
    pub hostname: String,
    /// Kernel release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Machine (`x86_64`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// Its operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Names one boot of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
}

/// What a document rests on.
#[derive(Clone, Debug, Serialize)]
pub struct Coverage {
    /// Nothing is known to be missing: no loss, no damage, every fact observed that the recording release knows, everything readable.
    pub complete: bool,
    /// Begin of what was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// End of what was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
    /// Segments that were read.
    pub segments: u64,
    /// The recorder's filters and options, one text for each that differs.
    pub options: Vec<String>,
    /// What was made anonymous: `secrets`, `paths`, `users`, `network`.
    pub redaction: Vec<&'static str>,
    /// Records that are known to be lost.
    pub lost_records: u64,
    /// Each loss.
    pub losses: Vec<Loss>,
    /// Ranges of the captures that could not be read.
    pub damage: Vec<Damage>,
    /// Records of types that this release doesn't know.
    pub unknown_records: u64,
    /// The probes that observed.
    pub probes: Vec<Probe>,
    /// Facts that nothing observed, and why.
    pub not_observed: Vec<NotObserved>,
    /// Functions of libraries that can't be watched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What the scans of /proc covered, summed up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineCoverage>,
}

/// Records that were dropped.
#[derive(Clone, Debug, Serialize)]
pub struct Loss {
    /// Which fact lost.
    pub fact: String,
    /// Why.
    pub reason: String,
    /// How many records.
    pub count: u64,
    /// Not before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// Not after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
}

/// A range of a capture that could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct Damage {
    /// What was found.
    pub what: String,
    /// Bytes that could not be used.
    pub bytes: u64,
    /// Nothing is known after this time …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Time>,
    /// … and before this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Time>,
}

/// A probe that was in use.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    /// What it observed.
    pub fact: String,
    /// Its name.
    pub probe: String,
}

/// A fact that nothing observed.
#[derive(Clone, Debug, Serialize)]
pub struct NotObserved {
    /// Which.
    pub fact: String,
    /// Why.
    pub reason: String,
}

/// Functions of a file that can't be watched: their code leaves no room for a probe.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// The file.
    pub library: String,
    /// Its bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library_hex: Option<String>,
    /// The functions.
    pub functions: Vec<String>,
}

/// What the scans of /proc covered.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct BaselineCoverage {
    /// Scans.
    pub scans: u64,
    /// Processes recorded.
    pub processes: u64,
    /// Processes that ended while they were read.
    pub vanished: u64,
    /// Processes of which something could not be read for lack of rights.
    pub denied: u64,
    /// Processes that the filters left out.
    pub filtered: u64,
}
