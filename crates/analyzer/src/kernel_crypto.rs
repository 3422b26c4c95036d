//! Cryptography of the kernel: from records to events, and how these are written.
//!
//! Invariants:
//! - Numbers have the names of the kernel's own headers (linux/keyctl.h, linux/tls.h); one without a name is written as a number.
//! - A field that a call doesn't have is left out.

use std::borrow::Cow;

use crypto_tracer_format::record::{self, HostCrypto, HostFact, KernelCall, Record, RecordError};
use crypto_tracer_format::redact::Redactor;

use crate::decode::{Scratch, keep};
use crate::event::KernelCrypto;
use crate::json::{put_number, put_text};
use crate::monitor_table::put_plain;
use crate::names;
use crate::sink::NoteBody;

/// Operations of keyctl(2), by their number.
#[rustfmt::skip]
const OPERATIONS: &[&str] = &[
    "KEYCTL_GET_KEYRING_ID", "KEYCTL_JOIN_SESSION_KEYRING", "KEYCTL_UPDATE", "KEYCTL_REVOKE", "KEYCTL_CHOWN",
    "KEYCTL_SETPERM", "KEYCTL_DESCRIBE", "KEYCTL_CLEAR", "KEYCTL_LINK", "KEYCTL_UNLINK", "KEYCTL_SEARCH",
    "KEYCTL_READ", "KEYCTL_INSTANTIATE", "KEYCTL_NEGATE", "KEYCTL_SET_REQKEY_KEYRING", "KEYCTL_SET_TIMEOUT",
    "KEYCTL_ASSUME_AUTHORITY", "KEYCTL_GET_SECURITY", "KEYCTL_SESSION_TO_PARENT", "KEYCTL_REJECT",
    "KEYCTL_INSTANTIATE_IOV", "KEYCTL_INVALIDATE", "KEYCTL_GET_PERSISTENT", "KEYCTL_DH_COMPUTE",
    "KEYCTL_PKEY_QUERY", "KEYCTL_PKEY_ENCRYPT", "KEYCTL_PKEY_DECRYPT", "KEYCTL_PKEY_SIGN", "KEYCTL_PKEY_VERIFY",
    "KEYCTL_RESTRICT_KEYRING", "KEYCTL_MOVE", "KEYCTL_CAPABILITIES", "KEYCTL_WATCH_KEY",
];

/// Those that are given a payload, of which the length is recorded.
const WITH_PAYLOAD: [u16; 2] = [2, 12];

/// TLS_CIPHER_…, from the first number on.
const FIRST_CIPHER: u16 = 51;
#[rustfmt::skip]
const CIPHERS: &[&str] = &[
    "TLS_CIPHER_AES_GCM_128", "TLS_CIPHER_AES_GCM_256", "TLS_CIPHER_AES_CCM_128", "TLS_CIPHER_CHACHA20_POLY1305",
    "TLS_CIPHER_SM4_GCM", "TLS_CIPHER_SM4_CCM", "TLS_CIPHER_ARIA_GCM_128", "TLS_CIPHER_ARIA_GCM_256",
];

/// Makes the event of a record. `None`: it is malformed, or of a call that this release doesn't know.
pub fn decode<'a>(
    record: &Record<'a>,
    redact: &Redactor,
    scratch: &'a mut Scratch,
) -> Option<KernelCrypto<'a>> {
    let crypto: record::KernelCrypto = record.payload().ok()?;
    Some(KernelCrypto {
        call: KernelCall::from_number(crypto.call)?,
        operation: crypto.operation,
        version: crypto.version,
        cipher: crypto.cipher,
        length: crypto.length,
        result: crypto.result,
        kind: record.str(crypto.kind).ok()?,
        name: keep(redact.message(record.str(crypto.name).ok()?), &mut scratch.first),
    })
}

/// What the host says of its cryptography. `None`: a fact that this release doesn't know.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn host_note<'a>(record: &Record<'a>) -> Result<Option<NoteBody<'a>>, RecordError> {
    let fact: HostCrypto = record.payload()?;
    let Some(what) = HostFact::from_number(fact.what) else { return Ok(None) };
    Ok(Some(NoteBody::HostCrypto {
        what,
        passed: fact.passed != 0,
        priority: fact.priority,
        name: record.str(fact.name)?,
        driver: record.str(fact.driver)?,
        kind: record.str(fact.kind)?,
        value: record.str(fact.value)?,
    }))
}

/// The name of an operation of keyctl(2).
pub fn operation_name(operation: u16) -> Cow<'static, str> {
    named(OPERATIONS.get(usize::from(operation)), operation)
}

/// The name of a cipher of kTLS.
pub fn cipher_name(cipher: u16) -> Cow<'static, str> {
    let index = usize::from(cipher).checked_sub(usize::from(FIRST_CIPHER));
    named(index.and_then(|index| CIPHERS.get(index)), cipher)
}

