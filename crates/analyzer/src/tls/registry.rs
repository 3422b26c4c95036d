//! The registries of TLS as data: numbers and their names.
//!
//! Invariants:
//! - Each registry is one file, `number<TAB>name` by ascending number; `#` begins a comment.
//! - A number that a registry doesn't hold is shown as `0xNNNN`, never left out.
//! - Numbers that clients make up to keep servers tolerant (GREASE, RFC 8701) are in no registry and never shown.

use std::borrow::Cow;
use std::sync::LazyLock;

/// A registry.
#[derive(Debug)]
pub struct Registry {
    /// By ascending number.
    entries: LazyLock<Vec<(u16, &'static str)>>,
}

macro_rules! registries {
    ($($(#[doc = $doc:literal])* $name:ident = $file:literal;)*) => {
        $(
            $(#[doc = $doc])*
            pub static $name: Registry =
                Registry { entries: LazyLock::new(|| read(include_str!(concat!("registry/", $file, ".tsv")))) };
        )*

        /// All of them, with the names of their files.
        #[cfg(test)]
        const ALL: &[(&str, &Registry, &str)] =
            &[$(($file, &$name, include_str!(concat!("registry/", $file, ".tsv")))),*];
    };
}

registries! {
    /// Versions of the protocol.
    VERSIONS = "versions";
    /// Cipher suites.
    CIPHER_SUITES = "cipher_suites";
    /// Groups of the key exchange.
    GROUPS = "groups";
    /// Signature schemes.
    SIGNATURE_SCHEMES = "signature_schemes";
    /// Alerts.
    ALERTS = "alerts";
}

impl Registry {
    /// The name, if the number has one.
    pub fn known(&self, number: u16) -> Option<&'static str> {
        let at = self.entries.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        self.entries.get(at).map(|(_, name)| *name)
    }

    /// The name, or the number as `0xNNNN`.
    pub fn name(&self, number: u16) -> Cow<'static, str> {
        match self.known(number) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("{number:#06X}").replacen("0X", "0x", 1)),
        }
    }

    /// The number of a name, in any case.
    pub fn number(&self, name: &str) -> Option<u16> {
        self.entries.iter().find(|(_, n)| n.eq_ignore_ascii_case(name)).map(|(number, _)| *number)
    }
}

/// Whether the number is one of the sixteen that mean nothing (RFC 8701): 0x0A0A, 0x1A1A … 0xFAFA.
pub fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

fn read(text: &'static str) -> Vec<(u16, &'static str)> {
    text.lines().filter_map(entry).collect()
}

fn entry(line: &'static str) -> Option<(u16, &'static str)> {
    let (number, name) = line.split_once('\t')?;
    let number = match number.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16),
        None => number.parse(),
    };
    Some((number.ok()?, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_once_and_in_order() {
        for (file, registry, text) in ALL {
            let lines = text.lines().filter(|l| !l.starts_with('#')).count();
            assert_eq!(registry.entries.len(), lines, "{file}");
            assert!(registry.entries.is_sorted_by(|a, b| a.0 < b.0), "{file}: ascending, each once");
            let mut names: Vec<_> =
                registry.entries.iter().map(|(_, name)| name.to_ascii_lowercase()).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), lines, "{file}: a name twice");
            for (number, name) in registry.entries.iter() {
                assert!(!is_grease(*number), "{file}: {number:#x}");
                assert!(
                    name.bytes().all(|b| b.is_ascii_graphic()) && !name.starts_with("0x"),
                    "{file}: {name}"
                );
                assert_eq!(registry.number(name), Some(*number));
            }
        }
    }

    #[test]
    fn names_are_those_of_iana() {
        for (registry, number, name) in [
            (&VERSIONS, 0x0304, "TLSv1.3"),
            (&CIPHER_SUITES, 0x1301, "TLS_AES_128_GCM_SHA256"),
            (&CIPHER_SUITES, 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            (&CIPHER_SUITES, 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
            (&CIPHER_SUITES, 0x00ff, "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"),
            (&GROUPS, 29, "x25519"),
            (&GROUPS, 23, "secp256r1"),
            (&GROUPS, 4587, "SecP256r1MLKEM768"),
            (&GROUPS, 0x11ec, "X25519MLKEM768"),
            (&GROUPS, 4589, "SecP384r1MLKEM1024"),
            (&GROUPS, 512, "MLKEM512"),
            (&GROUPS, 513, "MLKEM768"),
            (&GROUPS, 514, "MLKEM1024"),
            (&GROUPS, 0x6399, "X25519Kyber768Draft00"),
            (&SIGNATURE_SCHEMES, 0x0804, "rsa_pss_rsae_sha256"),
            (&SIGNATURE_SCHEMES, 0x0905, "mldsa65"),
            (&ALERTS, 48, "unknown_ca"),
        ] {
            assert_eq!(registry.known(number), Some(name));
        }
    }

    #[test]
    fn what_has_no_name_is_shown_as_its_number() {
        assert_eq!(CIPHER_SUITES.name(0xabcd), "0xABCD");
        assert_eq!(GROUPS.name(0x01ff), "0x01FF");
        assert_eq!(CIPHER_SUITES.number("no such suite"), None);
    }

    #[test]
    fn sixteen_numbers_are_grease() {
        let all: Vec<u16> = (0..=u16::MAX).filter(|n| is_grease(*n)).collect();
        assert_eq!(all.len(), 16);
        assert!(all.contains(&0x0a0a) && all.contains(&0xfafa) && !all.contains(&0x0a1a));
    }
}
