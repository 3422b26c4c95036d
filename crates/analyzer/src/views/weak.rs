//! What is weak by today's standards: algorithms, keys, certificates.
//!
//! Invariant: these are hints for people who look through a summary, not a policy; each is a line of a table here.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Algorithms that NIST (SP 800-131A) and the IETF (RFC 6151, 6194, 7465, 9155) advise against; in lower case.
const ALGORITHMS: [&str; 16] = [
    "md2",
    "md4",
    "md5",
    "sha1",
    "sha",
    "des",
    "3des",
    "des3",
    "tripledes",
    "desede3",
    "rc2",
    "rc4",
    "arcfour",
    "bf",
    "blowfish",
    "cast5",
];
/// Words that tell of keys of which so many bits are too few …
const LONG_KEYS: [&str; 6] = ["rsa", "dsa", "dh", "dsaparam", "rsassapss", "elgamal"];
const LONG_KEY_BITS: u64 = 2048;
/// … and of which fewer than these are enough.
const SHORT_KEYS: [&str; 7] = ["ec", "ecdsa", "ecdh", "ed25519", "ed448", "x25519", "x448"];
const SHORT_KEY_BITS: u64 = 224;
/// The longest key of an elliptic curve.
const LONGEST_CURVE: u64 = 571;
/// So often a password is hashed at least (SP 800-132).
const ITERATIONS: u64 = 1000;

/// Whether a use of an algorithm is weak, by the functions' names and their arguments.
pub(super) fn is_weak(functions: &BTreeSet<&str>, args: &Map<String, Value>) -> bool {
    let mut texts: Vec<&str> = args.values().filter_map(Value::as_str).collect();
    if texts.iter().any(|text| is_weak_algorithm(text)) {
        return true;
    }
    texts.extend(functions.iter());
    let words: BTreeSet<String> = texts.into_iter().flat_map(words).collect();
    let number = |name: &str| args.get(name).and_then(Value::as_u64);
    let has_weak_key = number("bits").is_some_and(|bits| is_weak_key(&words, bits));
    has_weak_key || number("iterations").is_some_and(|n| n < ITERATIONS)
}

/// Words of cipher lists that allow what nobody should use, in lower case (openssl-ciphers(1)).
const ALLOWANCES: [&str; 9] =
    ["anull", "enull", "null", "adh", "aecdh", "exp", "export", "low", "@seclevel=0"];

/// Whether a name is that of a weak algorithm, or has one in it: `MD5`, `SHA-1`, `RSA-SHA1`, `DES-EDE3-CBC`; of a list of
/// ciphers, whether one of them is that is not taken out of it (`!MD5`, `-RC4`).
pub(super) fn is_weak_algorithm(name: &str) -> bool {
    let tokens = name.split([':', ',', ' ']).filter(|token| !token.starts_with(['!', '-']));
    tokens.into_iter().any(|token| {
        ALLOWANCES.contains(&token.to_ascii_lowercase().trim_start_matches('+')) || has_weak_word(token)
    })
}

fn has_weak_word(name: &str) -> bool {
    let words: Vec<String> = words(name).collect();
    let sha = words.windows(2).any(|pair| matches!(pair, [a, b] if a == "sha" && b != "1"));
    words.iter().any(|word| ALGORITHMS.contains(&word.as_str()) && !(word == "sha" && sha))
}

/// Whether a certificate's signature is: `sha1WithRSAEncryption`, `ecdsa-with-SHA1`.
pub(super) fn is_weak_signature(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["md2", "md4", "md5", "sha1"].iter().any(|weak| name.contains(weak))
}

/// Whether a key of that kind has too few bits.
pub(super) fn is_weak_key_of(kind: &str, bits: u64) -> bool {
    is_weak_key(&words(kind).collect(), bits)
}

fn is_weak_key(words: &BTreeSet<String>, bits: u64) -> bool {
    let has = |list: &[&str]| list.iter().any(|word| words.contains(*word));
    match bits {
        0 => false,
        bits if has(&SHORT_KEYS) => bits < SHORT_KEY_BITS,
        bits if has(&LONG_KEYS) => bits < LONG_KEY_BITS,
        bits => (LONGEST_CURVE + 1..LONG_KEY_BITS).contains(&bits),
    }
}

/// The words of a name, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_weak_by_what_it_allows() {
        for fine in
            ["HIGH:!aNULL:!MD5", "DEFAULT:!RC4:-3DES", "ECDHE+AESGCM:!SHA1", "NORMAL:-VERS-ALL:+VERS-TLS1.3"]
        {
            assert!(!is_weak_algorithm(fine), "{fine}");
        }
        for weak in [
            "ALL:@SECLEVEL=0",
            "aNULL",
            "HIGH:eNULL",
            "DES-CBC3-SHA:AES128-SHA256",
            "HIGH:RC4",
            "ALL:LOW:!MD5",
        ] {
            assert!(is_weak_algorithm(weak), "{weak}");
        }
    }

    #[test]
    fn weak_algorithms_are_told_from_their_stronger_relatives() {
        for weak in [
            "MD5",
            "sha1",
            "SHA-1",
            "SHA",
            "DES-EDE3-CBC",
            "des-cbc",
            "RC4",
            "BF-CBC",
            "RSA-SHA1",
            "hmac(md5)",
        ] {
            assert!(is_weak_algorithm(weak), "{weak}");
        }
        for strong in [
            "SHA256",
            "SHA-256",
            "sha512",
            "AES-256-GCM",
            "ChaCha20-Poly1305",
            "SHA3-256",
            "SM4",
            "",
            "other",
        ] {
            assert!(!is_weak_algorithm(strong), "{strong}");
        }
        assert!(is_weak_signature("sha1WithRSAEncryption") && is_weak_signature("ecdsa-with-SHA1"));
        assert!(!is_weak_signature("sha256WithRSAEncryption") && !is_weak_signature("ecdsa-with-SHA384"));
    }

    #[test]
    fn bits_mean_what_the_key_is() {
        let is = |function: &str, args: &str| {
            is_weak(
                &BTreeSet::from([function]),
                serde_json::from_str::<Value>(args).unwrap().as_object().unwrap(),
            )
        };
        assert!(is("RSA_generate_key_ex", r#"{"bits":1024}"#));
        assert!(!is("RSA_generate_key_ex", r#"{"bits":2048}"#));
        assert!(is("EVP_PKEY_Q_keygen", r#"{"bits":512,"key_type":"RSA"}"#));
        assert!(!is("gnutls_privkey_generate", r#"{"bits":256,"algorithm":"ECDSA"}"#));
        assert!(is("gnutls_privkey_generate", r#"{"bits":160,"algorithm":"EC"}"#));
        assert!(!is("keygen", r#"{"bits":521}"#) && is("keygen", r#"{"bits":1024}"#));
        assert!(is("PKCS5_PBKDF2_HMAC", r#"{"iterations":1}"#));
        assert!(!is("EVP_PBE_scrypt", r#"{"cost":512}"#), "each step of which is long");
        assert!(!is("SSL_CTX_set_options", r#"{"options":"SSL_OP_NO_SSLv3|SSL_OP_NO_TLSv1"}"#));
        assert!(!is("PKCS5_PBKDF2_HMAC", r#"{"iterations":600000,"digest":"SHA256"}"#));
        assert!(
            is_weak_key_of("RSA", 1024)
                && !is_weak_key_of("id-ecPublicKey", 256)
                && !is_weak_key_of("EC", 256)
        );
    }
}
