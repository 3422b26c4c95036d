//! Lists of application protocols (ALPN, RFC 7301): what is registered stays, all else becomes `other`.
//!
//! Invariants:
//! - A name is any bytes that a program chose. What is kept is in the table, or one of the reserved ones that mean
//!   nothing (RFC 8701).
//! - How many names there are stays, up to the size of a string of a record.
//! - It doesn't depend on the policy.

use crate::limits;

const OTHER: &[u8] = b"other";

/// IANA, TLS Application-Layer Protocol Negotiation (ALPN) Protocol IDs; then what is in use without being registered.
const KNOWN: &[&[u8]] = &[
    b"http/0.9",
    b"http/1.0",
    b"http/1.1",
    b"spdy/1",
    b"spdy/2",
    b"spdy/3",
    b"stun.turn",
    b"stun.nat-discovery",
    b"h2",
    b"h2c",
    b"webrtc",
    b"c-webrtc",
    b"ftp",
    b"imap",
    b"pop3",
    b"managesieve",
    b"coap",
    b"co",
    b"xmpp-client",
    b"xmpp-server",
    b"acme-tls/1",
    b"mqtt",
    b"dot",
    b"ntske/1",
    b"sunrpc",
    b"h3",
    b"smb",
    b"irc",
    b"nntp",
    b"nnsp",
    b"doq",
    b"sip/2",
    b"tds/8.0",
    b"dicom",
    b"postgresql",
    b"radius/1.0",
    b"radius/1.1",
    b"spdy/3.1",
    b"h2-14",
    b"h2-15",
    b"h2-16",
    b"h3-27",
    b"h3-28",
    b"h3-29",
    b"grpc-exp",
    b"istio",
    b"istio-peer-exchange",
    b"istio-http/1.0",
    b"istio-http/1.1",
    b"istio-h2",
    OTHER,
];

/// 0x0A0A, 0x1A1A … 0xFAFA.
fn is_reserved(name: &[u8]) -> bool {
    matches!(name, [a, b] if a == b && a & 0x0f == 0x0a)
}

/// Names that a byte of length stands before each. `None`: it is no such list.
pub(super) fn redact(mut list: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(list.len());
    while let Some((length, rest)) = list.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length))?;
        list = rest;
        let name = if KNOWN.contains(&name) || is_reserved(name) { name } else { OTHER };
        if kept.len() + 1 + name.len() <= limits::STRING_BYTES {
            kept.push(name.len() as u8);
            kept.extend_from_slice(name);
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&[u8]]) -> Vec<u8> {
        names.iter().flat_map(|name| [&[name.len() as u8][..], name].concat()).collect()
    }

    #[test]
    fn what_is_registered_stays_and_all_else_is_other() {
        let given =
            list(&[b"h2", b"\x1a\x1a", b"hunter2", b"http/1.1", b"H2", b"", b"\x1a\x2a", b"\x1b\x1b"]);
        let kept: &[&[u8]] =
            &[b"h2", b"\x1a\x1a", b"other", b"http/1.1", b"other", b"other", b"other", b"other"];
        let once = redact(&given).expect("a list");
        assert_eq!(once, list(kept));
        assert_eq!(redact(&once), Some(once));
        assert_eq!(redact(b""), Some(Vec::new()));
    }

    #[test]
    fn each_known_name_is_there_once_and_has_a_length() {
        for (i, name) in KNOWN.iter().enumerate() {
            assert!((1..=255).contains(&name.len()) && !KNOWN[..i].contains(name), "{name:?}");
        }
    }

    #[test]
    fn what_is_no_list_is_none() {
        assert_eq!(redact(b"\x02h"), None);
        assert_eq!(redact(b"hunter2"), None);
    }

    /// Each of the shortest names grows, and the whole stays a string of a record.
    #[test]
    fn an_endless_list_has_an_end() {
        let once = redact(&[0; 0xffff]).expect("a list");
        assert!(once.len() <= limits::STRING_BYTES && once.len() > limits::STRING_BYTES - 6);
        assert_eq!(redact(&once), Some(once));
    }
}
