//! Certificates are put together here by hand; their keys and signatures are any bytes.

use super::*;
use proptest::prelude::*;

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content.to_vec()].concat()
}

fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(SEQUENCE, &parts.concat())
}

fn attribute(kind: &[u8], tag: u8, text: &[u8]) -> Vec<u8> {
    tlv(SET, &seq(&[tlv(OBJECT_IDENTIFIER, kind), tlv(tag, text)]))
}

const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];
const GIVEN_NAME: &[u8] = &[0x55, 0x04, 0x2a];
const USER_ID: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01];

fn made(issuer: &[Vec<u8>], subject: &[Vec<u8>], names: &[Vec<u8>]) -> Vec<u8> {
    let alt =
        seq(&[tlv(OBJECT_IDENTIFIER, ALT_NAMES[0]), tlv(BOOLEAN, &[0xff]), tlv(OCTET_STRING, &seq(names))]);
    let body = seq(&[
        tlv(VERSION, &tlv(INTEGER, &[2])),
        tlv(INTEGER, b"\x01serial"),
        seq(&[tlv(OBJECT_IDENTIFIER, &[0x2a, 3])]),
        seq(issuer),
        seq(&[tlv(0x17, b"260101000000Z"), tlv(0x17, b"270101000000Z")]),
        seq(subject),
        seq(&[seq(&[tlv(OBJECT_IDENTIFIER, &[0x2a, 3])]), tlv(3, b"\0key")]),
        tlv(EXTENSIONS, &seq(&[alt])),
    ]);
    seq(&[body, seq(&[tlv(OBJECT_IDENTIFIER, &[0x2a, 3])]), tlv(3, b"\0signature")])
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|w| w == what)
}

fn leaf() -> Vec<u8> {
    made(
        &[attribute(ORGANISATION, 12, b"ACME"), attribute(COMMON_NAME, 19, b"ACME Root X1")],
        &[
            attribute(ORGANISATION, 12, b"Initech"),
            attribute(COMMON_NAME, PRINTABLE_STRING, b"Alice Smith"),
            attribute(GIVEN_NAME, 12, b"Alice"),
            attribute(USER_ID, 12, b"asmith"),
            attribute(EMAIL_ADDRESS, 22, b"alice.smith@mail.initech.com"),
        ],
        &[
            tlv(0x82, b"payroll.intern.initech.co.uk"),
            tlv(0x82, b"*.www.initech.com"),
            tlv(0x82, b"fileserver"),
            tlv(0x81, b"bob@initech.com"),
            tlv(0x86, b"https://bob:pw@crm.initech.com:8443/users/bob?id=7"),
            tlv(0x86, b"urn:bob"),
            tlv(0x87, &[8, 8, 4, 4]),
            tlv(0x87, &[192, 168, 1, 7]),
            tlv(0xa4, &seq(&[attribute(COMMON_NAME, BMP_STRING, b"\0B\0o\0b")])),
            tlv(0xa0, &[tlv(OBJECT_IDENTIFIER, &[0x2a, 4]), tlv(0xa0, &tlv(12, b"bob@corp"))].concat()),
        ],
    )
}

#[test]
fn people_and_hosts_are_hidden_and_organisations_stay() {
    let before = leaf();
    let after = certificate(&before, true).into_owned();
    assert_eq!(after.len(), before.len());
    for gone in
        ["lice", "mith", "asmith", "bob", "payroll", "intern.", "www", "fileserver", "crm", "pw@", "B\0o"]
    {
        assert!(holds(&before, gone.as_bytes()), "{gone}");
        assert!(!holds(&after, gone.as_bytes()), "{gone}");
    }
    for kept in [
        &b"ACME Root X1"[..],
        b"Initech",
        b"***********@****.initech.com",
        b"*******.******.initech.co.uk",
        b"*.***.initech.com",
        b"**********",
        b"***@initech.com",
        b"https://******@***.initech.com",
        b"\x01serial",
        b"260101000000Z",
        b"\0key",
        b"\0signature",
        &[0x87, 4, 8, 8, 4, 0],
        &[0x87, 4, 192, 168, 1, 7],
        b"\0*\0*\0*",
    ] {
        assert!(holds(&after, kept), "{}", String::from_utf8_lossy(kept));
    }
    // An asterisk is no PrintableString.
    assert!(holds(&after, b"\x0c\x0b***********"));
    assert!(matches!(certificate(&after, true), Cow::Borrowed(_)));
}

