//! Names of algorithms as programs give them to libraries: what is known stays, all else becomes `other`.
//!
//! A name comes from the program: it may be anything, a password by mistake too. So it isn't secrets that are looked for,
//! but names: a list (algorithms.txt) says which words they are made of.
//!
//! Invariants:
//! - What is kept is made of known words, known sizes beside them, and single separators and operators of lists; or is
//!   an object identifier below one of a few roots.
//! - It doesn't depend on the policy.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::OnceLock;

const WORDS: &str = include_str!("algorithms.txt");

/// What stands in the place of a name that isn't known.
const OTHER: &[u8] = b"other";
/// Longer names aren't known.
const NAME_BYTES: usize = 80;
/// Operators before a name: `?*X25519`.
const OPERATORS: usize = 2;
/// Roots of object identifiers.
const ROOTS: &[&str] = &[
    // RSA, ANSI X9.57, X9.62 and X9.42, ISO 9797, IEEE.
    "1.2.840.113549.",
    "1.2.840.10040.",
    "1.2.840.10045.",
    "1.2.840.10046.",
    "1.0.9797.3.",
    "1.3.111.2.1619.",
    // SECG, OIW, TeleTrusT, Edwards curves, GNU, Blake2, X.500.
    "1.3.132.0.",
    "1.3.14.3.2.",
    "1.3.36.3.",
    "1.3.101.",
    "1.3.6.1.4.1.11591.",
    "1.3.6.1.4.1.1722.12.2.",
    "2.5.8.",
    // NIST; China, Russia, Korea (ARIA, SEED), Japan (Camellia).
    "2.16.840.1.101.3.4.",
    "1.2.156.10197.1.",
    "1.2.643.",
    "1.2.410.200046.1.",
    "1.2.410.200004.1.",
    "1.2.392.200011.61.1.1.",
    "0.3.4401.5.3.1.9.",
];
/// Numbers below a root.
const ARCS: usize = 5;

fn words() -> &'static HashSet<&'static str> {
    static KNOWN: OnceLock<HashSet<&'static str>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let lines = WORDS.lines().filter(|line| !line.starts_with('#'));
        lines.flat_map(str::split_ascii_whitespace).collect()
    })
}

/// Between the names of a list.
fn separates(b: u8) -> bool {
    matches!(b, b':' | b',' | b';' | b' ')
}

/// Before a name of a list: without, at the end, optional, a key share, a command, a flag.
fn operates(b: u8) -> bool {
    matches!(b, b'!' | b'-' | b'+' | b'?' | b'*' | b'@' | b'%')
}

