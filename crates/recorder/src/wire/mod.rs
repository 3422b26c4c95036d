//! TLS handshakes on the wire: from what the kernel programs tell to records of a capture.
//!
//! Invariants:
//! - Memory is bounded: so many connections, so many bytes, so long. What is forgotten for want of room is counted, here and
//!   in the kernel, whose table lets go of what was used least lately.
//! - A record has the time of the last piece of what it tells, so that records come in the order of their times.
//! - Nothing of a socket leaves this module but a number that is unique within the recording.

mod message;
pub mod part;

use crate::objects::Objects;
use crypto_tracer_format::record::{Builder, Direction, Header, Record, TlsHello, TlsMessage, tls_bits};
use crypto_tracer_format::redact::Redactor;
use message::{CERTIFICATE, CERTIFICATE_REQUEST, CLIENT_HELLO, Message, SERVER_HELLO, SERVER_KEY_EXCHANGE};
use part::{Part, SocketKey, What};
use std::collections::HashMap;

/// Connections whose handshake is under way.
const MOST_CONNECTIONS: usize = 8192;
/// Bytes of messages that are not whole yet.
const MOST_BYTES: usize = 16 << 20;
/// A handshake may pause for so long.
const PATIENCE_NS: u64 = 300_000_000_000;
/// Certificates of a chain that are written.
const MOST_CERTIFICATES: usize = 16;
/// Bytes of ServerKeyExchange that are written: curve type, curve and the length of the point, which is left out.
const CURVE_BYTES: usize = 4;
/// The same, and the signature scheme behind the point; nothing of the signature.
const SCHEME_BYTES: usize = CURVE_BYTES + 2;

/// See the module.
#[derive(Debug, Default)]
pub struct Wire {
    connections: HashMap<SocketKey, Connection>,
    numbers: u64,
    bytes: usize,
    /// Handshakes that were forgotten before they were over.
    pub forgotten: u64,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    /// Of the process whose message was seen last, with the time of what was.
    header: Header,
    /// What all its records have in common.
    common: TlsHello,
    partial: [Option<Message>; 2],
    /// Directions that are encrypted.
    encrypted: [bool; 2],
    client_hello: bool,
}

impl Wire {
    /// Takes a part, and appends the records that it completes; whether it made sense.
    pub fn take(
        &mut self,
        record: &Record<'_>,
        objects: &Objects,
        redactor: &Redactor,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(part) = Part::read(record) else { return false };
        let header = record.header();
        // Whose it is comes with messages only.
        if part.what != What::Message {
            return self.take_rest(&part, header.time_ns, objects, redactor, out);
        }
        if !self.connections.contains_key(&part.socket) {
            self.make_room(header.time_ns);
        }
        let numbers = &mut self.numbers;
        let connection = self.connections.entry(part.socket).or_insert_with(|| {
            *numbers += 1;
            Connection::new(*numbers, &part)
        });
        connection.header = *header;
        let before = connection.bytes();
        connection.take(&part, objects, redactor, out);
        self.bytes = (self.bytes + connection.bytes()).saturating_sub(before);
        true
    }

    /// Takes what is no message. Of a connection that isn't known (any more) there is nothing to tell.
    fn take_rest(
        &mut self,
        part: &Part<'_>,
        time_ns: u64,
        objects: &Objects,
        redactor: &Redactor,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(connection) = self.connections.get_mut(&part.socket) else { return true };
        connection.header.time_ns = time_ns;
        let before = connection.bytes();
        connection.take(part, objects, redactor, out);
        self.bytes = (self.bytes + connection.bytes()).saturating_sub(before);
        if part.what == What::Closed || connection.encrypted == [true; 2] {
            self.remove(&part.socket);
        }
        true
    }

    /// Forgets connections of which nothing was heard for long. `followed`: whether the kernel still follows it.
    pub fn forget_old(&mut self, now_ns: u64, followed: impl Fn(&SocketKey) -> bool) {
        self.forgotten += self.let_go(|connection| connection.is_old(now_ns), followed);
        self.forget(|connection| connection.is_old(now_ns));
    }

    /// Nothing more comes: what the kernel does not follow any more, and never told the end of, was let go for want of room.
    pub fn end(&mut self, followed: impl Fn(&SocketKey) -> bool) {
        self.forgotten += self.let_go(|_| true, followed);
        self.forget(|_| true);
    }

    fn let_go(&self, which: impl Fn(&Connection) -> bool, followed: impl Fn(&SocketKey) -> bool) -> u64 {
        self.connections.iter().filter(|(socket, c)| which(c) && !followed(socket)).count() as u64
    }

    fn make_room(&mut self, now_ns: u64) {
        if self.connections.len() < MOST_CONNECTIONS && self.bytes < MOST_BYTES {
            return;
        }
        self.forget(|connection| connection.is_old(now_ns));
        let mut times: Vec<u64> = self.connections.values().map(|c| c.header.time_ns).collect();
        if times.len() >= MOST_CONNECTIONS / 2 || self.bytes >= MOST_BYTES {
            // The older half.
            let middle = times.len() / 2;
            let (.., median, _) = times.select_nth_unstable(middle);
            let median = *median;
            let before = self.connections.len();
            self.forget(|connection| connection.header.time_ns <= median);
            self.forgotten += (before - self.connections.len()) as u64;
        }
    }

