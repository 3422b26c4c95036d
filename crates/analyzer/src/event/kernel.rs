//! Cryptography of the kernel.

use crypto_tracer_format::record::KernelCall;

/// A call that asked the kernel for cryptography.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelCrypto<'a> {
    /// Which.
    pub call: KernelCall,
    /// Of keyctl(2), its operation.
    pub operation: u16,
    /// Of kTLS, the version (0x0303, 0x0304).
    pub version: u16,
    /// Of kTLS, the cipher (TLS_CIPHER_… of linux/tls.h).
    pub cipher: u16,
    /// Length of the payload that was given, in bytes.
    pub length: u32,
    /// What the call returned; negative: the error number.
    pub result: i64,
    /// Type of the algorithm or key.
    pub kind: &'a [u8],
    /// Name of the algorithm, description of the key.
    pub name: &'a [u8],
}
