//! Which shared libraries count as cryptographic.
//!
//! Invariants:
//! - The table [`FAMILIES`] is the only list. A file belongs to a family by its own name, never by that of its folder.
//! - A name is a stem, then `.so`, or a `-` or `.` and more before the `.so` (`libssl-8bd944e8.so.3` in Python wheels).

/// A family of libraries that share an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// As people write it: what `--library openssl` finds too.
    pub name: &'static str,
    /// How the names of its files begin.
    pub stems: &'static [&'static str],
    /// Which of them make TLS handshakes.
    pub tls: &'static [&'static str],
}

/// The families that are recorded.
pub const FAMILIES: &[Family] = &[
    Family { name: "OpenSSL", stems: &["libssl", "libcrypto"], tls: &["libssl"] },
    Family { name: "GnuTLS", stems: &["libgnutls"], tls: &["libgnutls"] },
    Family {
        name: "NSS",
        stems: &["libnss3", "libssl3", "libsmime3", "libsoftokn3", "libfreebl3", "libfreeblpriv3"],
        tls: &["libssl3"],
    },
    Family { name: "libsodium", stems: &["libsodium"], tls: &[] },
    Family { name: "mbedTLS", stems: &["libmbedtls", "libmbedcrypto", "libmbedx509"], tls: &["libmbedtls"] },
    Family { name: "wolfSSL", stems: &["libwolfssl"], tls: &["libwolfssl"] },
    Family { name: "libgcrypt", stems: &["libgcrypt"], tls: &[] },
    Family { name: "Nettle", stems: &["libnettle", "libhogweed"], tls: &[] },
    Family { name: "Botan", stems: &["libbotan"], tls: &["libbotan"] },
    Family { name: "Crypto++", stems: &["libcryptopp", "libcrypto++"], tls: &[] },
    Family { name: "s2n", stems: &["libs2n"], tls: &["libs2n"] },
    Family { name: "liboqs", stems: &["liboqs"], tls: &[] },
    Family { name: "Kerberos", stems: &["libk5crypto", "libgssapi_krb5"], tls: &[] },
    Family {
        name: "PKCS #11",
        stems: &["libp11", "libp11-kit", "libsofthsm2", "opensc-pkcs11", "pkcs11"],
        tls: &[],
    },
    Family { name: "libssh", stems: &["libssh", "libssh2"], tls: &[] },
    Family { name: "GPGME", stems: &["libgpgme"], tls: &[] },
    Family { name: "libtomcrypt", stems: &["libtomcrypt"], tls: &[] },
];

/// The family of a library file, by the last component of its path. A deleted file's ` (deleted)` must be gone.
pub fn family_of(path: &[u8]) -> Option<&'static Family> {
    let base = super::files::basename(path);
    FAMILIES.iter().find(|family| family.stems.iter().any(|stem| is_library_of(base, stem.as_bytes())))
}

/// Whether the file at a path is a library of this stem.
pub fn is_library(path: &[u8], stem: &str) -> bool {
    is_library_of(super::files::basename(path), stem.as_bytes())
}

/// Whether the file at a path is a library that makes TLS handshakes.
pub fn makes_handshakes(path: &[u8]) -> bool {
    let base = super::files::basename(path);
    FAMILIES.iter().flat_map(|family| family.tls).any(|stem| is_library_of(base, stem.as_bytes()))
}

/// `stem` + [anything that starts with `-`, `.` or a digit] + `.so` + [nothing, or `.` and a version].
fn is_library_of(base: &[u8], stem: &[u8]) -> bool {
    let Some(rest) = base.strip_prefix(stem) else { return false };
    let Some(at) = rest.windows(3).position(|w| w == b".so") else { return false };
    let (middle, tail) = (&rest[..at], &rest[at + 3..]);
    let middle_ok = middle.is_empty() || matches!(middle[0], b'-' | b'.');
    let tail_ok = tail.is_empty()
        || (tail[0] == b'.' && tail[1..].iter().all(|b| b.is_ascii_alphanumeric() || *b == b'.'));
    middle_ok && tail_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_known_by_the_file_not_by_the_folder() {
        for (path, want) in [
            ("/usr/lib/x86_64-linux-gnu/libssl.so.3", Some("OpenSSL")),
            ("/usr/lib/x86_64-linux-gnu/libcrypto.so.1.1", Some("OpenSSL")),
            ("/venv/numpy.libs/libssl-8bd944e8.so.3", Some("OpenSSL")),
            ("/usr/lib/firefox/libssl3.so", Some("NSS")),
            ("/usr/lib/libssh2.so.1", Some("libssh")),
            ("/usr/lib/libbotan-2.so.19", Some("Botan")),
            ("/usr/lib/libcrypto++.so.8", Some("Crypto++")),
            ("/srv/libssl-notes/data.bin", None),
            ("/srv/libssl-notes.txt", None),
            ("/srv/libssl.so.3.bak~", None),
            ("/srv/libsslx.so", None),
            ("libssl", None),
            ("", None),
        ] {
            assert_eq!(family_of(path.as_bytes()).map(|f| f.name), want, "{path}");
        }
    }

    #[test]
    fn not_every_library_of_a_family_makes_handshakes() {
        for (path, want) in [
            ("/usr/lib/libssl.so.3", true),
            ("/venv/numpy.libs/libssl-8bd944e8.so.3", true),
            ("/usr/lib/libcrypto.so.3", false),
            ("/usr/lib/firefox/libssl3.so", true),
            ("/usr/lib/firefox/libnss3.so", false),
            ("/usr/lib/libmbedtls.so.14", true),
            ("/usr/lib/libmbedcrypto.so.7", false),
            ("/usr/lib/libgcrypt.so.20", false),
            ("/usr/bin/node", false),
        ] {
            assert_eq!(makes_handshakes(path.as_bytes()), want, "{path}");
        }
        for family in FAMILIES {
            assert!(family.tls.iter().all(|stem| family.stems.contains(stem)), "{}", family.name);
        }
    }
}
