//! TLS as it was negotiated: what hellos say, and handshakes put together from their messages.
//!
//! `parse` reads messages with a parser crate, [`registry`] gives numbers their names, `handshakes` pairs the messages of
//! one connection and `library` adds what the process's TLS library said of it.

mod certificate;
pub(crate) mod handshakes;
mod ja4;
pub(crate) mod library;
pub(crate) mod message;
mod offered;
mod parse;
pub mod registry;
