//! The one store: a SQLite database that [`Ingest`] fills and the views read.
//!
//! Invariants:
//! - A view of a capture is that view of a temporary database made of it: no view is written twice.
//! - A new database is built beside its name and renamed when it is whole; into an existing one goes a single transaction.
//! - Memory is bounded: what is interned is forgotten and looked up again when it grows too large.
//! - A database comes from strangers: it is opened read-only, its schema must be ours to the letter, and nothing that
//!   it holds is executed.
//! - All SQL is in `sql/*.sql`, but for statements that are made of a table's name and a number of parameters.

mod calls;
mod convert;
mod error;
mod facts;
mod handshakes;
mod ingest;
mod intern;
mod mappings;
mod notes;
mod open;
mod outcome;
mod recall;
mod replace;
mod replay;
mod rollup;
mod rows;
mod schema;
mod tally;

pub use error::StoreError;
pub use ingest::{Ingest, IngestOptions, Ingested, ingest, ingest_captures};
pub use open::{Database, is_database};
pub use replay::DatabaseSource;

pub(crate) use convert::bytes as stored_bytes;
pub(crate) use outcome::Outcome;
pub(crate) use replay::coverage as stored_coverage;
pub(crate) use rollup::{PATH_ONLY as MODE_PATH_ONLY, READ as MODE_READ, WRITE as MODE_WRITE};
