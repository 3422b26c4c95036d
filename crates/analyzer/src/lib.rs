//! The analyzer: from captures to events, documents and a database. Needs no privileges, runs anywhere.
//!
//! A [`Source`](sink::Source) (captures, or a database made of them) feeds a [`Sink`](sink::Sink): decode → order by time →
//! identify the process → redact → sink. The sinks are the event stream of `monitor` and the database behind all other views.

mod api;
pub mod argv;
mod clock;
pub mod coverage;
mod decode;
mod deliver;
pub mod documents;
pub mod error;
pub mod event;
pub mod filter;
mod identify;
pub mod identity;
pub mod input;
pub mod json;
mod kernel_crypto;
pub mod monitor;
mod monitor_table;
pub mod names;
mod open;
mod order;
mod paths;
pub mod pipeline;
pub mod render;
pub mod sink;
pub mod store;
mod stream;
#[cfg(test)]
mod testing;
pub mod tls;
pub mod views;
mod wanted;
pub mod when;

pub use coverage::{Completeness, Coverage};
pub use error::AnalyzeError;
pub use open::open;
