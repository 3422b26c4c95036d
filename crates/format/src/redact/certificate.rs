//! Certificates (RFC 5280), without whom they name: hosts, people, their addresses.
//!
//! Invariants:
//! - What is hidden becomes `*` in place: no length changes, so that the DER form stays well-formed. Its signature then no
//!   longer fits, which nobody checks.
//! - Organisations, countries, serial number, validity, algorithms and keys stay. So do the names of authorities, and of a
//!   host's name the registered domain.
//! - Of what isn't a certificate nothing remains. One that is cut is redacted as far as it goes.

use super::network;
use std::borrow::Cow;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const BMP_STRING: u8 = 0x1e;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// subjectAltName and issuerAltName (RFC 5280, 4.2.1.6).
const ALT_NAMES: &[&[u8]] = &[&[0x55, 0x1d, 0x11], &[0x55, 0x1d, 0x12]];

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];
/// Domain components stay: together they are a domain.
const PERSONAL: &[&[u8]] = &[
    &[0x55, 0x04, 0x04],                                           // surname
    &[0x55, 0x04, 0x05],                                           // serialNumber, of a person or device
    &[0x55, 0x04, 0x09],                                           // streetAddress
    &[0x55, 0x04, 0x0c],                                           // title
    &[0x55, 0x04, 0x0d],                                           // description
    &[0x55, 0x04, 0x10],                                           // postalAddress
    &[0x55, 0x04, 0x14],                                           // telephoneNumber
    &[0x55, 0x04, 0x29],                                           // name
    &[0x55, 0x04, 0x2a],                                           // givenName
    &[0x55, 0x04, 0x2b],                                           // initials
    &[0x55, 0x04, 0x2c],                                           // generationQualifier
    &[0x55, 0x04, 0x2d],                                           // x500UniqueIdentifier
    &[0x55, 0x04, 0x2e],                                           // dnQualifier
    &[0x55, 0x04, 0x41],                                           // pseudonym
    &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01], // userId
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x02],       // unstructuredName
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x08],       // unstructuredAddress
];

/// How deep an otherName may be nested.
const DEPTH: u32 = 8;

/// A certificate; `leaf`: of the end entity, not of an authority.
pub fn certificate(der: &[u8], leaf: bool) -> Cow<'_, [u8]> {
    let mut out = der.to_vec();
    if walk(&mut out, leaf).is_none() {
        out.clear();
    }
    if out == der { Cow::Borrowed(der) } else { Cow::Owned(out) }
}

/// One element: its tag, and where its tag and its content lie. What is cut ends where the bytes do.
#[derive(Clone, Copy, Debug)]
struct Element {
    tag: u8,
    at: usize,
    from: usize,
    to: usize,
    /// Its end is missing.
    cut: bool,
}

impl Element {
    fn content<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.from..self.to).unwrap_or_default()
    }
}

/// The element at `at` of those that end at `end`; `None`: there is none, or none that DER knows.
fn element(bytes: &[u8], at: usize, end: usize) -> Option<Element> {
    let bytes = bytes.get(..end)?;
    let tag = *bytes.get(at)?;
    let first = *bytes.get(at + 1)?;
    let (length, from) = match first {
        0..=0x7f => (usize::from(first), at + 2),
        0x81..=0x84 => {
            let count = usize::from(first & 0x7f);
            let digits = bytes.get(at + 2..at + 2 + count)?;
            (digits.iter().fold(0, |n, d| n << 8 | usize::from(*d)), at + 2 + count)
        }
        _ => return None,
    };
    let several_bytes = tag & 0x1f == 0x1f;
    let stated = from.saturating_add(length);
    (!several_bytes).then(|| Element { tag, at, from, to: stated.min(end), cut: stated > end })
}

/// The elements within another.
fn elements(bytes: &[u8], from: usize, to: usize) -> Vec<Element> {
    let mut all = Vec::new();
    let mut at = from;
    while let Some(e) = element(bytes, at, to) {
        at = e.to;
        all.push(e);
    }
    all
}

