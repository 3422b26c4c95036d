//! What can go wrong. Each error says what was expected and what came.

use std::io;
use std::path::PathBuf;

/// Why a view could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// An input could not be opened or read.
    #[error("can't read {path}: {source}", path = .path.display())]
    Input {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An input holds nothing that can be read.
    #[error("{name} holds nothing that can be read: {why}")]
    Unreadable {
        /// Which.
        name: String,
        /// What was expected and what came.
        why: String,
    },
    /// A directory without captures.
    #[error("{path} holds no capture: expected files that end in .ctrace or .ctrace.partial", path = .0.display())]
    EmptyDirectory(PathBuf),
    /// A written value that can't be understood.
    #[error("{option} {value:?}: {why}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What was given.
        value: String,
        /// What was expected.
        why: String,
    },
    /// The output could not be written.
    #[error("can't write the output: {0}")]
    Output(#[source] io::Error),
    /// A database could not be read or written.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

impl AnalyzeError {
    /// Whether the reader of the output went away: no fault of ours, and said to nobody.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, AnalyzeError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }
}
