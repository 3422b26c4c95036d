//! TLS handshakes, put together from their messages and from what the process's library said of them.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use crate::tls::registry::ALERTS;

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// IPv6, or IPv4 mapped into it; shown as IPv4 then.
    pub address: Ipv6Addr,
    /// TCP port.
    pub port: u16,
}

impl Endpoint {
    /// The address as it is shown: IPv4 where it is one.
    pub fn address_text(&self) -> String {
        match self.address.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => self.address.to_string(),
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.address.to_ipv4_mapped() {
            Some(v4) => write!(f, "{v4}:{}", self.port),
            None => write!(f, "[{}]:{}", self.address, self.port),
        }
    }
}

/// An alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert {
    /// Its number; `None`: it was encrypted, and only its length told that it is one.
    pub description: Option<u8>,
    /// Whether this process sent it.
    pub sent: bool,
}

impl Alert {
    /// One as its columns tell it; `None`: none was seen.
    pub fn from_columns(description: Option<u8>, sent: Option<bool>) -> Option<Alert> {
        sent.map(|sent| Alert { description, sent })
    }

    /// Its name, or `encrypted`.
    pub fn name(&self) -> Cow<'static, str> {
        self.description.map_or(Cow::Borrowed("encrypted"), |number| ALERTS.name(number.into()))
    }
}

/// A handshake. The event's time is when it ended. Numbers are those of the IANA registries; their names are added
/// when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsHandshake<'a> {
    /// Names the connection within the capture.
    pub connection: u64,
    /// Whether the process is the client.
    pub client: bool,
    /// This side.
    pub local: Endpoint,
    /// The other side.
    pub peer: Endpoint,
    /// The version that was chosen (of supported_versions where there is that extension); `None`: no ServerHello was seen.
    pub version: Option<u16>,
    /// The cipher suite that was chosen.
    pub cipher_suite: Option<u16>,
    /// The group of the key exchange that was chosen; in TLS 1.2 the curve of ServerKeyExchange.
    pub group: Option<u16>,
    /// The signature scheme of the server, of its ServerKeyExchange in TLS 1.2; in TLS 1.3 it isn't in clear.
    pub signature_scheme: Option<u16>,
    /// The server's name as the client asked for it; empty: it didn't.
    pub sni: &'a [u8],
    /// The application protocol that was chosen; empty: none, or not known (in TLS 1.3 it isn't in clear).
    pub alpn: &'a [u8],
    /// Whether an earlier session was resumed; `None`: not known.
    pub resumed: Option<bool>,
    /// Whether the server asked for another ClientHello.
    pub hello_retry: bool,
    /// Whether the client offered Encrypted Client Hello.
    pub ech: bool,
    /// How it ended: `success`, `failure` (an alert, or the library said so), `incomplete` (closed before it was through),
    /// `unknown` (the capture ends before).
    pub result: &'a str,
    /// The alert that was seen.
    pub alert: Option<Alert>,
    /// JA4 of the ClientHello; empty: it was not seen whole.
    pub ja4: &'a [u8],
    /// From the ClientHello to the end of the handshake, in nanoseconds; `None`: one of them was not seen.
    pub duration_ns: Option<u64>,
    /// Whether this side's library verified the peer's certificate, and what came of it: `ok`, an error's name, `disabled`
    /// or `by_program`; empty: not known.
    pub verify: &'a [u8],
    /// The file whose functions made the handshake, as it was first seen; empty where none was seen to.
    pub library: &'a [u8],
    /// What the client offered: a JSON object with `versions`, `cipher_suites`, `groups`, `signature_schemes`, `alpn`; empty:
    /// no ClientHello was seen.
    pub offered: &'a [u8],
    /// The server's certificates where they travelled in clear (TLS 1.2): a JSON array; empty: none was seen.
    pub certificates: &'a [u8],
    /// Bits of [`tls_bits`](crypto_tracer_format::record::tls_bits) of all its messages.
    pub bits: u16,
}
