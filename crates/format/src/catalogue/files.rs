//! Which files count as cryptographic, and what they are called.
//!
//! Invariants:
//! - The table [`FILES`] is the only list. The first rule that matches gives the type.
//! - A pattern is one of four shapes that the kernel can compare in a few instructions; a user's glob is reduced to the
//!   shape that lets through all that it can match, and compared in full by the recorder.

/// What a file holds, as far as its name tells (SRS appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileType {
    /// Certificates and what goes with them: requests, revocation lists, bundles.
    Certificate,
    /// Private keys.
    PrivateKey,
    /// Stores that hold keys and certificates.
    Keystore,
    /// A file that was asked for, of which the name tells nothing.
    Unknown,
}

impl FileType {
    /// All types.
    pub const ALL: &'static [FileType] =
        &[FileType::Certificate, FileType::PrivateKey, FileType::Keystore, FileType::Unknown];

    /// As documents write it.
    pub fn name(self) -> &'static str {
        match self {
            FileType::Certificate => "certificate",
            FileType::PrivateKey => "private_key",
            FileType::Keystore => "keystore",
            FileType::Unknown => "unknown",
        }
    }
}

/// How a path is compared. Bytes, not characters; case matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// The path ends so: `.pem`.
    Suffix(Vec<u8>),
    /// The last component is exactly this: `id_rsa`.
    Name(Vec<u8>),
    /// The absolute path begins so: `/etc/pki/nssdb/`.
    Prefix(Vec<u8>),
    /// The absolute path is exactly this.
    Path(Vec<u8>),
}

impl Pattern {
    /// Whether an absolute, normalized path matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        match self {
            Pattern::Suffix(s) => path.ends_with(s),
            Pattern::Name(n) => basename(path) == n.as_slice(),
            Pattern::Prefix(p) => path.starts_with(p),
            Pattern::Path(p) => path == p.as_slice(),
        }
    }
}

/// What follows the last `/`.
pub fn basename(path: &[u8]) -> &[u8] {
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

/// The shape of a rule in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// See [`Pattern::Suffix`].
    Suffix,
    /// See [`Pattern::Name`].
    Name,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct FileRule {
    /// How `text` is compared.
    pub shape: Shape,
    /// What is compared.
    pub text: &'static str,
    /// What a file of that name is.
    pub file_type: FileType,
    /// What the name stands for.
    pub note: &'static str,
}

const fn suffix(text: &'static str, file_type: FileType, note: &'static str) -> FileRule {
    FileRule { shape: Shape::Suffix, text, file_type, note }
}

const fn name(text: &'static str, file_type: FileType, note: &'static str) -> FileRule {
    FileRule { shape: Shape::Name, text, file_type, note }
}

use FileType::{Certificate, Keystore, PrivateKey};

/// The files that are recorded without being asked for. The first match decides the type.
pub const FILES: &[FileRule] = &[
    suffix("key.pem", PrivateKey, "privkey.pem (certbot), server-key.pem (MySQL), key.pem"),
    suffix(".pem", Certificate, "PEM: certificates, sometimes keys"),
    suffix(".crt", Certificate, "X.509 certificate"),
    suffix(".cer", Certificate, "X.509 certificate"),
    suffix(".der", Certificate, "X.509 certificate, binary"),
    suffix(".csr", Certificate, "certificate signing request"),
    suffix(".crl", Certificate, "certificate revocation list"),
    suffix(".p7b", Certificate, "PKCS #7 bundle"),
    suffix(".p7c", Certificate, "PKCS #7 bundle"),
    suffix(".key", PrivateKey, "private key"),
    suffix(".p8", PrivateKey, "PKCS #8 private key"),
    suffix(".p12", Keystore, "PKCS #12 store"),
    suffix(".pfx", Keystore, "PKCS #12 store"),
    suffix(".jks", Keystore, "Java key store"),
    suffix(".jceks", Keystore, "Java key store"),
    suffix(".keystore", Keystore, "Java key store"),
    suffix(".truststore", Keystore, "Java trust store"),
    name("cacerts", Keystore, "trust store of a Java runtime"),
    name("cert9.db", Keystore, "NSS certificates"),
    name("key4.db", Keystore, "NSS keys"),
    name("cert8.db", Keystore, "NSS certificates, before 2018"),
    name("key3.db", Keystore, "NSS keys, before 2018"),
    name("ca-bundle.trust", Certificate, "bundle of trusted certificates"),
    name("ssh_host_rsa_key", PrivateKey, "OpenSSH host key"),
    name("ssh_host_ecdsa_key", PrivateKey, "OpenSSH host key"),
    name("ssh_host_ed25519_key", PrivateKey, "OpenSSH host key"),
    name("ssh_host_dsa_key", PrivateKey, "OpenSSH host key"),
    name("id_rsa", PrivateKey, "OpenSSH user key"),
    name("id_ecdsa", PrivateKey, "OpenSSH user key"),
    name("id_ed25519", PrivateKey, "OpenSSH user key"),
    name("id_dsa", PrivateKey, "OpenSSH user key"),
    name("id_ecdsa_sk", PrivateKey, "OpenSSH user key on a token"),
    name("id_ed25519_sk", PrivateKey, "OpenSSH user key on a token"),
];

/// The patterns of [`FILES`], in the order of the table.
pub fn builtin_patterns() -> Vec<Pattern> {
    FILES
        .iter()
        .map(|rule| match rule.shape {
            Shape::Suffix => Pattern::Suffix(rule.text.into()),
            Shape::Name => Pattern::Name(rule.text.into()),
        })
        .collect()
}

/// What a file of this path is; `None`: no rule of the table knows it.
pub fn file_type(path: &[u8]) -> Option<FileType> {
    let base = basename(path);
    FILES
        .iter()
        .find(|rule| match rule.shape {
            Shape::Suffix => path.ends_with(rule.text.as_bytes()),
            Shape::Name => base == rule.text.as_bytes(),
        })
        .map(|rule| rule.file_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_types() {
        for (path, want) in [
            ("/etc/ssl/certs/ca-certificates.crt", Some(Certificate)),
            ("/etc/letsencrypt/live/example/privkey.pem", Some(PrivateKey)),
            ("/etc/letsencrypt/live/example/fullchain.pem", Some(Certificate)),
            ("/home/a/.ssh/id_ed25519", Some(PrivateKey)),
            ("/home/a/.ssh/id_ed25519.pub", None),
            ("/srv/not_id_rsa", None),
            ("/usr/lib/jvm/lib/security/cacerts", Some(Keystore)),
            ("/srv/x.PEM", None),
            (".pem", Some(Certificate)),
            ("", None),
        ] {
            assert_eq!(file_type(path.as_bytes()), want, "{path}");
        }
    }
}
