//! Why a view has nothing to say.

use crate::documents::Time;

/// A process that could have been meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its pid.
    pub pid: u32,
    /// Its name, control characters made harmless.
    pub name: String,
}

/// Why a view could not be made of what there is.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// No process matches.
    #[error("no process {wanted} is in the capture; {}", named(.candidates))]
    NoProcess {
        /// What was asked for.
        wanted: String,
        /// Processes that used cryptography.
        candidates: Vec<Candidate>,
    },
    /// The moment lies outside of what was captured.
    #[error("{at} was not captured: expected a time {}", spans(.captured))]
    NotCaptured {
        /// What was asked for.
        at: Time,
        /// What was captured.
        captured: Vec<(Time, Time)>,
    },
    /// A stretch of time was asked for, but the material holds sums only.
    #[error("a stretch of time needs every event, but only sums of them were kept")]
    NeedsEvents,
    /// A statement of the user that isn't allowed or isn't SQL.
    #[error("{0}")]
    Sql(String),
    /// The view has no such format.
    #[error("this view can't be written as {format}; expected {expected}")]
    Format {
        /// What was asked for.
        format: &'static str,
        /// What there is.
        expected: &'static str,
    },
}

fn named(list: &[Candidate]) -> String {
    if list.is_empty() {
        return "no process in it used cryptography".to_owned();
    }
    let names: Vec<String> = list.iter().map(|c| format!("{} ({})", c.name, c.pid)).collect();
    format!("processes in it that used cryptography: {}", names.join(", "))
}

fn spans(list: &[(Time, Time)]) -> String {
    let spans: Vec<String> = list.iter().map(|(from, to)| format!("from {from} to {to}")).collect();
    spans.join(", or ")
}
