//! The hellos of a TLS handshake, without what is secret, random, or names people.
//!
//! Invariants:
//! - Gone whatever the policy is: randoms, session ids, key shares, tickets, identities and binders of pre-shared keys,
//!   cookies, what ECH encrypts, padding, and the content of extensions that this release doesn't know.
//! - What remains is a well-formed hello that says what was offered: versions, suites, groups, signature schemes, the
//!   registered protocols of ALPN, which extensions there were and in which order, how many pre-shared keys.
//! - A protocol that isn't registered is `other`, whatever the policy is: see `protocols`.
//! - Of the server's name the policy decides.
//! - A hello that is cut is closed behind its last whole extension. Redacting twice changes nothing more.

use super::{network, protocols};
use crate::limits;
use std::borrow::Cow;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;

const SERVER_NAME: u16 = 0;
const STATUS_REQUEST: u16 = 5;
const ALPN: u16 = 16;
const PADDING: u16 = 21;
const SESSION_TICKET: u16 = 35;
const PRE_SHARED_KEY: u16 = 41;
const COOKIE: u16 = 44;
const KEY_SHARE: u16 = 51;
const NEXT_PROTOCOL: u16 = 13172;
const APPLICATION_SETTINGS: [u16; 2] = [17513, 17613];
const RENEGOTIATION_INFO: u16 = 0xff01;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// Extensions whose content is a choice from a registry, or a few numbers (IANA, TLS ExtensionType Values).
const KEPT: &[u16] = &[
    1,  // max_fragment_length
    10, // supported_groups
    11, // ec_point_formats
    13, // signature_algorithms
    15, // heartbeat
    17, // status_request_v2: certificate status types
    19, // client_certificate_type
    20, // server_certificate_type
    22, // encrypt_then_mac
    23, // extended_master_secret
    27, // compress_certificate
    28, // record_size_limit
    34, // delegated_credential
    42, // early_data
    43, // supported_versions
    45, // psk_key_exchange_modes
    49, // post_handshake_auth
    50, // signature_algorithms_cert
];

/// The random that makes a ServerHello a HelloRetryRequest (RFC 8446, 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// Session ids are not longer.
const SESSION_MOST: usize = 32;
/// Content of an unknown extension that is too short to be a secret.
const UNKNOWN_KEPT: usize = 2;
/// Of longer content the length is kept, up to here.
const UNKNOWN_MOST: usize = 64;
/// Pre-shared keys that are told of; a client offers a few.
const IDENTITIES_MOST: usize = 8;
/// The shortest binder that the protocol has.
const BINDER: usize = 32;

/// The hello of either side; nothing, where it is none.
pub fn hello(message: &[u8], names: bool) -> Cow<'_, [u8]> {
    let mut out = Vec::with_capacity(message.len());
    if rewrite(message, names, &mut out).is_none() {
        out.clear();
    }
    if out == message { Cow::Borrowed(message) } else { Cow::Owned(out) }
}

/// Takes fields off the beginning.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|b| u16::from_be_bytes([b[0], b[1]]))
    }

    /// A field that two bytes of length stand before.
    fn vector(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn put_u16(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&(value.min(0xffff) as u16).to_be_bytes());
}

fn put_vector(out: &mut Vec<u8>, content: &[u8]) {
    put_u16(out, content.len());
    out.extend_from_slice(content);
}

fn rewrite(message: &[u8], names: bool, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = Bytes(message);
    let kind = rest.u8().filter(|kind| matches!(*kind, CLIENT_HELLO | SERVER_HELLO))?;
    let length = rest.take(3)?;
    let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
    // What stands behind the message isn't of it.
    rest.0 = &rest.0[..rest.0.len().min(length)];
    out.extend_from_slice(&[kind, 0, 0, 0]);
    out.extend_from_slice(rest.take(2)?);
    let retry = rest.take(32)? == RETRY_RANDOM && kind == SERVER_HELLO;
    out.extend_from_slice(if retry { &RETRY_RANDOM } else { &[0; 32] });
    let session = usize::from(rest.u8()?);
    rest.take(session)?;
    out.push(session.min(SESSION_MOST) as u8);
    out.resize(out.len() + session.min(SESSION_MOST), 0);
    if kind == CLIENT_HELLO {
        // A list without end would leave no room for what comes behind it.
        let suites = rest.vector()?;
        put_vector(out, &suites[..suites.len().min(limits::STRING_BYTES / 4) & !1]);
        let methods = rest.u8()?;
        let methods = rest.take(methods.into())?;
        out.push(methods.len() as u8);
        out.extend_from_slice(methods);
    } else {
        out.extend_from_slice(rest.take(3)?);
    }
    if !rest.is_empty() {
        let at = out.len();
        put_u16(out, 0);
        extensions(&mut rest, kind, retry, names, out);
        let length = out.len() - at - 2;
        patch(out, at, &(length as u16).to_be_bytes());
    }
    let length = (out.len() - 4) as u32;
    patch(out, 1, &length.to_be_bytes()[1..]);
    Some(())
}

