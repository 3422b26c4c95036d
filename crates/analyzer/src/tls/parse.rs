//! What a hello says, from its bytes.
//!
//! Invariants:
//! - No input panics, and none is believed: a hello whose lengths don't add up is taken as far as they do, and says that
//!   it isn't whole.
//! - GREASE is left out of all lists, here and once.
//! - Lists hold at most [`ITEMS`] numbers: more than all registries do.

use tls_parser::{
    TlsExtension, parse_tls_extension, parse_tls_extension_alpn_content,
    parse_tls_extension_elliptic_curves_content, parse_tls_extension_signature_algorithms_content,
    parse_tls_extension_sni_content, parse_tls_extension_unknown, parse_tls_handshake_client_hello,
    parse_tls_handshake_server_hello,
};

use super::registry::is_grease;

/// Numbers of one list that are kept.
const ITEMS: usize = 1000;
/// Bytes of type and length before a message.
const MESSAGE_HEAD: usize = 4;
/// The random of a ServerHello that is a HelloRetryRequest (RFC 8446, 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2,
    0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];
/// The version whose ServerKeyExchange names a signature scheme.
pub const TLS12: u16 = 0x0303;
/// Versions from this one on are said in supported_versions alone.
pub const TLS13: u16 = 0x0304;

/// Numbers of extensions (IANA, TLS ExtensionType Values).
pub mod extension {
    /// server_name.
    pub const SERVER_NAME: u16 = 0;
    /// supported_groups.
    pub const GROUPS: u16 = 10;
    /// signature_algorithms.
    pub const SIGNATURE_ALGORITHMS: u16 = 13;
    /// application_layer_protocol_negotiation.
    pub const ALPN: u16 = 16;
    /// pre_shared_key.
    pub const PRE_SHARED_KEY: u16 = 41;
    /// early_data.
    pub const EARLY_DATA: u16 = 42;
    /// supported_versions.
    pub const SUPPORTED_VERSIONS: u16 = 43;
    /// key_share.
    pub const KEY_SHARE: u16 = 51;
    /// encrypted_client_hello.
    pub const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
}

/// A ClientHello.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello<'a> {
    /// The version field of old, which TLS 1.3 keeps at 0x0303.
    pub legacy_version: u16,
    /// supported_versions, as ordered; empty: not there.
    pub versions: Vec<u16>,
    /// Cipher suites, as ordered.
    pub cipher_suites: Vec<u16>,
    /// Extensions, as ordered.
    pub extensions: Vec<u16>,
    /// supported_groups, as ordered.
    pub groups: Vec<u16>,
    /// signature_algorithms, as ordered.
    pub signature_schemes: Vec<u16>,
    /// Application protocols, as ordered.
    pub alpn: Vec<&'a [u8]>,
    /// The server's name; empty: not asked for, or removed.
    pub sni: &'a [u8],
    /// Nothing of it is missing.
    pub is_whole: bool,
}

impl ClientHello<'_> {
    /// Whether the extension is there.
    pub fn has(&self, extension: u16) -> bool {
        self.extensions.contains(&extension)
    }

    /// The versions that are offered, highest first as a rule: of older clients the one that they name.
    pub fn offered_versions(&self) -> &[u16] {
        match self.versions.is_empty() {
            true => std::slice::from_ref(&self.legacy_version),
            false => &self.versions,
        }
    }
}

/// A ServerHello, or a HelloRetryRequest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerHello<'a> {
    /// The version that was chosen.
    pub version: u16,
    /// The cipher suite that was chosen.
    pub cipher_suite: u16,
    /// The group of the key exchange, where it is told (TLS 1.3).
    pub group: Option<u16>,
    /// Whether a pre-shared key was chosen (TLS 1.3).
    pub has_psk: bool,
    /// The application protocol (TLS 1.2); empty: none.
    pub alpn: &'a [u8],
    /// It asks for another ClientHello.
    pub is_retry: bool,
}

/// Reads a ClientHello, from its type on.
pub fn client_hello(message: &[u8]) -> Option<ClientHello<'_>> {
    let body = message.get(MESSAGE_HEAD..)?;
    let (rest, hello) = parse_tls_handshake_client_hello(body).ok()?;
    let mut read = ClientHello {
        legacy_version: hello.version.0,
        cipher_suites: numbers(hello.ciphers.iter().map(|c| c.0)),
        is_whole: true,
        ..ClientHello::default()
    };
    // Without room for all extensions the parser gives none: they are what is left of it then.
    let block = match hello.ext {
        Some(block) => block,
        None => {
            read.is_whole = rest.is_empty();
            rest.get(2..).unwrap_or_default()
        }
    };
    read.is_whole &= is_as_long_as_it_says(message);
    let whole = each_extension(block, |number, data, bytes| {
        if read.extensions.len() < ITEMS && !is_grease(number) {
            read.extensions.push(number);
        }
        take_extension(&mut read, number, data, bytes);
    });
    read.is_whole &= whole;
    Some(read)
}

