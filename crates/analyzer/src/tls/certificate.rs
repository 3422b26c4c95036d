//! What a certificate says, as one JSON object.
//!
//! Invariants:
//! - A certificate that can't be read gives an object that says so: the place in the chain isn't lost.
//! - Names are as the recorder left them: what it masked is masked.

use std::net::{Ipv4Addr, Ipv6Addr};

use x509_parser::asn1_rs::{FromDer, Oid};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{ASN1Time, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AttributeTypeAndValue, SubjectPublicKeyInfo, X509Name};

use crate::json::{put_names, put_number, put_object, put_text, put_true};

/// Object identifiers: identifier, name, and bits of the key where there are.
const OIDS: &str = include_str!("registry/oids.tsv");
/// Names of a certificate that are kept. Some hold thousands.
const NAMES: usize = 100;

/// Appends the object.
pub fn put_certificate(out: &mut Vec<u8>, der: &[u8]) {
    put_object(out, |out| match X509Certificate::from_der(der) {
        Ok((_, certificate)) => put_fields(out, &certificate),
        Err(_) => put_true(out, "unreadable"),
    });
}

fn put_fields(out: &mut Vec<u8>, certificate: &X509Certificate<'_>) {
    put_text(out, "subject", name_text(certificate.subject()).as_bytes());
    put_text(out, "issuer", name_text(certificate.issuer()).as_bytes());
    put_text(out, "serial", hex(certificate.raw_serial()).as_bytes());
    let validity = certificate.validity();
    for (field, time) in [("not_before", validity.not_before), ("not_after", validity.not_after)] {
        if let Some(text) = time_text(time) {
            put_text(out, field, text.as_bytes());
        }
    }
    put_key(out, certificate.public_key());
    let signature = &certificate.signature_algorithm.algorithm;
    put_text(out, "signature_algorithm", oid_name(signature).as_bytes());
    if let Ok(Some(names)) = certificate.subject_alternative_name() {
        let texts: Vec<String> = names.value.general_names.iter().filter_map(general_name).collect();
        put_names(out, "names", texts.iter().take(NAMES));
        if texts.len() > NAMES {
            put_number(out, "names_left_out", texts.len() - NAMES);
        }
    }
}

fn put_key(out: &mut Vec<u8>, key: &SubjectPublicKeyInfo<'_>) {
    let algorithm = &key.algorithm.algorithm;
    put_text(out, "key_type", oid_name(algorithm).as_bytes());
    let curve = key.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
    let bits = match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => Some(rsa.key_size()),
        Ok(PublicKey::EC(_)) => curve.as_ref().and_then(oid_bits),
        Ok(PublicKey::DSA(_)) => None,
        _ => oid_bits(algorithm),
    };
    if let Some(bits) = bits.filter(|bits| *bits > 0) {
        put_number(out, "key_bits", bits);
    }
    if let (Ok(PublicKey::EC(_)), Some(curve)) = (key.parsed(), &curve) {
        put_text(out, "curve", oid_name(curve).as_bytes());
    }
}

/// `C=US, O=Example, CN=example.com`, in the order of the certificate; special characters escaped as in RFC 4514.
fn name_text(name: &X509Name<'_>) -> String {
    let mut text = String::new();
    for part in name.iter_rdn() {
        let mut separator = ", ";
        for attribute in part.iter() {
            if !text.is_empty() {
                text.push_str(separator);
            }
            separator = "+";
            put_attribute(&mut text, attribute);
        }
    }
    text
}

fn put_attribute(text: &mut String, attribute: &AttributeTypeAndValue<'_>) {
    text.push_str(&oid_name(attribute.attr_type()));
    text.push('=');
    match attribute.as_str() {
        Ok(value) => {
            for character in value.chars() {
                if matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=') {
                    text.push('\\');
                }
                text.push(character);
            }
        }
        Err(_) => {
            text.push('#');
            text.push_str(&hex(attribute.as_slice()));
        }
    }
}

fn general_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(v4), _) => Some(Ipv4Addr::from(v4).to_string()),
            (_, Ok(v6)) => Some(Ipv6Addr::from(v6).to_string()),
            _ => None,
        },
        GeneralName::DirectoryName(name) => Some(name_text(name)),
        _ => None,
    }
}

fn time_text(time: ASN1Time) -> Option<String> {
    let at = chrono::DateTime::from_timestamp(time.timestamp(), 0)?;
    Some(at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Name and bits of an identifier.
fn entry(oid: &Oid<'_>) -> Option<(&'static str, Option<usize>)> {
    let id = oid.to_id_string();
    OIDS.lines().find_map(|line| {
        let mut fields = line.split('\t');
        let name = (fields.next() == Some(&id)).then(|| fields.next()).flatten()?;
        Some((name, fields.next().and_then(|bits| bits.parse().ok())))
    })
}

fn oid_name(oid: &Oid<'_>) -> String {
    entry(oid).map_or_else(|| oid.to_id_string(), |(name, _)| name.to_owned())
}

fn oid_bits(oid: &Oid<'_>) -> Option<usize> {
    entry(oid).and_then(|(_, bits)| bits)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
