//! Hellos of real programs, and such that no program would send.

use super::*;
use crate::testing::message;
use crate::tls::ja4::ja4;

/// What `openssl s_client` of OpenSSL 3.0 offers, as its own documentation and `openssl ciphers` list it.
#[test]
fn a_client_hello_of_openssl() {
    let message = message!("openssl_client_hello");
    let hello = client_hello(&message).unwrap();
    assert!(hello.is_whole);
    assert_eq!(hello.legacy_version, 0x0303);
    assert_eq!(hello.versions, [0x0304, 0x0303, 0x0302, 0x0301]);
    assert_eq!(hello.offered_versions(), hello.versions);
    assert_eq!((hello.cipher_suites.len(), hello.cipher_suites[0]), (31, 0x1302));
    assert_eq!(hello.groups, [29, 23, 30, 25, 24, 256, 257, 258, 259, 260]);
    assert_eq!(hello.sni, b"www.example.com");
    assert_eq!(hello.extensions, [0, 11, 10, 35, 22, 23, 13, 43, 45, 51]);
    assert_eq!(hello.signature_schemes[..3], [0x0403, 0x0503, 0x0603]);
    assert!(hello.alpn.is_empty() && !hello.has(extension::ENCRYPTED_CLIENT_HELLO));
}

/// Expected values from another implementation of the description, in Python.
#[test]
fn fingerprints_of_real_clients() {
    for (message, want) in [
        (message!("openssl_client_hello"), "t13d311000_e8f1e7e78f70_1f22a2ca17c4"),
        (message!("curl_client_hello"), "t13d3112h2_e8f1e7e78f70_b26ce05bbdd6"),
        (message!("node_client_hello"), "t13d5911h2_a33745022dd6_1f22a2ca17c4"),
        (message!("gnutls_client_hello"), "t13i291200_723694b0fccc_2cc26d266019"),
        (message!("tls13_client_hello"), "t13d1812h2_85036bcba153_d41ae481755e"),
    ] {
        assert_eq!(ja4(&client_hello(&message).unwrap()).as_deref(), Some(want));
    }
    let curl = message!("curl_client_hello");
    assert_eq!(client_hello(&curl).unwrap().alpn, [&b"h2"[..], b"http/1.1"]);
}

#[test]
fn server_hellos_of_openssl() {
    let of = |message: &[u8]| {
        let hello = server_hello(message).unwrap();
        (hello.version, hello.cipher_suite, hello.group, hello.is_retry, hello.has_psk, hello.alpn.to_vec())
    };
    assert_eq!(of(&message!("tls13_server_hello")), (0x0304, 0x1302, Some(29), false, false, vec![]));
    assert_eq!(of(&message!("retry_request")), (0x0304, 0x1302, Some(24), true, false, vec![]));
    assert_eq!(of(&message!("retry_server_hello")), (0x0304, 0x1302, Some(24), false, false, vec![]));
    assert_eq!(
        of(&message!("tls12_server_hello")),
        (0x0303, 0xc030, None, false, false, b"http/1.1".to_vec())
    );
}

#[test]
fn curves_of_a_key_exchange() {
    assert_eq!(named_curve(&message!("tls12_server_key_exchange")), Some(29));
    assert_eq!(named_curve(&[3, 0, 23, 65]), Some(23));
    for other in [&[][..], &[3], &[3, 0], &[1, 0, 23], &[0, 128, 1, 2]] {
        assert_eq!(named_curve(other), None);
    }
}

#[test]
fn signature_schemes_of_a_key_exchange() {
    assert_eq!(signature_scheme(&[3, 0, 29, 32, 8, 4]), Some(0x0804));
    // Captures of old, nobody who signs, one that is cut, and one without a curve.
    for other in [&message!("tls12_server_key_exchange")[..], &[], &[3, 0, 29, 32, 8], &[0, 128, 1, 2, 8, 4]]
    {
        assert_eq!(signature_scheme(other), None);
    }
}

#[test]
fn a_hello_that_is_cut_gives_what_there_is() {
    let message = message!("curl_client_hello");
    let whole = client_hello(&message).unwrap();
    let mut seen = 0;
    for len in 0..message.len() {
        let Some(cut) = client_hello(&message[..len]) else { continue };
        seen += 1;
        assert!(!cut.is_whole, "cut at {len}");
        assert!(whole.extensions.starts_with(&cut.extensions), "cut at {len}");
        assert_eq!(ja4(&cut), None);
    }
    assert!(seen > 100);
    // Before TLS 1.2 there were hellos without extensions.
    let mut old = message[..137].to_vec();
    old[1..4].copy_from_slice(&[0, 0, 133]);
    assert!(client_hello(&old).is_some_and(|hello| hello.is_whole && hello.extensions.is_empty()));
}

#[test]
fn grease_is_left_out() {
    let mut body = vec![0x03, 0x03];
    body.extend([0; 33]);
    body.extend([0, 6, 0x0a, 0x0a, 0x13, 0x01, 0xfa, 0xfa, 1, 0]);
    let mut block = Vec::new();
    let mut add = |number: u16, data: &[u8]| {
        block.extend(number.to_be_bytes());
        block.extend((data.len() as u16).to_be_bytes());
        block.extend(data);
    };
    add(0x1a1a, &[]);
    add(10, &[0, 4, 0x2a, 0x2a, 0, 29]);
    add(13, &[0, 4, 0x3a, 0x3a, 8, 4]);
    add(16, &[0, 6, 2, 0x4a, 0x4a, 2, b'h', b'2']);
    add(43, &[4, 0x5a, 0x5a, 3, 4]);
    add(0xfe0d, &[]);
    body.extend((block.len() as u16).to_be_bytes());
    body.extend(block);
    let mut message = vec![1, 0, 0, body.len() as u8];
    message.extend(body);
    let hello = client_hello(&message).unwrap();
    assert_eq!(hello.cipher_suites, [0x1301]);
    assert_eq!(hello.extensions, [10, 13, 16, 43, 0xfe0d]);
    assert_eq!((hello.groups, hello.signature_schemes), (vec![29], vec![0x0804]));
    assert_eq!(hello.alpn, [b"h2"]);
    assert_eq!(hello.versions, [0x0304]);
}

/// Any byte of a real hello changed, to its extremes: neither panics nor grows.
#[test]
fn no_hello_is_believed() {
    for message in
        [message!("curl_client_hello"), message!("retry_server_hello"), message!("tls12_server_hello")]
    {
        for at in 0..message.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = message.clone();
                changed[at] = value;
                if let Some(hello) = client_hello(&changed) {
                    assert!(hello.cipher_suites.len() <= ITEMS && hello.extensions.len() <= ITEMS);
                }
                server_hello(&changed);
            }
        }
    }
}
