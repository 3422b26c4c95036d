//! What can go wrong with a database.

use std::io;
use std::path::PathBuf;

/// Why a database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is not a database of this program.
    #[error("{path} is not a database of crypto-tracer: expected application id {expected:#010x}, but got {found:#010x}", path = .path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
        /// What ours have.
        expected: i32,
        /// What this one has.
        found: i32,
    },
    /// Another version of the schema.
    #[error("{path} has schema version {found}, but this release reads version {expected}: ingest the captures again into a new database", path = .path.display())]
    Version {
        /// Which.
        path: PathBuf,
        /// What this release writes and reads.
        expected: i32,
        /// What this one has.
        found: i32,
    },
    /// The tables are not those of this version: somebody changed them.
    #[error("{path}: the {kind} {name} is not as this release makes it", path = .path.display())]
    Schema {
        /// Which database.
        path: PathBuf,
        /// Table, index, view or trigger.
        kind: String,
        /// Its name.
        name: String,
    },
    /// The file is damaged.
    #[error("{path} is damaged: {found}", path = .path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        found: String,
    },
    /// Another process writes it.
    #[error("{path} is being written by another process", path = .0.display())]
    Busy(PathBuf),
    /// Something was being added when that was killed. SQLite's journal can undo it, but only a writer may do that.
    #[error("{path} holds half of what an interrupted ingest was adding: run ingest into it again, which first undoes that", path = .0.display())]
    Interrupted(PathBuf),
    /// A database was given where captures were expected.
    #[error("{path} is a database: ingest reads captures", path = .0.display())]
    NotACapture(PathBuf),
    /// A file could not be created, renamed or opened.
    #[error("can't {what} {path}: {source}", path = .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A source broke the order that sinks rely on.
    #[error("the source named {what} {number} before describing it")]
    Order {
        /// Of what.
        what: &'static str,
        /// Its number in the run.
        number: u32,
    },
    /// A row that this program would not have written.
    #[error("the database holds {what} {value}, which means nothing to this release")]
    Value {
        /// Of what.
        what: &'static str,
        /// As it is.
        value: i64,
    },
    /// What SQLite says.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}
