//! Which functions of which libraries are recorded, and what their arguments may tell: one TOML file per family.
//!
//! Invariants:
//! - The files are the only list. Parsers, probes, documents and tests are made from them.
//! - An argument is a number, the name of an algorithm, a path, or a host's name: there is no way to name a buffer.
//! - What a probe reads is bounded: at most [`NUMBERS`] numbers and one string of each role, [`DEREFERENCES`] pointers
//!   deep.

use serde::Deserialize;

/// Numbers of one call that can be kept (`n0` to `n3`); of counted calls only the first two.
pub const NUMBERS: usize = 4;
/// Pointers that can be followed from an argument to what is kept.
pub const DEREFERENCES: usize = 4;

/// A family of libraries with one API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// As people write it, e.g. `OpenSSL`.
    pub family: String,
    /// Stems of its shared libraries, as in [`libraries`](super::libraries): `libssl` is `libssl.so.3` and `libssl-8bd944e8.so.3`.
    pub libraries: Vec<String>,
    /// A file of any other name that exports all of these, or has them in its symbol table, carries the family within it.
    #[serde(default)]
    pub within: Vec<String>,
    /// None of these may be there besides (forks export the same names and more).
    #[serde(default)]
    pub unless: Vec<String>,
    /// Binaries of the Go language: functions are found by their names in the line table, and have no return probes.
    #[serde(default)]
    pub go: bool,
    /// The functions.
    #[serde(rename = "function")]
    pub functions: Vec<Function>,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// The symbol's name.
    pub name: String,
    /// How its calls are recorded.
    pub record: Recorded,
    /// What it tells of, for people and summaries.
    pub topic: Topic,
    /// Only where bulk functions were asked for.
    #[serde(default)]
    pub bulk: bool,
    /// Doors to the same thing: of functions of one group that call each other as their last act, one call is recorded,
    /// that of the outermost, with the result of the innermost.
    #[serde(default)]
    pub group: Option<String>,
    /// Whose calls are recorded.
    #[serde(default)]
    pub callers: Callers,
    /// Only calls where this argument has one of these values (commands of `SSL_CTX_ctrl`).
    #[serde(default)]
    pub only: Option<Only>,
    /// Which results mean success. Without: the function tells nothing by its result.
    #[serde(default)]
    pub success: Success,
    /// Results that mean that the call isn't completed and will be tried again (of the same `object`).
    #[serde(default)]
    pub retry: Retry,
    /// The library's object that the call is about, a connection or a context: where its address is found.
    #[serde(default)]
    pub object: Option<Source>,
    /// The object that it was made from.
    #[serde(default)]
    pub parent: Option<Source>,
    /// While it runs, TLS messages of its thread belong to `object`.
    #[serde(default)]
    pub handshake: bool,
    /// What is kept of its arguments.
    #[serde(default)]
    pub args: Vec<Argument>,
}

/// How calls are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recorded {
    /// One record per completed call.
    Event,
    /// Completed calls are counted in the kernel.
    Count,
}

/// What a function tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Contexts and connections are made.
    Context,
    /// A handshake.
    Handshake,
    /// Whether and how the peer is to be verified.
    VerifyMode,
    /// What came of a verification.
    VerifyResult,
    /// A certificate, or certificates to trust, are loaded.
    Certificate,
    /// A private key is loaded.
    Key,
    /// A key is generated.
    KeyGeneration,
    /// A key is derived from a password or another key.
    KeyDerivation,
    /// An algorithm is used.
    Algorithm,
    /// The least and greatest protocol version are set.
    Protocol,
    /// The cipher suites or groups to offer are set.
    Ciphers,
    /// A connection ended or sent an alert.
    Shutdown,
    /// The library's own start and settings (FIPS mode, providers, engines).
    Library,
    /// Random numbers are asked for.
    Random,
    /// Data goes through a connection.
    Data,
}

/// Whose calls are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Callers {
    /// The program's: not those of the library itself, nor of another one of its family.
    #[default]
    Program,
    /// All but those of the same file.
    Others,
    /// All.
    Any,
}

/// A condition on an argument.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// The argument's position, from 0.
    pub arg: u8,
    /// The values, at most four.
    pub values: Vec<i64>,
}

/// Which results mean success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Success {
    /// It can't be told from the result.
    #[default]
    None,
    /// Exactly 1 (as int).
    One,
    /// 1 or more (as int).
    Positive,
    /// 0 (as int).
    Zero,
    /// 0 or more (as int).
    NotNegative,
    /// Anything but the null pointer.
    Pointer,
}

/// Which results mean "try again".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// None.
    #[default]
    None,
    /// Any that is no success: whether it failed for good is known only when the object is freed, or never.
    Failure,
    /// -28 and -52 (GNUTLS_E_AGAIN, GNUTLS_E_INTERRUPTED).
    Gnutls,
    /// -0x6900 and -0x6880 (MBEDTLS_ERR_SSL_WANT_READ, …_WANT_WRITE).
    Mbedtls,
}

/// What is kept of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// Its name in documents, e.g. `verify_mode`.
    pub name: String,
    /// Where it is found.
    pub from: Source,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ArgumentKind,
}

