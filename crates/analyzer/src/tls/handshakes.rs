//! Pairs the messages of a connection: one handshake for each process that was an end of it.
//!
//! A handshake ends when both directions are encrypted, with an alert, when the connection is closed, when its process ends,
//! or when the library says what came of it. Where a call of the library is under way, its answer is waited for, at most
//! [`GRACE_NS`]; then, where the library doesn't insist on a good certificate, as long for the program to ask what was found
//! of the peer. In TLS 1.3 alerts are encrypted: on the wire one is told by its length, as long as it is the first thing that
//! its side encrypts; of a later one only the library knows.
//!
//! Invariants:
//! - At most [`HANDSHAKES`] are open, with at most [`BYTES`]; the oldest then end as `unknown`.
//! - A handshake of which neither hello was seen is none: nothing is known of it.
//! - What ended is handed out at once, or at its deadline, so that events keep the order of time.

mod open;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crypto_tracer_format::record::{Direction, Header, TlsMessage};

use super::library::Library;
use super::message::Decoded;
use crate::api::LibraryFile;
use crate::event::TlsHandshake;
use crate::identity::{ProcessId, SegmentId};
use open::{Open, Verdict};

/// Handshakes that are open at once.
const HANDSHAKES: usize = 1 << 14;
/// Bytes that they hold.
const BYTES: usize = 32 << 20;
/// Bytes of certificates, as they are shown, that are kept of one handshake.
const CERTIFICATES: usize = 64 << 10;
/// How long the library's answer is waited for after the last message.
const GRACE_NS: u64 = 500_000_000;

/// A message, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The record's header.
    pub header: &'a Header,
    /// The process of the header.
    pub process: ProcessId,
    /// The segment that holds the record.
    pub segment: SegmentId,
    /// What the record says.
    pub content: &'a Decoded<'a>,
}

impl Message<'_> {
    fn place(&self) -> Place {
        (self.content.connection, self.process)
    }
}

/// A handshake that ended, with all that an event needs.
#[derive(Debug)]
pub struct Ended {
    /// When: the event's time.
    pub time_ns: u64,
    /// The header of its last message.
    pub header: Header,
    /// The segment of its last message.
    pub segment: SegmentId,
    connection: u64,
    open: Open,
    result: &'static str,
    verify: String,
    /// The file whose functions made it.
    library: Option<Arc<LibraryFile>>,
}

/// How a handshake ended.
mod result {
    pub const SUCCESS: &str = "success";
    pub const FAILURE: &str = "failure";
    pub const INCOMPLETE: &str = "incomplete";
    pub const UNKNOWN: &str = "unknown";
}

/// Where in [`Handshakes`] one lies.
type Place = (u64, ProcessId);

/// The handshakes that are open.
#[derive(Debug, Default)]
pub struct Handshakes {
    /// By connection: one for each process.
    open: HashMap<u64, Vec<Open>>,
    /// By age.
    order: BTreeMap<u64, Place>,
    /// Those that wait for the library, by their deadline.
    waiting: BTreeMap<(u64, u64), Place>,
    /// By the library's object.
    by_object: HashMap<(ProcessId, u64), u64>,
    bytes: usize,
    begun: u64,
    /// What libraries said.
    pub library: Library,
}

