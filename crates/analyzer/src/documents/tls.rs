//! The document of `tls`, and the parts about TLS that `profile` and `summary` share.

use super::{Counted, Coverage, HostPart, Time};
use serde::Serialize;

/// The TLS handshakes of one host, counted.
#[derive(Clone, Debug, Serialize)]
pub struct TlsDocument {
    /// Version of this document.
    pub tls_document_version: &'static str,
    /// End of what was captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_at: Option<Time>,
    /// The host.
    pub host: HostPart,
    /// Handshakes that are alike in these fields are counted together.
    pub group_by: Vec<&'static str>,
    /// The handshakes.
    pub handshakes: Vec<TlsRow>,
    /// Totals of all that are listed.
    pub summary: TlsTotals,
    /// What the document rests on.
    pub coverage: Coverage,
}

/// Handshakes that are alike. A field that isn't grouped by is left out, and so is one that isn't known.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TlsRow {
    /// Name of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The name's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_hex: Option<String>,
    /// The program file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The program's bytes, if it isn't UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program_hex: Option<String>,
    /// The process's pid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Name of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// `client` or `server`: what the process was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// The other side: of a server its address and port, of a client its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<TlsPeer>,
    /// The server's name as the client asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// The version that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_id: Option<u16>,
    /// The cipher suite that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher_suite_id: Option<u16>,
    /// The group of the key exchange that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<u16>,
    /// The group withstands quantum computers, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_quantum: Option<bool>,
    /// The signature scheme that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_scheme: Option<String>,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_scheme_id: Option<u16>,
    /// The application protocol that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// How it ended: `success`, `failure`, `incomplete` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// The alert that was seen; `encrypted` where only that it is one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert: Option<String>,
    /// Whether an earlier session was resumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumed: Option<bool>,
    /// What came of the verification of the peer's certificate: `ok`, the name of an error, `disabled` or `by_program`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    /// JA4 of the ClientHello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja4: Option<String>,
    /// The library that made the handshake; where none was seen to, the TLS libraries that the process had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub library: Option<String>,
    /// How many handshakes.
    #[serde(flatten)]
    pub counted: Counted,
}

/// The other side of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct TlsPeer {
    /// IPv4 or IPv6.
    pub address: String,
    /// The port, of a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Totals of handshakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TlsTotals {
    /// How many.
    pub handshakes: u64,
    /// Those that succeeded.
    pub successes: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those of which a part of the process was the client.
    pub clients: u64,
    /// Those in which the process was the server.
    pub servers: u64,
    /// Those of TLS 1.3.
    pub tls13: u64,
    /// Those with a version before TLS 1.2.
    pub outdated: u64,
    /// Those with a group that withstands quantum computers.
    pub post_quantum: u64,
    /// Those in which the client offered such a group.
    pub post_quantum_offered: u64,
    /// Those in which a client's library was told not to verify the server, and nobody was seen to ask what it found.
    pub not_verified: u64,
    /// Those in which the verification of the peer failed.
    pub verify_failures: u64,
}

/// TLS, in short.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TlsPart {
    /// Totals.
    pub totals: TlsTotals,
    /// By version, group and cipher suite.
    pub negotiated: Vec<TlsRow>,
    /// By version.
    pub versions: Vec<TlsRow>,
    /// By group.
    pub groups: Vec<TlsRow>,
    /// By cipher suite.
    pub cipher_suites: Vec<TlsRow>,
    /// Those that failed, and who with whom.
    pub failed: Vec<TlsRow>,
    /// Those that didn't fail although the peer was not verified, or did not pass.
    pub not_verified: Vec<TlsRow>,
    /// Certificates that are out of date, or soon will be, or weak. (They are seen in TLS 1.2 and before alone.)
    pub certificates: Vec<CertificateRow>,
    /// Different certificates that were seen.
    pub certificates_seen: u64,
}

/// A certificate with faults.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateRow {
    /// What is wrong with it: `expired`, `expires soon`, `not yet valid`, `weak key`, `weak signature`.
    pub faults: Vec<&'static str>,
    /// Whose it is.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// From when on it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// Until when it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// Kind of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_type: Option<String>,
    /// Bits of its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_bits: Option<u64>,
    /// How it is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_algorithm: Option<String>,
    /// Handshakes in which it was seen.
    pub count: u64,
    /// Servers that showed it: names, or addresses and ports.
    pub servers: Vec<String>,
    /// Names of the processes that showed or saw it.
    pub processes: Vec<String>,
}