fn walk(bytes: &mut [u8], leaf: bool) -> Option<()> {
    let whole = element(bytes, 0, bytes.len()).filter(|e| e.tag == SEQUENCE)?;
    let body = element(bytes, whole.from, whole.to).filter(|e| e.tag == SEQUENCE)?;
    let fields = elements(bytes, body.from, body.to);
    let mut fields = fields.iter().skip_while(|e| e.tag == VERSION);
    // Where it is cut, fields may be missing at the end; none may be another.
    let mut field = |tag: u8| match fields.next() {
        Some(e) if e.tag == tag => Some(Some(*e)),
        Some(_) => None,
        None => Some(None),
    };
    field(INTEGER)?;
    field(SEQUENCE)?;
    let issuer = field(SEQUENCE)?;
    field(SEQUENCE)?;
    let subject = field(SEQUENCE)?;
    field(SEQUENCE)?;
    let same = |a: &Element, b: &Element| a.content(bytes) == b.content(bytes);
    let own = matches!((&issuer, &subject), (Some(issuer), Some(subject)) if same(issuer, subject));
    if let Some(issuer) = issuer {
        name(bytes, issuer, leaf && own);
    }
    if let Some(subject) = subject {
        name(bytes, subject, leaf);
    }
    for list in
        fields.filter(|e| e.tag == EXTENSIONS).flat_map(|e| elements(bytes, e.from, e.to)).collect::<Vec<_>>()
    {
        for e in elements(bytes, list.from, list.to) {
            extension(bytes, e);
        }
    }
    Some(())
}

/// Extension: what it is, whether it is critical, and its value in an OCTET STRING.
fn extension(bytes: &mut [u8], extension: Element) {
    let parts = elements(bytes, extension.from, extension.to);
    let mut parts = parts.into_iter().filter(|e| e.tag != BOOLEAN);
    let kind = parts.next().filter(|e| e.tag == OBJECT_IDENTIFIER);
    if !kind.is_some_and(|kind| ALT_NAMES.contains(&kind.content(bytes))) {
        return;
    }
    for value in parts.filter(|e| e.tag == OCTET_STRING) {
        for names in elements(bytes, value.from, value.to) {
            for e in elements(bytes, names.from, names.to) {
                general_name(bytes, e);
            }
        }
    }
}

/// A Name: sets of attributes. `person`: a common name that is no host's may be a person's.
fn name(bytes: &mut [u8], name: Element, person: bool) {
    for set in elements(bytes, name.from, name.to).into_iter().filter(|e| e.tag == SET) {
        for attribute in elements(bytes, set.from, set.to) {
            if let [kind, value, ..] = elements(bytes, attribute.from, attribute.to)[..] {
                attribute_value(bytes, kind, value, person);
            }
        }
    }
}

fn attribute_value(bytes: &mut [u8], kind: Element, value: Element, person: bool) {
    let kind = kind.content(bytes);
    let (common, email) = (kind == COMMON_NAME, kind == EMAIL_ADDRESS);
    let personal = PERSONAL.contains(&kind);
    let Some(text) = bytes.get_mut(value.from..value.to) else { return };
    let before = text.to_vec();
    if value.tag == BMP_STRING {
        // Two bytes for each character.
        if email || personal || (common && person) {
            text.chunks_exact_mut(2).for_each(|c| c.copy_from_slice(&[0, b'*']));
        }
        return;
    }
    if value.cut {
        // What it would be is not known.
        text.fill(b'*');
    } else if email || (common && text.contains(&b'@')) {
        hide_email(text);
    } else if common && looks_like_host(text) {
        hide_host(text);
    } else if personal || (common && person && text != b"localhost") {
        text.fill(b'*');
    }
    // An asterisk isn't in every character set.
    if *text != before
        && matches!(value.tag, PRINTABLE_STRING | NUMERIC_STRING)
        && let Some(tag) = bytes.get_mut(value.at)
    {
        *tag = UTF8_STRING;
    }
}