fn take_extension<'a>(hello: &mut ClientHello<'a>, number: u16, data: &'a [u8], bytes: &'a [u8]) {
    match number {
        extension::SERVER_NAME => {
            if let Ok((_, TlsExtension::SNI(names))) = parse_tls_extension_sni_content(data)
                && let Some((_, name)) = names.first()
            {
                hello.sni = name;
            }
        }
        extension::GROUPS => {
            if let Ok((_, TlsExtension::EllipticCurves(list))) =
                parse_tls_extension_elliptic_curves_content(data)
            {
                hello.groups = numbers(list.iter().map(|g| g.0));
            }
        }
        extension::SIGNATURE_ALGORITHMS => {
            if let Ok((_, TlsExtension::SignatureAlgorithms(list))) =
                parse_tls_extension_signature_algorithms_content(data)
            {
                hello.signature_schemes = numbers(list.into_iter());
            }
        }
        extension::ALPN => hello.alpn = protocols(data),
        extension::SUPPORTED_VERSIONS => hello.versions = versions(bytes),
        _ => {}
    }
}

/// Reads a ServerHello, from its type on.
pub fn server_hello(message: &[u8]) -> Option<ServerHello<'_>> {
    let body = message.get(MESSAGE_HEAD..)?;
    let (rest, hello) = parse_tls_handshake_server_hello(body).ok()?;
    let mut read = ServerHello {
        version: hello.version.0,
        cipher_suite: hello.cipher.0,
        is_retry: hello.random == RETRY,
        ..ServerHello::default()
    };
    let block = hello.ext.unwrap_or_else(|| rest.get(2..).unwrap_or_default());
    each_extension(block, |number, data, bytes| match number {
        extension::SUPPORTED_VERSIONS => {
            if let Some(version) = versions(bytes).first() {
                read.version = *version;
            }
        }
        extension::KEY_SHARE => read.group = number_at(data, 0),
        extension::PRE_SHARED_KEY => read.has_psk = true,
        extension::ALPN => read.alpn = protocols(data).first().copied().unwrap_or_default(),
        _ => {}
    });
    Some(read)
}

/// A hello without extensions and one that was cut before them are told apart by the message's length alone.
fn is_as_long_as_it_says(message: &[u8]) -> bool {
    match message {
        [_, a, b, c, body @ ..] => u32::from_be_bytes([0, *a, *b, *c]) as usize == body.len(),
        _ => false,
    }
}

/// The curve that the beginning of a ServerKeyExchange names (RFC 8422, 5.4).
pub fn named_curve(body: &[u8]) -> Option<u16> {
    const NAMED_CURVE: u8 = 3;
    (body.first() == Some(&NAMED_CURVE)).then(|| number_at(body, 1)).flatten()
}

/// The signature scheme behind the curve in what is recorded of a ServerKeyExchange of TLS 1.2 (RFC 5246, 4.7).
pub fn signature_scheme(body: &[u8]) -> Option<u16> {
    named_curve(body).and_then(|_| number_at(body, 4))
}

fn number_at(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(pair.try_into().ok()?))
}

/// Goes through a block of extensions: number, content, and both with the head. `false`: it ends amid one.
fn each_extension<'a>(mut block: &'a [u8], mut take: impl FnMut(u16, &'a [u8], &'a [u8])) -> bool {
    while !block.is_empty() {
        let Ok((rest, TlsExtension::Unknown(number, data))) = parse_tls_extension_unknown(block) else {
            return false;
        };
        let bytes = block.get(..block.len() - rest.len()).unwrap_or_default();
        take(number.0, data, bytes);
        block = rest;
    }
    true
}

fn versions(extension: &[u8]) -> Vec<u16> {
    match parse_tls_extension(extension) {
        Ok((_, TlsExtension::SupportedVersions(list))) => numbers(list.iter().map(|v| v.0)),
        _ => Vec::new(),
    }
}

fn protocols(data: &[u8]) -> Vec<&[u8]> {
    match parse_tls_extension_alpn_content(data) {
        Ok((_, TlsExtension::ALPN(list))) => {
            list.into_iter().filter(|name| !is_grease_name(name)).take(ITEMS).collect()
        }
        _ => Vec::new(),
    }
}

/// GREASE as the name of a protocol is two bytes.
fn is_grease_name(name: &[u8]) -> bool {
    name.len() == 2 && number_at(name, 0).is_some_and(is_grease)
}

fn numbers(list: impl Iterator<Item = u16>) -> Vec<u16> {
    list.filter(|n| !is_grease(*n)).take(ITEMS).collect()
}

#[cfg(test)]
mod tests;
