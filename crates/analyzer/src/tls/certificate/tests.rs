//! Certificates made by `openssl req`, whose fields were chosen there.

use serde_json::{Value, json};

use super::*;
use crate::testing::message;

fn read(der: &[u8]) -> Value {
    let mut out = Vec::new();
    put_certificate(&mut out, der);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn rsa_with_names() {
    let der = message!("certificate_rsa");
    assert_eq!(
        read(&der),
        json!({
            "subject": "C=DE, O=Example\\, Inc., CN=www.example.com",
            "issuer": "C=DE, O=Example\\, Inc., CN=www.example.com",
            "serial": "1234",
            "not_before": "2026-11-21T15:56:09Z",
            "not_after": "2036-11-18T15:56:09Z",
            "key_type": "RSA",
            "key_bits": 2048,
            "signature_algorithm": "sha256WithRSAEncryption",
            "names": ["www.example.com", "example.com", "192.0.2.1"],
        })
    );
}

#[test]
fn curves_and_edwards() {
    let ec = read(&message!("certificate_ec"));
    assert_eq!(
        (&ec["key_type"], &ec["curve"], &ec["key_bits"]),
        (&json!("EC"), &json!("secp384r1"), &json!(384))
    );
    assert_eq!(ec["signature_algorithm"], "ecdsa-with-SHA256");
    assert_eq!(ec["subject"], "CN=ec.example.com");
    let ed = read(&message!("certificate_ed"));
    assert_eq!(
        (&ed["key_type"], &ed["key_bits"], &ed["curve"]),
        (&json!("Ed25519"), &json!(256), &Value::Null)
    );
    assert_eq!(ed["signature_algorithm"], "Ed25519");
}

#[test]
fn whatever_the_bytes_an_object_comes_out() {
    let der = message!("certificate_rsa");
    for len in 0..der.len() {
        assert_eq!(read(&der[..len]), json!({"unreadable": true}), "cut at {len}");
    }
    for at in 0..der.len() {
        for value in [0, 0x30, 0x80, 0xff] {
            let mut changed = der.clone();
            changed[at] = value;
            assert!(read(&changed).is_object());
        }
    }
}

#[test]
fn identifiers_are_listed_once() {
    let mut ids: Vec<&str> = OIDS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split('\t').next())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    assert!(all > 60);
    for id in ids {
        assert!(id.split('.').all(|part| part.parse::<u32>().is_ok()), "{id}");
    }
}
