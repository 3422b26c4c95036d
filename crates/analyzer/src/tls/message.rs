//! A record of a TLS message, decoded.
//!
//! Invariant: addresses and messages are redacted here, once, before anything else sees them.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use crypto_tracer_format::record::{Direction, Record, RecordError, TlsHello, TlsMessage};
use crypto_tracer_format::redact::Redactor;

use crate::event::Endpoint;

/// A message, its process still unknown.
#[derive(Clone, Debug)]
pub struct Decoded<'a> {
    /// The connection.
    pub connection: u64,
    /// The library's object; 0: none.
    pub object: u64,
    /// What it is.
    pub message: TlsMessage,
    /// Which way it went; `None`: neither.
    pub direction: Option<Direction>,
    /// Bits of `tls_bits`.
    pub bits: u16,
    /// Of `Encrypted`, the length of the direction's first record of application data; 0: not known.
    pub length: u32,
    /// This side.
    pub local: Endpoint,
    /// The other side.
    pub peer: Endpoint,
    /// Its bytes.
    pub body: Cow<'a, [u8]>,
}

/// Decodes a record. `None`: a message of a kind that this release doesn't know.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn decode<'a>(record: &Record<'a>, redact: &Redactor) -> Result<Option<Decoded<'a>>, RecordError> {
    let hello: TlsHello = record.payload()?;
    let body = record.str(hello.body)?;
    let Some(message) = TlsMessage::from_number(hello.message) else { return Ok(None) };
    let body = match message {
        TlsMessage::ClientHello | TlsMessage::ServerHello => redact.hello(body),
        TlsMessage::Certificate => redact.certificate(body, hello.index),
        _ => Cow::Borrowed(body),
    };
    let end = |address, port| Endpoint { address: Ipv6Addr::from(redact.address(address)), port };
    Ok(Some(Decoded {
        connection: hello.connection,
        object: hello.object,
        message,
        direction: Direction::from_number(hello.direction),
        bits: hello.bits,
        length: hello.length,
        local: end(hello.local, hello.local_port),
        peer: end(hello.peer, hello.peer_port),
        body,
    }))
}