#[test]
fn authorities_keep_their_names() {
    let name = [attribute(COMMON_NAME, 12, b"Initech Issuing CA 3")];
    let authority = made(&name, &name, &[]);
    assert_eq!(&*certificate(&authority, false), &*authority);
    let own = certificate(&authority, true).into_owned();
    assert!(!holds(&own, b"Initech"), "one that signed itself may be a person");
    let host = [attribute(COMMON_NAME, 12, b"vpn.initech.com")];
    let host = certificate(&made(&host, &host, &[]), false).into_owned();
    assert!(holds(&host, b"***.initech.com") && !holds(&host, b"vpn"));
}

#[test]
fn addresses_as_names_lose_their_last_part() {
    for (given, want) in
        [("8.8.4.4", "8.8.4.*"), ("192.168.1.7", "192.168.1.7"), ("2606:4700::1111", "****:****::****")]
    {
        let mut text = given.as_bytes().to_vec();
        hide_host(&mut text);
        assert_eq!(String::from_utf8_lossy(&text), want);
        hide_host(&mut text);
        assert_eq!(String::from_utf8_lossy(&text), want);
    }
}

#[test]
fn a_certificate_that_is_cut_is_redacted_as_far_as_it_goes() {
    let before = leaf();
    let whole = certificate(&before, true).into_owned();
    for length in 0..before.len() {
        let after = certificate(&before[..length], true);
        assert!(after.is_empty() || after.len() == length);
        for gone in ["Alic", "asmi", "bob@", "payr", "file"] {
            assert!(!holds(&after, gone.as_bytes()), "{gone} at {length}");
        }
    }
    assert_eq!(whole.len(), before.len());
}

#[test]
fn what_is_no_certificate_leaves_nothing() {
    assert_eq!(&*certificate(b"-----BEGIN PRIVATE KEY-----", true), b"");
    assert_eq!(&*certificate(&seq(&[seq(&[tlv(4, b"secret")])]), true), b"");
    let mut other = leaf();
    let serial = other.windows(6).position(|w| w == b"serial").expect("it is there");
    other[serial - 3] = OCTET_STRING;
    assert_eq!(&*certificate(&other, true), b"");
}

proptest! {
    #[test]
    fn any_damage_is_borne(at in 0usize..400, byte: u8, leaf_: bool) {
        let mut bytes = leaf();
        let at = at % bytes.len();
        bytes[at] = byte;
        let once = certificate(&bytes, leaf_).into_owned();
        prop_assert!(once.is_empty() || once.len() == bytes.len());
        prop_assert_eq!(&*certificate(&once, leaf_), &*once);
    }

    #[test]
    fn any_name_is_hidden_once(text in "[a-z0-9.@:/* -]{0,24}") {
        let names: Vec<Vec<u8>> = [0x81, 0x82, 0x86].iter().map(|tag| tlv(*tag, text.as_bytes())).collect();
        let own = [attribute(COMMON_NAME, 12, text.as_bytes())];
        let once = certificate(&made(&own, &own, &names), true).into_owned();
        prop_assert_eq!(&*certificate(&once, true), &*once);
    }

    #[test]
    fn any_bytes_are_borne(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let once = certificate(&bytes, true).into_owned();
        prop_assert_eq!(&*certificate(&once, true), &*once);
    }
}