fn named(name: Option<&&'static str>, number: u16) -> Cow<'static, str> {
    name.map_or_else(|| number.to_string().into(), |name| (*name).into())
}

/// The versions that kTLS has.
fn version_name(version: u16) -> Cow<'static, str> {
    match version {
        0x0303 => "TLSv1.2".into(),
        0x0304 => "TLSv1.3".into(),
        other => format!("{other:#06x}").into(),
    }
}

impl KernelCrypto<'_> {
    /// What the call came to: `success`, or the name of the error.
    pub fn result_name(&self) -> String {
        names::result_name(self.result.clamp(i32::MIN.into(), 0) as i32)
    }

    fn is_tls(&self) -> bool {
        matches!(self.call, KernelCall::TlsTx | KernelCall::TlsRx)
    }

    fn has_payload(&self) -> bool {
        match self.call {
            KernelCall::AddKey => true,
            KernelCall::Keyctl => WITH_PAYLOAD.contains(&self.operation),
            _ => false,
        }
    }

    /// Appends the fields of the event's JSON, from `,"call"` to `"result"`.
    pub(crate) fn put_json(&self, out: &mut Vec<u8>) {
        put_text(out, "call", self.call.name().as_bytes());
        if self.call == KernelCall::Keyctl {
            put_text(out, "operation", operation_name(self.operation).as_bytes());
        }
        if !self.kind.is_empty() {
            put_text(out, "type", self.kind);
        }
        if !self.name.is_empty() {
            put_text(out, "name", self.name);
        }
        if self.is_tls() {
            put_text(out, "version", version_name(self.version).as_bytes());
            put_text(out, "cipher", cipher_name(self.cipher).as_bytes());
            let direction = if self.call == KernelCall::TlsTx { "sent" } else { "received" };
            put_text(out, "direction", direction.as_bytes());
        }
        if self.has_payload() {
            put_number(out, "payload_bytes", self.length);
        }
        put_text(out, "result", self.result_name().as_bytes());
    }

    /// Appends what the table shows of it: the call and what it named, separated by spaces.
    pub(crate) fn put_detail(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.call.name().as_bytes());
        let operation = (self.call == KernelCall::Keyctl).then(|| operation_name(self.operation));
        let tls = self.is_tls().then(|| [version_name(self.version), cipher_name(self.cipher)]);
        let words = operation.iter().chain(tls.iter().flatten()).map(|name| name.as_bytes());
        for word in words.chain([self.kind, self.name]).filter(|word| !word.is_empty()) {
            out.push(b' ');
            put_plain(out, word);
        }
        if self.has_payload() {
            out.extend_from_slice(format!("  [{} bytes]", self.length).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_tracer_format::record::{Builder, Header, Payload};
    use crypto_tracer_format::redact::Policy;

    fn record<P: Payload>(make: impl FnOnce(&mut Builder<'_, P>) -> P) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut builder = Builder::new(&mut bytes);
        let payload = make(&mut builder);
        builder.finish(&Header::default(), &payload).unwrap();
        bytes
    }

    const EMPTY: KernelCrypto<'static> = KernelCrypto {
        call: KernelCall::AlgBind,
        operation: 0,
        version: 0,
        cipher: 0,
        length: 0,
        result: 0,
        kind: b"",
        name: b"",
    };

    fn shown(event: &KernelCrypto<'_>) -> (String, String) {
        let (mut json, mut table) = (b"{\"x\":0".to_vec(), Vec::new());
        event.put_json(&mut json);
        json.push(b'}');
        event.put_detail(&mut table);
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value["call"], event.call.name());
        (String::from_utf8(json.split_off(7)).unwrap(), String::from_utf8(table).unwrap())
    }

    #[test]
    fn each_call_shows_what_it_has() {
        let cases = [
            (
                KernelCrypto { kind: b"skcipher", name: b"cbc(aes)", result: -2, ..EMPTY },
                r#""call":"af_alg_bind","type":"skcipher","name":"cbc(aes)","result":"ENOENT"}"#,
                "af_alg_bind skcipher cbc(aes)",
            ),
            (
                KernelCrypto { call: KernelCall::TlsUlp, result: -92, ..EMPTY },
                r#""call":"ktls_enable","result":"ENOPROTOOPT"}"#,
                "ktls_enable",
            ),
            (
                KernelCrypto { call: KernelCall::TlsTx, version: 0x0304, cipher: 52, ..EMPTY },
                r#""call":"ktls_tx","version":"TLSv1.3","cipher":"TLS_CIPHER_AES_GCM_256","direction":"sent","result":"success"}"#,
                "ktls_tx TLSv1.3 TLS_CIPHER_AES_GCM_256",
            ),
            (
                KernelCrypto { call: KernelCall::TlsRx, version: 0x0301, cipher: 50, result: -22, ..EMPTY },
                r#""call":"ktls_rx","version":"0x0301","cipher":"50","direction":"received","result":"EINVAL"}"#,
                "ktls_rx 0x0301 50",
            ),
            (
                KernelCrypto {
                    call: KernelCall::AddKey,
                    kind: b"user",
                    name: b"a\nb",
                    length: 14,
                    result: 77,
                    ..EMPTY
                },
                r#""call":"add_key","type":"user","name":"a\nb","payload_bytes":14,"result":"success"}"#,
                r"add_key user a\nb  [14 bytes]",
            ),
            (
                KernelCrypto {
                    call: KernelCall::RequestKey,
                    kind: b"user",
                    name: b"x",
                    result: -126,
                    ..EMPTY
                },
                r#""call":"request_key","type":"user","name":"x","result":"ENOKEY"}"#,
                "request_key user x",
            ),
            (
                KernelCrypto { call: KernelCall::Keyctl, operation: 2, ..EMPTY },
                r#""call":"keyctl","operation":"KEYCTL_UPDATE","payload_bytes":0,"result":"success"}"#,
                "keyctl KEYCTL_UPDATE  [0 bytes]",
            ),
            (
                KernelCrypto { call: KernelCall::Keyctl, operation: 0xffff, result: i64::MIN, ..EMPTY },
                r#""call":"keyctl","operation":"65535","result":"errno 2147483648"}"#,
                "keyctl 65535",
            ),
        ];
        for (event, json, table) in cases {
            assert_eq!(shown(&event), (json.to_owned(), table.to_owned()));
        }
    }

    #[test]
    fn numbers_have_the_names_of_the_headers() {
        for (operation, want) in [
            (0, "KEYCTL_GET_KEYRING_ID"),
            (11, "KEYCTL_READ"),
            (27, "KEYCTL_PKEY_SIGN"),
            (32, "KEYCTL_WATCH_KEY"),
            (33, "33"),
        ] {
            assert_eq!(operation_name(operation), want);
        }
        for (cipher, want) in [
            (50, "50"),
            (51, "TLS_CIPHER_AES_GCM_128"),
            (54, "TLS_CIPHER_CHACHA20_POLY1305"),
            (58, "TLS_CIPHER_ARIA_GCM_256"),
            (59, "59"),
        ] {
            assert_eq!(cipher_name(cipher), want);
        }
    }

    #[test]
    fn records_become_events_with_their_texts_redacted() {
        let bytes = record(|b| record::KernelCrypto {
            call: 4,
            length: 3,
            result: -13,
            kind: b.string(b"user"),
            name: b.string(b"key of /home/bob/x"),
            ..Default::default()
        });
        let (whole, _) = Record::split_first(&bytes).unwrap();
        let redact = Redactor::new(Policy::default());
        let mut scratch = Scratch::default();
        let event = decode(&whole, &redact, &mut scratch).unwrap();
        let want = KernelCrypto { call: KernelCall::AddKey, length: 3, result: -13, kind: b"user", ..EMPTY };
        assert_eq!(event, KernelCrypto { name: b"key of /home/USER/x", ..want });
        let unknown = record(|_| record::KernelCrypto { call: 99, ..Default::default() });
        let (unknown, _) = Record::split_first(&unknown).unwrap();
        assert_eq!(decode(&unknown, &redact, &mut Scratch::default()), None);
        let mut outside = bytes.clone();
        let at = record::KernelCrypto::FIELDS.iter().find(|f| f.name == "name").unwrap().offset;
        outside[at + 2..at + 4].copy_from_slice(&4000u16.to_le_bytes());
        let (outside, _) = Record::split_first(&outside).unwrap();
        assert_eq!(decode(&outside, &redact, &mut Scratch::default()), None);
    }

    #[test]
    fn the_host_is_told_as_it_was_found() {
        let bytes = record(|b| HostCrypto {
            what: 3,
            passed: 1,
            priority: 400,
            name: b.string(b"aes"),
            driver: b.string(b"aes-aesni"),
            kind: b.string(b"cipher"),
            ..Default::default()
        });
        let (whole, _) = Record::split_first(&bytes).unwrap();
        assert_eq!(
            host_note(&whole),
            Ok(Some(NoteBody::HostCrypto {
                what: HostFact::Algorithm,
                passed: true,
                priority: 400,
                name: b"aes",
                driver: b"aes-aesni",
                kind: b"cipher",
                value: b"",
            }))
        );
        let later = record(|_| HostCrypto { what: 77, ..Default::default() });
        let (later, _) = Record::split_first(&later).unwrap();
        assert_eq!(host_note(&later), Ok(None));
    }
}