impl Handshakes {
    /// Takes a message. `false`: it makes no sense.
    pub fn take(&mut self, message: &Message<'_>, ended: &mut Vec<Ended>) -> bool {
        let Message { content, process, .. } = *message;
        let (now, place) = (message.header.time_ns, message.place());
        if content.message == TlsMessage::Closed {
            self.close(message, ended);
            return true;
        }
        let is_hello = matches!(content.message, TlsMessage::ClientHello | TlsMessage::ServerHello);
        let known = self.find(place).is_some();
        let Some(sent) = content.direction.map(|d| d == Direction::Sent) else { return false };
        if !known {
            if !is_hello {
                // The end of a handshake whose beginning wasn't seen.
                return true;
            }
            self.begin(message, ended);
        }
        let Some(open) = self.find(place) else { return true };
        let before = open.bytes;
        open.header = *message.header;
        open.segment = message.segment;
        open.bits |= content.bits;
        if open.object == 0 {
            open.object = content.object;
        }
        let (object, taken) = (open.object, open.take(message, sent));
        let (after, verdict) = (open.bytes, open.verdict(now));
        self.bytes = (self.bytes + after).saturating_sub(before);
        if object != 0 {
            self.by_object.insert((process, object), content.connection);
        }
        match verdict {
            Verdict::Open => {}
            Verdict::Ended(result) => self.end(place, now, result, ended),
            Verdict::Through if object == 0 => self.give_up(place, now, ended),
            Verdict::Through => self.wait(place, now),
        }
        while self.bytes > BYTES {
            let Some((_, &oldest)) = self.order.first_key_value() else { break };
            self.end(oldest, now, result::UNKNOWN, ended);
        }
        taken
    }

    /// What the library says of a handshake that ran through one of its objects.
    pub fn answer(
        &mut self,
        process: ProcessId,
        object: u64,
        success: bool,
        now: u64,
        ended: &mut Vec<Ended>,
    ) {
        let Some(&connection) = self.by_object.get(&(process, object)) else { return };
        let place = (connection, process);
        let ask = self.find(place).filter(|_| success).map(|open| open.question(now));
        if ask.is_some_and(|ask| self.library.may_be_asked(&ask)) {
            if let Some(open) = self.find(place) {
                open.answer(now);
            }
            self.wait_longer(place, now);
            return;
        }
        self.end(place, now, if success { result::SUCCESS } else { result::FAILURE }, ended);
    }

    /// The program asked the library what it found of the peer: that was all there was to wait for.
    pub fn asked(&mut self, process: ProcessId, object: u64, now: u64, ended: &mut Vec<Ended>) {
        let Some(&connection) = self.by_object.get(&(process, object)) else { return };
        let place = (connection, process);
        if self.find(place).is_some_and(|open| open.is_answered) {
            self.end(place, now, result::SUCCESS, ended);
        }
    }

    /// A process ended, and with it what it had open.
    pub fn exit(&mut self, process: ProcessId, now: u64, ended: &mut Vec<Ended>) {
        if self.order.is_empty() {
            return;
        }
        let its: Vec<Place> = self.order.values().filter(|(_, p)| *p == process).copied().collect();
        for place in its {
            self.give_up(place, now, ended);
        }
    }