/// RFC 5280, 4.2.1.6: one of several kinds of names.
fn general_name(bytes: &mut [u8], e: Element) {
    if e.tag == 0xa4 {
        for inner in elements(bytes, e.from, e.to) {
            name(bytes, inner, true);
        }
        return;
    }
    // otherName, x400Address, ediPartyName: whatever texts they hold.
    if matches!(e.tag, 0xa0 | 0xa3 | 0xa5) {
        return hide_texts(bytes, e, DEPTH);
    }
    let Some(text) = bytes.get_mut(e.from..e.to) else { return };
    match e.tag {
        _ if e.cut => text.fill(b'*'),
        0x81 => hide_email(text),
        0x82 => hide_host(text),
        0x86 => hide_uri(text),
        0x87 => hide_address(text),
        _ => {}
    }
}

fn hide_texts(bytes: &mut [u8], e: Element, depth: u32) {
    let constructed = e.tag & 0x20 != 0;
    if constructed && depth > 0 {
        for inner in elements(bytes, e.from, e.to) {
            hide_texts(bytes, inner, depth - 1);
        }
    } else if e.tag != OBJECT_IDENTIFIER
        && let Some(text) = bytes.get_mut(e.from..e.to)
    {
        text.fill(b'*');
    }
}

/// All but the dots.
fn hide(text: &mut [u8]) {
    text.iter_mut().filter(|b| **b != b'.').for_each(|b| *b = b'*');
}

fn looks_like_host(text: &[u8]) -> bool {
    let of_hosts = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*' | b':');
    text.iter().any(|b| matches!(b, b'.' | b':')) && text.iter().all(of_hosts)
}

fn hide_host(text: &mut [u8]) {
    let numeric = |b: &u8| b.is_ascii_digit() || matches!(b, b'.' | b'*');
    if text.iter().all(numeric) && text.iter().filter(|b| **b == b'.').count() == 3 {
        // The last part of a public address, where it isn't hidden already.
        let shown = network::host(text);
        if !text.contains(&b'*') && *shown != *text {
            let last = text.iter().rposition(|b| *b == b'.').unwrap_or_default();
            hide(&mut text[last..]);
        }
    } else if text.contains(&b':') {
        if *network::host(text) != *text {
            text.iter_mut().filter(|b| **b != b':').for_each(|b| *b = b'*');
        }
    } else {
        let kept = network::kept_from(text).unwrap_or(text.len());
        hide(&mut text[..kept]);
    }
}

fn hide_email(text: &mut [u8]) {
    match text.iter().rposition(|b| *b == b'@') {
        Some(at) => {
            let (local, host) = text.split_at_mut(at);
            local.fill(b'*');
            hide_host(&mut host[1..]);
        }
        None => text.fill(b'*'),
    }
}

/// Of a URI remain the scheme, the registered domain and the slashes.
fn hide_uri(text: &mut [u8]) {
    let scheme = text.windows(3).position(|w| w == b"://").map_or(0, |at| at + 3);
    let host_end = text[scheme..].iter().position(|b| matches!(b, b'/' | b'?' | b'#'));
    let (front, path) = match host_end {
        Some(end) if scheme > 0 => text.split_at_mut(scheme + end),
        _ if scheme > 0 => text.split_at_mut(text.len()),
        _ => text.split_at_mut(0),
    };
    path.iter_mut().filter(|b| **b != b'/').for_each(|b| *b = b'*');
    if let Some(authority) = front.get_mut(scheme..) {
        let at = authority.iter().rposition(|b| *b == b'@').map_or(0, |at| at + 1);
        let (user, host) = authority.split_at_mut(at);
        user.iter_mut().filter(|b| **b != b'@').for_each(|b| *b = b'*');
        let port = host.iter().position(|b| *b == b':').unwrap_or(host.len());
        if host[port..].iter().skip(1).all(u8::is_ascii_digit) {
            hide_host(&mut host[..port]);
        } else {
            hide_host(host);
        }
    }
}

fn hide_address(bytes: &mut [u8]) {
    if let Ok(v4) = <[u8; 4]>::try_from(&*bytes) {
        let kept = network::address(std::net::Ipv4Addr::from(v4).to_ipv6_mapped().octets());
        bytes.copy_from_slice(&kept[12..]);
    } else if let Ok(v6) = <[u8; 16]>::try_from(&*bytes) {
        bytes.copy_from_slice(&network::address(v6));
    }
}

#[cfg(test)]
mod tests;
