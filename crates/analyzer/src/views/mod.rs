//! The views but `monitor`: each is SQL (sql/*.sql) that makes a document (crate::documents), and a renderer (crate::render).
//!
//! Invariants:
//! - A view reads a [`Material`], be it a database on disk or one made of captures for the moment: the same bytes come out.
//! - There is one document for each host (of `profile`, for each process): process ids and clocks of two hosts, or of two
//!   boots of one host, have nothing to do with each other.

mod calls;
mod certificates;
mod coverage;
mod error;
mod files;
mod handshakes;
mod hosts;
mod libraries;
mod libs;
mod meaning;
mod processes;
mod profile;
mod snapshot;
mod sql;
mod summary;
mod tls;
mod tls_libraries;
mod weak;

use std::io::Write;
use std::path::{Path, PathBuf};

pub use error::{Candidate, ViewError};
pub use files::{FilesOptions, files};
pub use libs::{LibsOptions, libs};
pub(crate) use meaning::meaning;
pub use profile::{ProfileOptions, Selector, profile};
pub use snapshot::{SnapshotOptions, snapshot};
pub use sql::{SqlOptions, sql};
pub use summary::{SummaryOptions, summary};
pub use tls::{TlsColumn, TlsOptions, tls};

use crate::AnalyzeError;
use crate::coverage::{Completeness, Coverage};
use crate::render::{self, Format};
use crate::sink::{Range, Source};
use crate::store::{Database, Ingest, is_database, stored_coverage};

/// What views are made from.
#[derive(Debug)]
pub struct Material {
    database: Database,
    coverage: Coverage,
    /// Each event is in it, not only what sums them up.
    events: bool,
}

impl Material {
    /// From what was named on the command line: captures, or one database. See [`crate::open()`] for `redact`; `events`: every event is
    /// needed too, as `sql` does.
    ///
    /// # Errors
    /// [`AnalyzeError`] if nothing could be read.
    pub fn of(arguments: &[PathBuf], redact: bool, events: bool) -> Result<Material, AnalyzeError> {
        match arguments {
            [path] if is_database(path) => Material::open(path),
            _ => Material::fill(&mut *crate::open(arguments, redact)?, events),
        }
    }

    /// Reads captures into a temporary database that is gone with this value: what sums the events up, but not each of them.
    ///
    /// # Errors
    /// [`AnalyzeError`] if nothing could be read.
    pub fn read(source: &mut dyn Source) -> Result<Material, AnalyzeError> {
        Material::fill(source, false)
    }

    /// Like [`Material::read`], with every event: for `sql`.
    ///
    /// # Errors
    /// [`AnalyzeError`] if nothing could be read.
    pub fn read_events(source: &mut dyn Source) -> Result<Material, AnalyzeError> {
        Material::fill(source, true)
    }

    fn fill(source: &mut dyn Source, keep_events: bool) -> Result<Material, AnalyzeError> {
        let mut sink = Ingest::temporary(keep_events)?;
        let coverage = source.feed(Range::default(), &mut sink)?;
        Ok(Material { database: sink.into_database()?, coverage, events: keep_events })
    }

    /// Opens a database that `ingest` made.
    ///
    /// # Errors
    /// [`AnalyzeError`] if it is none, of another version, or damaged.
    pub fn open(path: &Path) -> Result<Material, AnalyzeError> {
        let database = Database::open(path)?;
        let coverage = stored_coverage(&database)?;
        Ok(Material { database, coverage, events: true })
    }

    pub(crate) fn db(&self) -> &rusqlite::Connection {
        &self.database.connection
    }

    pub(crate) fn has_events(&self) -> bool {
        self.events
    }

    /// What the captures held and lacked.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

/// How a view ended, for the exit code.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the captures held and lacked.
    pub coverage: Coverage,
    /// Documents (of `sql`: rows) that were written.
    pub written: u64,
}

impl Outcome {
    /// Whether everything could be read.
    pub fn completeness(&self) -> Completeness {
        self.coverage.completeness()
    }
}

/// Writes documents and says how it ended.
fn write_all<D: render::Document>(
    material: &Material,
    documents: &[D],
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    if format == Format::Csv {
        return Err(
            ViewError::Format { format: format.name(), expected: "json, json-pretty or table" }.into()
        );
    }
    render::documents(documents, format, out).map_err(AnalyzeError::Output)?;
    Ok(Outcome { coverage: material.coverage.clone(), written: documents.len() as u64 })
}
