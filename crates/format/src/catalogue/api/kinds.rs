//! The closed lists of the catalogue: how calls are recorded, what they tell, what arguments and results mean.
//!
//! Invariants:
//! - Each word is written once, here: catalogue files, captures and documents use the same.
//! - A capture of a later release may hold words that this one doesn't know: looking one up gives `None`, no error.

use serde::Deserialize;

/// Makes an enum from a table of words, with its list, the word of each value and the way back.
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( #[doc = $doc:literal] $(#[$more:meta])* $value:ident = $word:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
        pub enum $name {
            $( #[doc = $doc] $(#[$more])* #[serde(rename = $word)] $value, )*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$( $name::$value ),*];

            /// Its word in catalogue files, captures and documents.
            pub fn word(self) -> &'static str {
                match self {
                    $( $name::$value => $word, )*
                }
            }

            /// What it means, in one line.
            pub fn about(self) -> &'static str {
                match self {
                    $( $name::$value => $doc.trim_ascii(), )*
                }
            }

            /// The one of this word.
            pub fn of_word(word: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }
    };
}

words! {
    /// How calls are recorded.
    pub enum Recorded {
        /// One record per completed call.
        Event = "event",
        /// Completed calls are counted in the kernel.
        Count = "count",
    }
}

words! {
    /// What a function tells of.
    pub enum Topic {
        /// Contexts and connections are made.
        Context = "context",
        /// A handshake.
        Handshake = "handshake",
        /// Whether and how the peer is to be verified.
        VerifyMode = "verify_mode",
        /// What came of a verification.
        VerifyResult = "verify_result",
        /// A certificate, or certificates to trust, are loaded.
        Certificate = "certificate",
        /// A private key is loaded.
        Key = "key",
        /// A store is opened: a file, folder or token of which keys, certificates and lists of revoked ones are read.
        Store = "store",
        /// A key is generated.
        KeyGeneration = "key_generation",
        /// A key is derived from a password or another key.
        KeyDerivation = "key_derivation",
        /// An algorithm is used.
        Algorithm = "algorithm",
        /// The least and greatest protocol version are set.
        Protocol = "protocol",
        /// The cipher suites or groups to offer are set.
        Ciphers = "ciphers",
        /// A connection ended or sent an alert.
        Shutdown = "shutdown",
        /// The library's own start and settings (FIPS mode, providers, engines).
        Library = "library",
        /// Random numbers are asked for.
        Random = "random",
        /// Data goes through a connection.
        Data = "data",
    }
}

words! {
    /// Whose calls are recorded.
    #[derive(Default)]
    pub enum Callers {
        /// The program's: not those of the library itself, nor of another one of its family.
        #[default]
        Program = "program",
        /// All but those of the same file.
        Others = "others",
        /// All.
        Any = "any",
    }
}

words! {
    /// Which results mean success.
    #[derive(Default)]
    pub enum Success {
        /// It can't be told from the result.
        #[default]
        None = "none",
        /// Exactly 1 (as int).
        One = "one",
        /// 1 or more (as int).
        Positive = "positive",
        /// 0 (as int).
        Zero = "zero",
        /// 0 or more (as int).
        NotNegative = "not_negative",
        /// Anything but the null pointer.
        Pointer = "pointer",
        /// The null pointer: Go's nil error.
        Nil = "nil",
    }
}

words! {
    /// Which results mean "try again".
    #[derive(Default)]
    pub enum Retry {
        /// None.
        #[default]
        None = "none",
        /// Any that is no success: whether it failed for good is known only when the object is freed, or never.
        Failure = "failure",
        /// -28 and -52 (GNUTLS_E_AGAIN, GNUTLS_E_INTERRUPTED).
        Gnutls = "gnutls",
        /// -0x6900 and -0x6880 (MBEDTLS_ERR_SSL_WANT_READ, …_WANT_WRITE).
        Mbedtls = "mbedtls",
    }
}

