//! Records of kernel cryptography on their way into the capture.
//!
//! Invariant: of the free text that the public key operations of keyctl(2) take, only the words that name an encoding or a
//! digest are kept. The kernel knows no others; what a program puts there besides may be anything.

use crypto_tracer_format::record::{Builder, KernelCall, KernelCrypto, Record};

/// KEYCTL_PKEY_QUERY to KEYCTL_PKEY_VERIFY of linux/keyctl.h.
const PKEY_OPERATIONS: std::ops::RangeInclusive<u16> = 24..=28;
/// The words that the kernel takes (crypto/asymmetric_keys, Documentation/security/keys/core.rst).
const WORDS: [&[u8]; 2] = [b"enc=", b"hash="];
/// The longest name of an algorithm in the kernel.
const WORD_BYTES: usize = 128;

/// The record with less text; `None`: it stays as it is.
pub(crate) fn stripped(record: &Record<'_>) -> Option<Vec<u8>> {
    let crypto = record.payload::<KernelCrypto>().ok()?;
    if crypto.call != KernelCall::Keyctl.number() || !PKEY_OPERATIONS.contains(&crypto.operation) {
        return None;
    }
    let text = record.str(crypto.name).unwrap_or_default();
    let mut out = Vec::new();
    let mut builder = Builder::new(&mut out);
    let kept = KernelCrypto { name: builder.string(&known_words(text)), kind: Default::default(), ..crypto };
    builder.finish(record.header(), &kept).ok()?;
    Some(out)
}

fn known_words(text: &[u8]) -> Vec<u8> {
    let words = text.split(|byte| matches!(byte, b' ' | b'\t'));
    let known: Vec<&[u8]> = words.filter(|word| is_known(word)).take(WORDS.len()).collect();
    known.join(&b' ')
}

fn is_known(word: &[u8]) -> bool {
    let value = WORDS.iter().find_map(|name| word.strip_prefix(*name));
    value.is_some_and(|value| {
        value.len() <= WORD_BYTES
            && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_(),.".contains(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encoding_and_digest_are_kept() {
        for (text, want) in [
            ("enc=pkcs1 hash=sha256", "enc=pkcs1 hash=sha256"),
            ("hash=sha256", "hash=sha256"),
            ("enc=raw password=x hash=sha3-512", "enc=raw hash=sha3-512"),
            ("enc=oaep\thash=hmac(sha1)", "enc=oaep hash=hmac(sha1)"),
            ("enc=a/b hash=\u{e9}", ""),
            ("xenc=raw HASH=sha1", ""),
            ("hash=a hash=b hash=c", "hash=a hash=b"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(known_words(text.as_bytes())).as_deref(), Ok(want), "{text}");
        }
        assert_eq!(known_words(&[b"hash=".as_slice(), &[b'a'; 129]].concat()), b"");
    }

    #[test]
    fn other_calls_stay_as_they_are() {
        let record = |call: KernelCall, operation| {
            let mut out = Vec::new();
            let mut b = Builder::new(&mut out);
            let name = b.string(b"password=x");
            let payload = KernelCrypto { call: call.number(), operation, name, ..KernelCrypto::default() };
            b.finish(&Default::default(), &payload).expect("small");
            out
        };
        for (call, operation, changed) in [
            (KernelCall::Keyctl, 23, false),
            (KernelCall::Keyctl, 24, true),
            (KernelCall::Keyctl, 28, true),
            (KernelCall::Keyctl, 29, false),
            (KernelCall::AddKey, 24, false),
        ] {
            let bytes = record(call, operation);
            let (before, _) = Record::split_first(&bytes).expect("a record");
            let after = stripped(&before);
            assert_eq!(after.is_some(), changed, "{call:?} {operation}");
            if let Some(after) = after {
                let (after, _) = Record::split_first(&after).expect("a record");
                let payload: KernelCrypto = after.payload().expect("its type");
                assert_eq!((payload.operation, after.str(payload.name)), (operation, Ok(&b""[..])));
            }
        }
    }
}