fn patch(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

/// Each whole extension, as long as there is room for it.
fn extensions(rest: &mut Bytes<'_>, kind: u8, retry: bool, names: bool, out: &mut Vec<u8>) {
    let Some(length) = rest.u16() else { return };
    let mut rest = Bytes(&rest.0[..rest.0.len().min(length.into())]);
    let mut kept = Vec::new();
    while let (Some(number), Some(content)) = (rest.u16(), rest.vector()) {
        kept.clear();
        if extension(number, content, kind, retry, names, &mut kept).is_none() {
            kept.clear();
        }
        if out.len() + 4 + kept.len() > limits::STRING_BYTES {
            return;
        }
        put_u16(out, number.into());
        put_vector(out, &kept);
    }
}

/// Of what isn't known only the length is told.
fn unknown(content: &[u8], out: &mut Vec<u8>) {
    match content.len() {
        0..=UNKNOWN_KEPT => out.extend_from_slice(content),
        length => out.resize(length.min(UNKNOWN_MOST), 0),
    }
}

/// The content of an extension; `None`: it is not as it should be, and nothing of it remains.
fn extension(
    number: u16,
    content: &[u8],
    kind: u8,
    retry: bool,
    names: bool,
    out: &mut Vec<u8>,
) -> Option<()> {
    let mut rest = Bytes(content);
    match number {
        SERVER_NAME if kind == CLIENT_HELLO => server_name(&mut rest, names, out)?,
        KEY_SHARE if kind == CLIENT_HELLO => {
            let mut shares = Bytes(rest.vector()?);
            let mut kept = Vec::new();
            while !shares.is_empty() {
                kept.extend_from_slice(shares.take(2)?);
                shares.vector()?;
                // An empty one would be against the protocol.
                put_vector(&mut kept, &[0]);
            }
            put_vector(out, &kept);
        }
        KEY_SHARE if retry => out.extend_from_slice(rest.take(2)?),
        KEY_SHARE => {
            out.extend_from_slice(rest.take(2)?);
            rest.vector()?;
            put_vector(out, &[0]);
        }
        SESSION_TICKET if content.is_empty() => {}
        SESSION_TICKET => {
            rest.0 = &[];
            out.push(0);
        }
        PRE_SHARED_KEY if kind == SERVER_HELLO => out.extend_from_slice(rest.take(2)?),
        PRE_SHARED_KEY => pre_shared_keys(&mut rest, out)?,
        COOKIE => {
            rest.vector()?;
            put_vector(out, &[0]);
        }
        ALPN => put_vector(out, &protocols::redact(rest.vector()?)?),
        // Whether the client knows of it; in the server's hello a list without a length of its own.
        NEXT_PROTOCOL => out.extend_from_slice(&protocols::redact(rest.take(content.len())?)?),
        number if APPLICATION_SETTINGS.contains(&number) && kind == CLIENT_HELLO => {
            put_vector(out, &protocols::redact(rest.vector()?)?);
        }
        PADDING => rest.0 = &[],
        STATUS_REQUEST if kind == CLIENT_HELLO => {
            out.push(rest.u8()?);
            rest.0 = &[];
            put_u16(out, 0);
            put_u16(out, 0);
        }
        RENEGOTIATION_INFO => {
            // What is in it is made from the keys of the handshake before.
            let length = rest.u8()?;
            let empty = rest.take(length.into())?.is_empty();
            out.extend_from_slice(if empty { &[0] } else { &[1, 0] });
        }
        ENCRYPTED_CLIENT_HELLO if kind == CLIENT_HELLO => {
            let outer = rest.u8()? == 0;
            out.push(u8::from(!outer));
            if outer {
                // The suite of the encryption, and which configuration it is for.
                out.extend_from_slice(rest.take(5)?);
                rest.vector()?;
                put_u16(out, 0);
                rest.vector()?;
                put_vector(out, &[0]);
            }
        }
        _ if KEPT.contains(&number) => out.extend_from_slice(rest.take(content.len())?),
        _ => {
            rest.0 = &[];
            unknown(content, out);
        }
    }
    rest.is_empty().then_some(())
}

/// RFC 6066, 3: a list of names, of which only one type exists.
fn server_name(rest: &mut Bytes<'_>, names: bool, out: &mut Vec<u8>) -> Option<()> {
    let mut list = Bytes(rest.vector()?);
    let mut kept = Vec::new();
    while !list.is_empty() {
        let kind = list.u8()?;
        let name = list.vector()?;
        if kind == 0 && kept.is_empty() {
            let name = if names { network::host(name) } else { Cow::Borrowed(name) };
            kept.push(kind);
            put_vector(&mut kept, &name);
        }
    }
    put_vector(out, &kept);
    Some(())
}

/// RFC 8446, 4.2.11: how many, and nothing else of them.
fn pre_shared_keys(rest: &mut Bytes<'_>, out: &mut Vec<u8>) -> Option<()> {
    let mut identities = Bytes(rest.vector()?);
    let mut binders = Bytes(rest.vector()?);
    let mut count = 0;
    let mut kept = Vec::new();
    while !identities.is_empty() {
        identities.vector()?;
        identities.take(4)?;
        count += 1;
        if count <= IDENTITIES_MOST {
            put_vector(&mut kept, &[0]);
            kept.extend_from_slice(&[0; 4]);
        }
    }
    put_vector(out, &kept);
    kept.clear();
    count = 0;
    while !binders.is_empty() {
        let length = binders.u8()?;
        binders.take(length.into())?;
        count += 1;
        if count <= IDENTITIES_MOST {
            kept.push(BINDER as u8);
            kept.resize(kept.len() + BINDER, 0);
        }
    }
    put_vector(out, &kept);
    Some(())
}

#[cfg(test)]
mod tests;
