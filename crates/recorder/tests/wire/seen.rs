//! What was recorded of each connection, and a strict reader of hellos.

use super::SENT;
use super::common::Recorded;
use crypto_tracer_format::record::{Header, TlsHello, TlsMessage};
use std::collections::BTreeMap;

/// One record.
pub struct Seen {
    pub header: Header,
    pub payload: TlsHello,
    pub message: TlsMessage,
    pub body: Vec<u8>,
}

/// The records of each end of each connection, in the order of the connections. The client's end comes first: which of two
/// processes the kernel lets speak first is its affair.
pub fn connections(recorded: &Recorded) -> Vec<Vec<Seen>> {
    let mut all: BTreeMap<u64, Vec<Seen>> = BTreeMap::new();
    for event in recorded.all::<TlsHello>() {
        let (header, payload, body) = (event.header, event.payload, event.bytes(event.payload.body));
        let message = TlsMessage::from_number(payload.message).expect("a message");
        all.entry(payload.connection).or_default().push(Seen { header, payload, message, body });
    }
    let mut firsts = BTreeMap::new();
    let mut ends: Vec<_> = all
        .into_iter()
        .map(|(number, seen)| {
            let hello = seen.iter().find(|s| s.message == TlsMessage::ClientHello).expect("a ClientHello");
            let (local, peer) = (hello.payload.local_port, hello.payload.peer_port);
            let is_server = hello.payload.direction != SENT;
            let ports = if is_server { (peer, local) } else { (local, peer) };
            let first = *firsts.entry(ports).or_insert(number);
            ((first, is_server), seen)
        })
        .collect();
    ends.sort_by_key(|(place, _)| *place);
    ends.into_iter().map(|(_, seen)| seen).collect()
}

/// A hello, read.
pub struct Hello {
    pub version: u16,
    pub random: [u8; 32],
    pub session: Vec<u8>,
    pub suites: Vec<u16>,
    pub extensions: Vec<(u16, Vec<u8>)>,
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b))
}

fn numbers(bytes: &[u8]) -> Vec<u16> {
    assert_eq!(bytes.len() % 2, 0);
    bytes.chunks(2).map(|b| number(b) as u16).collect()
}

/// Takes a field that `N` bytes of length stand before.
fn vector<'a, const N: usize>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, after) = rest.split_at(N);
    let (field, after) = after.split_at(number(length));
    *rest = after;
    field
}

impl Seen {
    /// As strict as can be: no byte may be left over.
    pub fn hello(&self) -> Hello {
        assert!(matches!(self.message, TlsMessage::ClientHello | TlsMessage::ServerHello));
        assert_eq!(u16::from(self.body[0]), self.message.number());
        assert_eq!(number(&self.body[1..4]), self.body.len() - 4);
        let (fixed, mut rest) = self.body[4..].split_at(34);
        let session = vector::<1>(&mut rest).to_vec();
        let suites = if self.message == TlsMessage::ClientHello {
            let suites = numbers(vector::<2>(&mut rest));
            vector::<1>(&mut rest);
            suites
        } else {
            let (chosen, after) = rest.split_at(3);
            rest = after;
            numbers(&chosen[..2])
        };
        let mut list = if rest.is_empty() { rest } else { vector::<2>(&mut rest) };
        assert!(rest.is_empty());
        let mut extensions = Vec::new();
        while !list.is_empty() {
            let (kind, after) = list.split_at(2);
            list = after;
            extensions.push((number(kind) as u16, vector::<2>(&mut list).to_vec()));
        }
        Hello {
            version: number(&fixed[..2]) as u16,
            random: *fixed[2..].first_chunk().expect("32 bytes"),
            session,
            suites,
            extensions,
        }
    }
}

impl Hello {
    pub fn extension(&self, kind: u16) -> Option<&[u8]> {
        self.extensions.iter().find(|e| e.0 == kind).map(|e| e.1.as_slice())
    }

    pub fn server_name(&self) -> Option<String> {
        self.extension(0).map(|list| String::from_utf8_lossy(&list[5..]).into_owned())
    }

    pub fn versions(&self) -> Vec<u16> {
        self.extension(43).map(|mut list| numbers(vector::<1>(&mut list))).unwrap_or_default()
    }

    pub fn groups(&self) -> Vec<u16> {
        self.extension(10).map(|mut list| numbers(vector::<2>(&mut list))).unwrap_or_default()
    }

    /// Groups and keys of key_share.
    pub fn shares(&self) -> Vec<(u16, Vec<u8>)> {
        let mut all = Vec::new();
        let Some(mut content) = self.extension(51) else { return all };
        let mut list = vector::<2>(&mut content);
        while !list.is_empty() {
            let (group, after) = list.split_at(2);
            list = after;
            all.push((number(group) as u16, vector::<2>(&mut list).to_vec()));
        }
        all
    }
}
