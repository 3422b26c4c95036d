//! What a client offered, as one JSON object: lists of names, and beside each the list of numbers.
//!
//! Invariant: an empty list says that nothing was offered; where the hello was cut and that isn't known, the list is left out.

use super::parse::ClientHello;
use super::registry::{CIPHER_SUITES, GROUPS, Registry, SIGNATURE_SCHEMES, VERSIONS};
use crate::json::{put_names, put_numbers, put_object, put_texts};

/// The object.
pub fn offered(hello: &ClientHello<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    put_object(&mut out, |out| {
        let mut list = |name: &str, id: &str, registry: &Registry, numbers: &[u16]| {
            if hello.is_whole || !numbers.is_empty() {
                put_names(out, name, numbers.iter().map(|n| registry.name(*n)));
                put_numbers(out, id, numbers.iter().copied());
            }
        };
        list("versions", "version_ids", &VERSIONS, hello.offered_versions());
        list("cipher_suites", "cipher_suite_ids", &CIPHER_SUITES, &hello.cipher_suites);
        list("groups", "group_ids", &GROUPS, &hello.groups);
        list("signature_schemes", "signature_scheme_ids", &SIGNATURE_SCHEMES, &hello.signature_schemes);
        if hello.is_whole || !hello.alpn.is_empty() {
            put_texts(out, "alpn", &hello.alpn);
        }
    });
    out
}