    fn forget(&mut self, mut which: impl FnMut(&Connection) -> bool) {
        self.connections.retain(|_, connection| !which(connection));
        self.bytes = self.connections.values().map(Connection::bytes).sum();
    }

    fn remove(&mut self, socket: &SocketKey) -> Option<Connection> {
        let connection = self.connections.remove(socket)?;
        self.bytes = self.bytes.saturating_sub(connection.bytes());
        Some(connection)
    }
}

impl Connection {
    fn new(number: u64, part: &Part<'_>) -> Connection {
        Connection {
            number,
            header: Header::default(),
            common: TlsHello {
                local_port: part.local_port,
                peer_port: part.peer_port,
                local: part.local,
                peer: part.peer,
                ..TlsHello::default()
            },
            partial: [None, None],
            encrypted: [false; 2],
            client_hello: false,
        }
    }

    fn is_old(&self, now_ns: u64) -> bool {
        self.header.time_ns.saturating_add(PATIENCE_NS) < now_ns
    }

    fn bytes(&self) -> usize {
        self.partial.iter().flatten().map(|message| message.body.capacity()).sum()
    }

    fn take(&mut self, part: &Part<'_>, objects: &Objects, redactor: &Redactor, out: &mut Vec<u8>) {
        // An object that is known stays: not every call of a handshake is one that is probed.
        if part.object != 0 {
            self.common.object = objects.name(part.object);
        }
        if part.what == What::Closed {
            return self.put(out, TlsMessage::Closed, 0, 0, 0, 0, &[]);
        }
        let way = usize::from(part.direction == Direction::Received.number());
        if part.what != What::Message {
            // What comes instead of the rest of a message ends it.
            if let Some(message) = self.partial[way].take() {
                self.message(Message { cut: true, ..message }, part.direction, redactor, out);
            }
        }
        match part.what {
            What::Message => {
                if let Some(message) = self.partial[way].take_if(|message| !message.continues(part)) {
                    self.message(Message { cut: true, ..message }, part.direction, redactor, out);
                }
                let mut message = self.partial[way].take().unwrap_or_else(|| Message::begin(part));
                if !message.continues(part) {
                    // Its beginning is lost.
                    return;
                }
                if message.add(part) {
                    self.message(message, part.direction, redactor, out);
                } else {
                    self.partial[way] = Some(message);
                }
            }
            What::Alert => self.put(out, TlsMessage::Alert, part.direction, 0, 0, 2, part.data),
            What::Encrypted => {
                self.encrypted[way] = true;
                self.put(out, TlsMessage::Encrypted, part.direction, 0, 0, part.length, &[]);
            }
            What::Closed => {}
        }
    }

    /// Writes a message that is whole, or as much as there will be of it.
    fn message(&mut self, message: Message, direction: u16, redactor: &Redactor, out: &mut Vec<u8>) {
        let cut = if message.cut { tls_bits::CUT } else { 0 };
        let length = message.length;
        match message.kind {
            CLIENT_HELLO | SERVER_HELLO => {
                let client = message.kind == CLIENT_HELLO;
                let kind = if client { TlsMessage::ClientHello } else { TlsMessage::ServerHello };
                let late = if client || self.client_hello { 0 } else { tls_bits::LATE };
                self.client_hello |= client;
                let whole = message.whole();
                let kept = redactor.hello(&whole);
                self.put(out, kind, direction, cut | late | tls_bits::STRIPPED, 0, length, &kept);
            }
            CERTIFICATE => {
                for (index, (der, whole)) in message.certificates().take(MOST_CERTIFICATES).enumerate() {
                    let kept = redactor.certificate(der, index as u16);
                    let stripped = if *kept == *der { 0 } else { tls_bits::STRIPPED };
                    let cut = if whole { 0 } else { tls_bits::CUT };
                    let length = der.len() as u32;
                    self.put(
                        out,
                        TlsMessage::Certificate,
                        direction,
                        cut | stripped,
                        index as u16,
                        length,
                        &kept,
                    );
                }
            }
            SERVER_KEY_EXCHANGE => {
                let body = &message.body;
                let kept = body.get(..SCHEME_BYTES).or(body.get(..CURVE_BYTES)).unwrap_or_default();
                self.put(out, TlsMessage::ServerKeyExchange, direction, 0, 0, length, kept);
            }
            CERTIFICATE_REQUEST => {
                self.put(out, TlsMessage::CertificateRequest, direction, 0, 0, length, &[]);
            }
            _ => {}
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn put(
        &self,
        out: &mut Vec<u8>,
        message: TlsMessage,
        direction: u16,
        bits: u16,
        index: u16,
        length: u32,
        body: &[u8],
    ) {
        let mut builder = Builder::new(out);
        let place = builder.string(body);
        let cut = if usize::from(place.len) < body.len() { tls_bits::CUT } else { 0 };
        let payload = TlsHello {
            connection: self.number,
            message: message.number(),
            direction,
            bits: bits | cut,
            index,
            length,
            body: place,
            ..self.common
        };
        // Strings are cut to fit, so this can't fail; if it did, `out` is as it was.
        let _ = builder.finish(&self.header, &payload);
    }
}

#[cfg(test)]
mod tests;