/// What an argument is; decides where it is kept and how it is shown and redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArgumentKind {
    /// A number without further meaning.
    Number,
    /// A size in bits.
    Bits,
    /// A size in bytes.
    Bytes,
    /// How often something is repeated.
    Iterations,
    /// 0 or 1.
    Bool,
    /// A number of OpenSSL's object table (obj_mac.h).
    Nid,
    /// A protocol version as on the wire (0x0303, 0x0304).
    ProtocolVersion,
    /// SSL_VERIFY_… of OpenSSL.
    OpensslVerifyMode,
    /// X509_V_… of OpenSSL.
    OpensslVerifyResult,
    /// The command of SSL_ctrl and SSL_CTX_ctrl.
    OpensslControl,
    /// GNUTLS_CERT_… bits: what was wrong with a certificate.
    GnutlsVerifyStatus,
    /// gnutls_certificate_request_t.
    GnutlsRequest,
    /// gnutls_pk_algorithm_t.
    GnutlsPublicKey,
    /// gnutls_mac_algorithm_t and gnutls_digest_algorithm_t.
    GnutlsDigest,
    /// gnutls_cipher_algorithm_t.
    GnutlsCipher,
    /// MBEDTLS_SSL_VERIFY_….
    MbedtlsVerifyMode,
    /// mbedtls_md_type_t.
    MbedtlsDigest,
    /// mbedtls_ecp_group_id.
    MbedtlsCurve,
    /// WOLFSSL_VERIFY_….
    WolfsslVerifyMode,
    /// enum gcry_cipher_algos.
    GcryptCipher,
    /// enum gcry_md_algos.
    GcryptDigest,
    /// enum gcry_kdf_algos.
    GcryptKdf,
    /// CK_MECHANISM_TYPE of PKCS #11 (NSS).
    Mechanism,
    /// SECStatus and SSL options of NSS.
    NssOption,
    /// String: the name of one algorithm, curve, provider or purpose. One that isn't known is kept as `other`.
    Algorithm,
    /// String: a list of cipher suites, groups or priorities.
    AlgorithmList,
    /// String: a path or URI of a file or key.
    Path,
    /// String: a host's name.
    Host,
}

/// Where a value is found: `arg0` to `arg5` or `result`, then pointers to follow: `arg0[8][0]:i32` reads a pointer 8 bytes
/// into what the first argument points to, and a 32-bit number at the start of what that points to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Source {
    /// The argument's position, from 0; `None`: the result.
    pub arg: Option<u8>,
    /// Byte offsets: each is added to a pointer before it is followed.
    pub follow: Vec<u16>,
    /// What is read at the end.
    pub width: Width,
}

/// Width and sign of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// 64 bits.
    #[default]
    I64,
    /// 32 bits, signed.
    I32,
    /// 32 bits, not signed.
    U32,
    /// 16 bits, not signed.
    U16,
    /// 8 bits, not signed.
    U8,
}

/// Why a text is not a [`Source`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "expected arg0 … arg5 or result, then [offset] at most {DEREFERENCES} times, then perhaps :i32, :u32, :u16 or :u8; but got {0:?}"
)]
pub struct SourceError(String);

impl TryFrom<String> for Source {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Source, SourceError> {
        Source::parse(&text).ok_or(SourceError(text))
    }
}

impl Source {
    fn parse(text: &str) -> Option<Source> {
        let (place, width) = match text.split_once(':') {
            None => (text, Width::I64),
            Some((place, "i32")) => (place, Width::I32),
            Some((place, "u32")) => (place, Width::U32),
            Some((place, "u16")) => (place, Width::U16),
            Some((place, "u8")) => (place, Width::U8),
            Some(_) => return None,
        };
        let (base, mut rest) = place.split_at(place.find('[').unwrap_or(place.len()));
        let arg = match base.strip_prefix("arg") {
            Some(n) => Some(n.parse::<u8>().ok().filter(|n| *n < 6 && base.len() == 4)?),
            None if base == "result" => None,
            None => return None,
        };
        let mut follow = Vec::new();
        while !rest.is_empty() {
            let (offset, after) = rest.strip_prefix('[')?.split_once(']')?;
            follow.push(offset.parse().ok()?);
            rest = after;
        }
        (follow.len() <= DEREFERENCES).then_some(Source { arg, follow, width })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_or_refused() {
        let read = |text: &str| Source::try_from(text.to_owned()).ok();
        let source = |arg, follow: &[u16], width| Some(Source { arg, follow: follow.to_vec(), width });
        assert_eq!(read("arg1"), source(Some(1), &[], Width::I64));
        assert_eq!(read("result"), source(None, &[], Width::I64));
        assert_eq!(read("arg0[8][0]:i32"), source(Some(0), &[8, 0], Width::I32));
        for wrong in [
            "",
            "arg",
            "arg6",
            "arg01",
            "arg1[",
            "arg1[x]",
            "arg1:i31",
            "ret",
            "arg0[0][0][0][0][0]",
            "arg0[70000]",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
