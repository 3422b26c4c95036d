//! A handshake message, put together from its pieces.
//!
//! Invariants:
//! - The random and the session id of a hello are zeros, whatever the pieces hold: they never left the kernel.
//! - No more is kept than [`MOST`]; what came out of order ends the message, which then says that it is cut.

use super::part::{Part, bits};

/// Types of handshake messages (RFC 8446, B.3; RFC 5246, 7.4).
pub const CLIENT_HELLO: u8 = 1;
/// ServerHello.
pub const SERVER_HELLO: u8 = 2;
/// Certificate.
pub const CERTIFICATE: u8 = 11;
/// ServerKeyExchange.
pub const SERVER_KEY_EXCHANGE: u8 = 12;
/// CertificateRequest.
pub const CERTIFICATE_REQUEST: u8 = 13;

/// As much as the kernel programs copy in one direction.
const MOST: usize = 16 * 1024;

/// The random that makes a ServerHello a HelloRetryRequest (RFC 8446, 4.1.3).
const RETRY_RANDOM: [u8; 32] = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91, 0xC2,
    0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its type.
    pub kind: u8,
    /// Its length as it was sent, the first four bytes included.
    pub length: u32,
    /// What there is of it, without its first four bytes.
    pub body: Vec<u8>,
    /// Something is missing at the end.
    pub cut: bool,
}

impl Message {
    /// The message that this piece begins.
    pub fn begin(part: &Part<'_>) -> Message {
        let mut body = Vec::with_capacity((part.length as usize).min(MOST));
        if matches!(part.message, CLIENT_HELLO | SERVER_HELLO) {
            body.extend_from_slice(&part.version.to_be_bytes());
            body.extend_from_slice(if part.bits & bits::RETRY != 0 { &RETRY_RANDOM } else { &[0; 32] });
            body.push(part.session.min(32));
            body.resize(body.len() + usize::from(part.session.min(32)), 0);
        }
        Message { kind: part.message, length: part.length.saturating_add(4), body, cut: false }
    }

    /// Whether this piece is the next one.
    pub fn continues(&self, part: &Part<'_>) -> bool {
        part.message == self.kind
            && part.length.saturating_add(4) == self.length
            && (part.data.is_empty() || part.offset as usize == self.body.len())
    }

    /// Adds a piece; whether it was the last one.
    pub fn add(&mut self, part: &Part<'_>) -> bool {
        let room = MOST.saturating_sub(self.body.len());
        self.body.extend_from_slice(&part.data[..part.data.len().min(room)]);
        self.cut |= part.bits & bits::CUT != 0 || part.data.len() > room;
        part.bits & bits::LAST != 0 || part.data.len() >= room
    }

    /// The message with its first four bytes, as long as it says it is in the body.
    pub fn whole(&self) -> Vec<u8> {
        let length = self.length.saturating_sub(4).to_be_bytes();
        let mut out = Vec::with_capacity(4 + self.body.len());
        out.push(self.kind);
        out.extend_from_slice(&length[1..]);
        out.extend_from_slice(&self.body);
        out
    }

    /// The certificates of a Certificate message of TLS 1.2 (RFC 5246, 7.4.2), and whether each is whole.
    pub fn certificates(&self) -> impl Iterator<Item = (&[u8], bool)> {
        let mut rest = self.body.get(3..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (head, after) = rest.split_first_chunk::<3>()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let there = length.min(after.len());
            let (certificate, behind) = after.split_at(there);
            rest = behind;
            Some((certificate, there == length))
        })
        .take_while(|(certificate, _)| !certificate.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &[u8]) -> Message {
        Message { kind: CERTIFICATE, length: 4 + body.len() as u32, body: body.to_vec(), cut: false }
    }

    #[test]
    fn a_chain_is_taken_apart() {
        let m = message(&[0, 0, 11, 0, 0, 3, b'a', b'b', b'c', 0, 0, 2, b'd', b'e']);
        let all: Vec<_> = m.certificates().collect();
        assert_eq!(all, [(&b"abc"[..], true), (&b"de"[..], true)]);
    }

    #[test]
    fn a_chain_that_ends_early_says_so() {
        let m = message(&[0, 0, 11, 0, 0, 3, b'a', b'b', b'c', 0, 1, 2, b'd', b'e']);
        let all: Vec<_> = m.certificates().collect();
        assert_eq!(all, [(&b"abc"[..], true), (&b"de"[..], false)]);
        assert_eq!(message(&[0, 0]).certificates().count(), 0);
        assert_eq!(message(&[0, 0, 0]).certificates().count(), 0);
    }
}
