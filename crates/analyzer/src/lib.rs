//! The analyzer: from captures to events, documents and a database. Needs no privileges, runs anywhere.
//!
//! A [`Source`](sink::Source) (captures, or a database made of them) feeds a [`Sink`](sink::Sink): decode → order by time →
//! identify the process → redact → sink. The sinks are the event stream of `monitor` and the database behind all other views.

pub mod argv;
pub mod coverage;
pub mod documents;
pub mod error;
pub mod event;
pub mod identity;
pub mod names;
pub mod sink;
pub mod store;

pub use coverage::{Completeness, Coverage};
pub use error::AnalyzeError;