words! {
    /// What an argument is; decides where it is kept and how it is shown and redacted.
    pub enum ArgumentKind {
        /// A number without further meaning.
        Number = "number",
        /// Bits that each mean something; shown in hexadecimal.
        Flags = "flags",
        /// A size in bits.
        Bits = "bits",
        /// A size in bytes.
        Bytes = "bytes",
        /// How often something is repeated.
        Iterations = "iterations",
        /// 0 or 1.
        Bool = "bool",
        /// A number of OpenSSL's object table (obj_mac.h).
        Nid = "nid",
        /// A protocol version as on the wire (0x0303, 0x0304).
        ProtocolVersion = "protocol_version",
        /// SSL_VERIFY_… of OpenSSL.
        OpensslVerifyMode = "openssl_verify_mode",
        /// X509_V_… of OpenSSL.
        OpensslVerifyResult = "openssl_verify_result",
        /// The command of SSL_ctrl and SSL_CTX_ctrl.
        OpensslControl = "openssl_control",
        /// SSL_OP_… bits of OpenSSL: what is switched on or off.
        OpensslOptions = "openssl_options",
        /// GNUTLS_CERT_… bits: what was wrong with a certificate.
        GnutlsVerifyStatus = "gnutls_verify_status",
        /// gnutls_certificate_request_t.
        GnutlsRequest = "gnutls_request",
        /// gnutls_pk_algorithm_t.
        GnutlsPublicKey = "gnutls_public_key",
        /// gnutls_mac_algorithm_t and gnutls_digest_algorithm_t.
        GnutlsDigest = "gnutls_digest",
        /// gnutls_cipher_algorithm_t.
        GnutlsCipher = "gnutls_cipher",
        /// MBEDTLS_SSL_VERIFY_….
        MbedtlsVerifyMode = "mbedtls_verify_mode",
        /// mbedtls_md_type_t.
        MbedtlsDigest = "mbedtls_digest",
        /// mbedtls_ecp_group_id.
        MbedtlsCurve = "mbedtls_curve",
        /// WOLFSSL_VERIFY_….
        WolfsslVerifyMode = "wolfssl_verify_mode",
        /// enum gcry_cipher_algos.
        GcryptCipher = "gcrypt_cipher",
        /// enum gcry_md_algos.
        GcryptDigest = "gcrypt_digest",
        /// enum gcry_kdf_algos.
        GcryptKdf = "gcrypt_kdf",
        /// CK_MECHANISM_TYPE of PKCS #11 (NSS).
        Mechanism = "mechanism",
        /// SECStatus and SSL options of NSS.
        NssOption = "nss_option",
        /// String: the name of one algorithm, curve, provider or purpose. One that isn't known is kept as `other`.
        Algorithm = "algorithm",
        /// String: a list of cipher suites, groups or priorities.
        AlgorithmList = "algorithm_list",
        /// String: a path or URI of a file or key.
        Path = "path",
        /// String: a host's name.
        Host = "host",
    }
}

impl ArgumentKind {
    /// Whether it is a string. All others are numbers.
    pub fn is_string(self) -> bool {
        use ArgumentKind::*;
        matches!(self, Algorithm | AlgorithmList | Path | Host)
    }

    /// Numbers that C declares as `size_t` or `long` in places; every other one has at most 32 bits.
    pub fn may_be_wide(self) -> bool {
        use ArgumentKind::*;
        matches!(self, Bits | Bytes | Iterations | Mechanism)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_there_and_back() {
        for kind in ArgumentKind::ALL {
            assert_eq!(ArgumentKind::of_word(kind.word()), Some(*kind));
            assert!(kind.about().ends_with('.'), "{}", kind.about());
        }
        assert_eq!(Topic::of_word("key_derivation"), Some(Topic::KeyDerivation));
        assert_eq!(Success::of_word("not_negative"), Some(Success::NotNegative));
        assert_eq!(Retry::of_word("later"), None);
    }

    /// Words stand in lists that spaces and colons separate.
    #[test]
    fn words_hold_letters_and_underscores() {
        let words = ArgumentKind::ALL.iter().map(|k| k.word()).chain(Topic::ALL.iter().map(|t| t.word()));
        for word in words {
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{word}");
        }
    }
}
