//! What can go wrong. Each error says what was expected and what came.

use std::io;
use std::path::PathBuf;

use crate::coverage::Coverage;

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
    /// No input holds anything that can be read.
    #[error("nothing could be read: {}", nothing(.0))]
    Nothing(Box<Coverage>),
    /// What was asked for needs an input that can be read twice.
    #[error("{what} needs a file: standard input and pipes can't be read twice")]
    NotSeekable {
        /// What was asked for.
        what: &'static str,
    },
    /// Captures and databases were given together, or several databases.
    #[error("{path} is a database: give one database alone, or captures", path = .0.display())]
    Mixed(PathBuf),
    /// An input holds nothing that can be used.
    #[error("{name} holds nothing that can be used: {why}")]
    Unreadable {
        /// Which.
        name: String,
        /// What was expected and what came.
        why: String,
    },
    /// No input was given.
    #[error("no input was given: expected a capture, a directory of captures, - or a database")]
    NoInput,
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
    /// A view has nothing to say.
    #[error(transparent)]
    View(#[from] crate::views::ViewError),
}

impl AnalyzeError {
    /// Whether the command was wrong, rather than what it was given (exit code 2 rather than 1).
    pub fn is_usage(&self) -> bool {
        use AnalyzeError::{Mixed, NoInput, NotSeekable, Option};
        matches!(self, Option { .. } | NotSeekable { .. } | Mixed(_) | NoInput)
    }

    /// Whether the reader of the output went away: no fault of ours, and said to nobody.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, AnalyzeError::Output(e) if e.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Each input and what is wrong with it.
fn nothing(coverage: &Coverage) -> String {
    let why = |input: &crate::coverage::InputCoverage| match (&input.failure, input.damage.first()) {
        (Some(failure), _) => failure.clone(),
        (None, Some(damage)) => format!("{} at byte {}; expected a capture", damage.what, damage.offset),
        (None, None) if input.bytes == 0 => "it is empty; expected a capture".to_owned(),
        (None, None) => "it holds no records; expected a capture".to_owned(),
    };
    let each: Vec<_> = coverage.inputs.iter().map(|i| format!("{}: {}", i.name, why(i))).collect();
    each.join("; ")
}