    /// When the next one has waited long enough.
    pub fn due(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|((deadline_ns, _), _)| *deadline_ns)
    }

    /// Ends those that have waited until `now`.
    pub fn expire(&mut self, now: u64, ended: &mut Vec<Ended>) {
        while let Some((&(deadline_ns, _), &place)) = self.waiting.first_key_value() {
            if deadline_ns > now {
                break;
            }
            self.give_up(place, deadline_ns, ended);
        }
    }

    /// Ends the oldest: nothing more will come.
    pub fn end_oldest(&mut self, now: u64, ended: &mut Vec<Ended>) {
        if let Some((_, &place)) = self.order.first_key_value() {
            let outcome = self.find(place).and_then(|open| open.outcome());
            self.end(place, now, outcome.unwrap_or(result::UNKNOWN), ended);
        }
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn find(&mut self, (connection, process): Place) -> Option<&mut Open> {
        self.open.get_mut(&connection)?.iter_mut().find(|open| open.process == process)
    }

    fn begin(&mut self, message: &Message<'_>, ended: &mut Vec<Ended>) {
        if self.order.len() >= HANDSHAKES
            && let Some((_, &oldest)) = self.order.first_key_value()
        {
            self.end(oldest, message.header.time_ns, result::UNKNOWN, ended);
        }
        self.begun += 1;
        self.order.insert(self.begun, message.place());
        self.open.entry(message.content.connection).or_default().push(Open::new(message, self.begun));
        self.bytes += size_of::<Open>();
    }

    /// A closed socket may be told by whoever runs when the last packet goes: the connection alone names it then.
    fn close(&mut self, message: &Message<'_>, ended: &mut Vec<Ended>) {
        let Some(ends) = self.open.get(&message.content.connection) else { return };
        let own = ends.iter().any(|open| open.process == message.process);
        let processes: Vec<ProcessId> =
            ends.iter().map(|open| open.process).filter(|p| !own || *p == message.process).collect();
        for process in processes {
            self.give_up((message.content.connection, process), message.header.time_ns, ended);
        }
    }

    /// Nothing more comes of this one.
    fn give_up(&mut self, place: Place, now: u64, ended: &mut Vec<Ended>) {
        let outcome = self.find(place).and_then(|open| open.outcome());
        self.end(place, now, outcome.unwrap_or(result::INCOMPLETE), ended);
    }

    fn wait(&mut self, place: Place, now: u64) {
        let Some(open) = self.find(place) else { return };
        if open.deadline_ns.is_none() {
            let deadline_ns = now.saturating_add(GRACE_NS);
            open.deadline_ns = Some(deadline_ns);
            let number = open.number;
            self.waiting.insert((deadline_ns, number), place);
        }
    }

    /// Waits anew.
    fn wait_longer(&mut self, place: Place, now: u64) {
        let waited = self.find(place).and_then(|open| Some((open.deadline_ns.take()?, open.number)));
        if let Some(waited) = waited {
            self.waiting.remove(&waited);
        }
        self.wait(place, now);
    }

    fn end(&mut self, place: Place, now: u64, result: &'static str, ended: &mut Vec<Ended>) {
        let (connection, process) = place;
        let Some(ends) = self.open.get_mut(&connection) else { return };
        let Some(at) = ends.iter().position(|open| open.process == process) else { return };
        let mut open = ends.swap_remove(at);
        if !open.certificates.is_empty() {
            open.certificates.push(b']');
        }
        if ends.is_empty() {
            self.open.remove(&connection);
        }
        self.order.remove(&open.number);
        if let Some(deadline_ns) = open.deadline_ns {
            self.waiting.remove(&(deadline_ns, open.number));
        }
        if self.by_object.get(&(process, open.object)) == Some(&connection) {
            self.by_object.remove(&(process, open.object));
        }
        self.bytes = self.bytes.saturating_sub(open.bytes);
        let ask = open.question(now);
        ended.push(Ended {
            time_ns: now,
            header: open.header,
            segment: open.segment,
            connection,
            result,
            verify: self.library.verify(&ask).unwrap_or_default(),
            library: self.library.file(process, open.object),
            open,
        });
    }
}

impl Ended {
    /// The event's body.
    pub fn body(&self) -> TlsHandshake<'_> {
        let open = &self.open;
        let choice = open.choice.as_ref();
        let offer = open.offer.as_ref();
        let end_ns = open.through_ns.unwrap_or(self.time_ns);
        TlsHandshake {
            connection: self.connection,
            client: open.client.unwrap_or_default(),
            local: open.local,
            peer: open.peer,
            version: choice.map(|c| c.version),
            cipher_suite: choice.map(|c| c.cipher_suite),
            group: open.group,
            signature_scheme: open.signature_scheme,
            sni: offer.map_or(&[], |o| &o.sni),
            alpn: choice.map_or(&[][..], |c| &c.alpn),
            resumed: open.resumed(),
            hello_retry: open.hello_retry,
            ech: offer.is_some_and(|o| o.ech),
            result: self.result,
            alert: open.alert,
            ja4: offer.map_or(&[], |o| &o.ja4),
            duration_ns: open.began_ns.map(|began_ns| end_ns.saturating_sub(began_ns)),
            verify: self.verify.as_bytes(),
            library: self.library.as_ref().map_or(&[], |file| &file.path),
            offered: offer.map_or(&[], |o| &o.json),
            certificates: &open.certificates,
            bits: open.bits,
        }
    }
}

#[cfg(test)]
mod tests;