/// Redacts a name, or a list of names.
pub(super) fn redact(text: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::with_capacity(text.len());
    let mut separator = None;
    for item in text.split_inclusive(|&b| separates(b)) {
        let (name, next) = match item.split_last() {
            Some((last, rest)) if separates(*last) => (rest, Some(*last)),
            _ => (item, None),
        };
        if !name.is_empty() {
            out.extend(separator.filter(|_| !out.is_empty()));
            push(name, &mut out);
            separator = None;
        }
        separator = separator.or(next);
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

/// An item of a list: an operator, names that must all hold, a value.
fn push(item: &[u8], out: &mut Vec<u8>) {
    // Between groups that are offered together. Not at the start, where nothing comes before it.
    if item == b"/" && !out.is_empty() {
        return out.push(b'/');
    }
    let operators = item.iter().take(OPERATORS).take_while(|b| operates(**b)).count();
    let (operators, name) = item.split_at(operators.min(item.len().saturating_sub(1)));
    out.extend_from_slice(operators);
    // `ECDHE+AESGCM`: both; `DEFAULT@SECLEVEL=2`: a name and a command.
    for part in name.split_inclusive(|&b| matches!(b, b'+' | b'@')) {
        let (part, joint) = match part.split_last() {
            Some((last, rest)) if matches!(last, b'+' | b'@') => (rest, Some(*last)),
            _ => (part, None),
        };
        let (name, value) = match part.iter().position(|&b| b == b'=') {
            Some(at) => (&part[..at], Some(&part[at + 1..])),
            None => (part, None),
        };
        out.extend_from_slice(if is_known(name) { name } else { OTHER });
        if let Some(value) = value {
            out.push(b'=');
            // The level of security is a digit.
            let digit = matches!(value, [b'0'..=b'9']);
            out.extend_from_slice(if digit || is_known(value) { value } else { OTHER });
        }
        out.extend(joint);
    }
}

fn is_known(name: &[u8]) -> bool {
    let Some(name) = std::str::from_utf8(name).ok().filter(|n| n.len() <= NAME_BYTES) else { return false };
    let name = name.to_ascii_lowercase();
    let lettered = |word: &str| word.bytes().any(|b| b.is_ascii_lowercase());
    let whole = words().contains(name.as_str()) && lettered(&name);
    let parted = || {
        let mut parts = name.split(['-', '_', '/']);
        parts.clone().any(lettered) && parts.all(|part| words().contains(part))
    };
    // Groups that are offered together.
    let together = || name.contains('/') && name.split('/').all(|one| words().contains(one) && lettered(one));
    whole || parted() || together() || is_identifier(&name)
}

/// An object identifier below a known root, by a few numbers below ten thousand.
fn is_identifier(name: &str) -> bool {
    let number = |arc: &str| (1..=4).contains(&arc.len()) && arc.bytes().all(|b| b.is_ascii_digit());
    ROOTS.iter().filter_map(|root| name.strip_prefix(root)).any(|rest| {
        let mut arcs = rest.split('.');
        arcs.clone().count() <= ARCS && arcs.all(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_libraries_stay() {
        for name in [
            "AES-256-GCM",
            "id-aes256-GCM",
            "AES-128-CBC-HMAC-SHA256",
            "ChaCha20-Poly1305",
            "DES-EDE3-CBC",
            "SHA2-512/256",
            "SHA3-384",
            "KECCAK-KMAC-128",
            "MD5-SHA1",
            "RSA-PSS",
            "X942KDF-ASN1",
            "TLS13-KDF",
            "HMAC-DRBG-KDF",
            "SEED-SRC",
            "P-256",
            "prime256v1",
            "brainpoolP384r1",
            "SecP256r1MLKEM768",
            "ML-KEM-768",
            "ML-DSA-65",
            "SLH-DSA-SHAKE-128f",
            "NIST P-521",
            "ssl_server",
            "smime_sign",
            "default",
            "provider=default,fips=yes",
            "2.16.840.1.101.3.4.1.42",
            "1.2.840.113549.1.1.11",
            "RIPEMD-160",
            "CAMELLIA-256-CTS",
        ] {
            assert!(matches!(redact(name.as_bytes()), Cow::Borrowed(_)), "{name}: {}", shown(name));
        }
    }

    #[test]
    fn lists_stay() {
        for list in [
            "HIGH:!aNULL:!MD5:@STRENGTH",
            "DEFAULT:@SECLEVEL=0",
            "DEFAULT@SECLEVEL=2",
            "ECDHE+AESGCM:DHE+CHACHA20:-kRSA",
            "ECDHE-ECDSA-AES128-GCM-SHA256:DHE-RSA-CHACHA20-POLY1305,ECDHE-PSK-AES128-CBC-SHA256",
            "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_8_SHA256",
            "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384",
            "X25519MLKEM768:?X25519:*P-256/P-384:ffdhe3072",
            "?*X25519MLKEM768 / ?*X25519:?secp256r1 / ffdhe2048",
            "rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256:RSA-PSS+SHA256:ed25519",
            "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-DTLS1.2:%SERVER_PRECEDENCE:-CTYPE-X.509",
            "SECURE256:+SIGN-RSA-PSS-RSAE-SHA512:+GROUP-X25519:%PROFILE_MEDIUM:%NO_ETM",
            "@SYSTEM,SUITEB192",
            "PROFILE=SYSTEM",
        ] {
            assert!(matches!(redact(list.as_bytes()), Cow::Borrowed(_)), "{list}: {}", shown(list));
        }
    }

    fn shown(text: &str) -> String {
        String::from_utf8_lossy(&redact(text.as_bytes())).into_owned()
    }

    #[test]
    fn what_is_not_known_is_other() {
        for (given, kept) in [
            ("hunter2", "other"),
            ("correct horse battery staple", "other other other other"),
            ("AES-256-hunter2", "other"),
            ("HIGH:hunter2:!MD5", "HIGH:other:!MD5"),
            ("!hunter2", "!other"),
            ("ECDHE+hunter2", "ECDHE+other"),
            ("bob@hunter2", "other@other"),
            ("AES++", "AES+other+"),
            ("SECLEVEL=4711", "SECLEVEL=other"),
            ("provider=hunter2", "provider=other"),
            ("hunter2=default", "other=default"),
            // A PIN is no size, and sizes alone are no names.
            ("1234", "other"),
            ("256", "other"),
            ("256-128", "other"),
            ("AES-4711", "other"),
            ("1.2.3.4", "other"),
            ("1.2.840.113549.12345.1", "other"),
            ("1.3.101.1.2.3.4.5.6", "other"),
            // Nor can it be written in punctuation.
            (":::", ""),
            ("::HIGH:, ;LOW:", "HIGH:LOW"),
            ("!", "other"),
            ("!!!HIGH", "!!other"),
            ("/", "other"),
            ("256/128", "other"),
            ("-", "other"),
            ("AES--256", "other"),
            ("", ""),
            ("grüße", "other"),
        ] {
            assert_eq!(shown(given), kept, "{given}");
        }
        assert_eq!(&*redact(b"\xff\0"), OTHER);
        assert_eq!(shown(&"AES-".repeat(40)), "other");
    }

    #[test]
    fn the_list_of_words_is_one() {
        for word in words() {
            assert!(word.len() < 32, "{word}");
            let right =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
            assert!(word.bytes().all(right), "{word}");
        }
        assert!(words().contains("other"), "redacted twice");
    }

    proptest! {
        #[test]
        fn twice_changes_nothing_more(text in "([:;, !+%@=*?-]|AES|256|hunter2|HIGH|P-256|\\PC){0,12}") {
            let once = redact(text.as_bytes()).into_owned();
            prop_assert!(matches!(redact(&once), Cow::Borrowed(_)), "{:?}", String::from_utf8_lossy(&once));
            prop_assert!(!once.windows(7).any(|w| w == b"hunter2"));
        }

        #[test]
        fn any_bytes_are_redacted(text in prop::collection::vec(any::<u8>(), 0..200)) {
            redact(&text);
        }
    }
}
