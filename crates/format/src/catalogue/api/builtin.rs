//! The families that are compiled in: one file each, beside this one.

use super::CatalogueFile;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$( CatalogueFile { name: $name, text: include_str!($name) } ),*]
    };
}

/// In the order in which a file that could belong to several families is tried.
pub(super) const FILES: &[CatalogueFile<'static>] = files![
    "openssl.toml",
    "libressl.toml",
    "boringssl.toml",
    "awslc.toml",
    "gnutls.toml",
    "nss.toml",
    "libsodium.toml",
    "mbedtls.toml",
    "wolfssl.toml",
    "libgcrypt.toml",
    "go.toml",
];
