//! The numbers of libraries' interfaces by name: one file for each list, `number<TAB>name`.
//!
//! Invariant: a number without a name is written as a number, never left out.

use std::sync::LazyLock;

use crypto_tracer_format::catalogue::api::ArgumentKind;

/// A list of numbers and names.
pub struct Names {
    entries: LazyLock<Vec<(i64, &'static str)>>,
    /// The numbers are bits, which may come together.
    are_bits: bool,
}

macro_rules! lists {
    ($($kind:ident = $file:literal $(, $bits:ident)?;)*) => {
        /// The list that explains numbers of this kind.
        pub fn of(kind: ArgumentKind) -> Option<&'static Names> {
            match kind {
                $(ArgumentKind::$kind => {
                    static LIST: Names = Names {
                        entries: LazyLock::new(|| read(include_str!(concat!("names/", $file, ".tsv")))),
                        are_bits: lists!(@bits $($bits)?),
                    };
                    Some(&LIST)
                })*
                _ => None,
            }
        }

        /// The kinds that have a list, and their files.
        #[cfg(test)]
        const ALL: &[(ArgumentKind, &str)] =
            &[$((ArgumentKind::$kind, include_str!(concat!("names/", $file, ".tsv")))),*];
    };
    (@bits) => { false };
    (@bits bits) => { true };
}

lists! {
    Nid = "nid";
    OpensslVerifyMode = "openssl_verify_mode", bits;
    OpensslVerifyResult = "openssl_verify_result";
    OpensslControl = "openssl_control";
    OpensslOptions = "openssl_options", bits;
    GnutlsVerifyStatus = "gnutls_verify_status", bits;
    GnutlsRequest = "gnutls_request";
    GnutlsPublicKey = "gnutls_public_key";
    GnutlsDigest = "gnutls_digest";
    GnutlsCipher = "gnutls_cipher";
    MbedtlsVerifyMode = "mbedtls_verify_mode";
    MbedtlsCurve = "mbedtls_curve";
    WolfsslVerifyMode = "wolfssl_verify_mode", bits;
    GcryptCipher = "gcrypt_cipher";
    GcryptDigest = "gcrypt_digest";
    GcryptKdf = "gcrypt_kdf";
    Mechanism = "mechanism";
    NssOption = "nss_option";
}

impl Names {
    fn known(&self, number: i64) -> Option<&'static str> {
        let at = self.entries.binary_search_by_key(&number, |(n, _)| *n).ok()?;
        self.entries.get(at).map(|(_, name)| *name)
    }

    /// The name; of bits the names of those that are set, with `|` between.
    pub fn name(&self, number: i64) -> String {
        if let Some(name) = self.known(number) {
            return name.to_owned();
        }
        if !self.are_bits {
            return number.to_string();
        }
        let mut rest = number;
        let mut parts: Vec<String> = Vec::new();
        for (bit, name) in self.entries.iter().filter(|(bit, _)| *bit != 0) {
            if rest & bit == *bit {
                parts.push((*name).to_owned());
                rest &= !bit;
            }
        }
        if rest != 0 || parts.is_empty() {
            parts.push(format!("{rest:#x}"));
        }
        parts.join("|")
    }
}

fn read(text: &'static str) -> Vec<(i64, &'static str)> {
    text.lines()
        .filter_map(|line| {
            let (number, name) = line.split_once('\t')?;
            Some((number.parse().ok()?, name))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_once_and_in_order() {
        for (kind, text) in ALL {
            let names = of(*kind).expect("a list");
            let lines = text.lines().filter(|line| !line.starts_with('#')).count();
            assert_eq!(names.entries.len(), lines, "{kind:?}");
            assert!(names.entries.is_sorted_by(|a, b| a.0 < b.0), "{kind:?}: ascending, each once");
            for (number, name) in names.entries.iter() {
                assert!(name.bytes().all(|b| b.is_ascii_graphic() || b == b' '), "{kind:?}: {name}");
                assert_eq!(names.name(*number), *name);
            }
        }
    }

    #[test]
    fn numbers_have_the_names_of_the_headers() {
        let name = |kind, number| of(kind).map(|names| names.name(number));
        for (kind, number, want) in [
            (ArgumentKind::Nid, 672, "SHA256"),
            (ArgumentKind::Nid, 415, "prime256v1"),
            (ArgumentKind::Nid, 1_000_000, "1000000"),
            (ArgumentKind::OpensslVerifyMode, 0, "SSL_VERIFY_NONE"),
            (ArgumentKind::OpensslVerifyMode, 3, "SSL_VERIFY_PEER|SSL_VERIFY_FAIL_IF_NO_PEER_CERT"),
            (ArgumentKind::OpensslVerifyMode, 0x101, "SSL_VERIFY_PEER|0x100"),
            (ArgumentKind::OpensslVerifyResult, 10, "X509_V_ERR_CERT_HAS_EXPIRED"),
            (
                ArgumentKind::OpensslOptions,
                0x1402_4001,
                "SSL_OP_NO_TICKET|SSL_OP_NO_COMPRESSION|SSL_OP_NO_TLSv1|SSL_OP_NO_TLSv1_1|0x1",
            ),
            (ArgumentKind::OpensslControl, 123, "SSL_CTRL_SET_MIN_PROTO_VERSION"),
            (ArgumentKind::GnutlsVerifyStatus, 66, "GNUTLS_CERT_INVALID|GNUTLS_CERT_SIGNER_NOT_FOUND"),
            (ArgumentKind::GcryptDigest, 8, "SHA256"),
            (ArgumentKind::Mechanism, 0, "CKM_RSA_PKCS_KEY_PAIR_GEN"),
        ] {
            assert_eq!(name(kind, number).as_deref(), Some(want), "{kind:?}");
        }
        assert!(name(ArgumentKind::Bits, 1).is_none());
    }
}
