//! What processes' TLS libraries said of their connections: verification, what came of handshakes, and which file it was that
//! made them.
//!
//! Invariants:
//! - Objects are those of one process: the same number in another process is something else. A child has its parent's, as
//!   they were when it was forked, until it begins a program of its own.
//! - Memory is bounded: of more than [`OBJECTS`] objects the older half is forgotten.
//! - Nothing is guessed: what a library wasn't seen to say of the very connection is not known. A thread that has many
//!   connections under way says nothing of one of them by what it does at the time. That a certificate was found good is no
//!   verification yet: the library must be known to insist on it, or the program must have asked what was found.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::api::LibraryFile;
use crate::identity::ProcessId;

/// Objects that are remembered.
const OBJECTS: usize = 1 << 16;
/// Objects that a child has of its parent: the youngest.
const INHERITED: usize = 1 << 12;

/// What is told of a peer where there is no result, or one that has to be told apart.
pub mod verdict {
    /// The certificate was found good.
    pub const OK: &str = "ok";
    /// The library was told not to verify, and nobody was seen to ask what it found.
    pub const DISABLED: &str = "disabled";
    /// The library was told not to verify; the program asked what it found, and that was good. What the program made of the
    /// answer is its own affair.
    pub const BY_PROGRAM: &str = "by_program";
}

/// Whether a peer is to be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It isn't.
    Off,
    /// It is.
    On,
}

/// What a call tells that concerns handshakes; see [`crate::api`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Telling {
    /// Whether the peer is to be verified.
    pub mode: Option<Mode>,
    /// What came of a verification: `ok`, or what was wrong.
    pub verified: Option<String>,
    /// What the verification was for; without one, what the object's next verification is for: OpenSSL's `ssl_server`,
    /// `ssl_client`, `default` …; empty: it could not be read.
    pub purpose: Option<String>,
    /// A context or connection was made: what was said of another one in its place doesn't hold.
    pub is_new: bool,
    /// It was a handshake, whatever came of it.
    pub is_handshake: bool,
}

/// What was said.
#[derive(Debug, Default)]
pub struct Library {
    objects: Recent<(ProcessId, u64), Object>,
}

#[derive(Clone, Debug, Default)]
struct Object {
    /// The file whose functions made it, or its handshake.
    file: Option<Arc<LibraryFile>>,
    parent: u64,
    mode: Option<Mode>,
    purpose: Option<String>,
    /// What was said of the connection itself.
    verified: Option<(u64, String)>,
    /// What came of OpenSSL's verification of a certificate within the connection's handshake, and what it was for.
    checked: Option<(u64, String, String)>,
}

/// A call, and where it happened.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The process.
    pub process: ProcessId,
    /// When it returned.
    pub time_ns: u64,
    /// The object; 0: none.
    pub object: u64,
    /// What that was made from, or the connection within whose handshake it happened; 0: none.
    pub parent: u64,
    /// The file that holds the function.
    pub file: &'a Arc<LibraryFile>,
    /// What the call tells.
    pub telling: &'a Telling,
}

/// A handshake, as far as it takes to find what was said of it.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The process.
    pub process: ProcessId,
    /// The connection's object; 0: not known.
    pub object: u64,
    /// Whether the process is the client.
    pub client: bool,
    /// When it began and ended.
    pub times: (u64, u64),
}

impl Question {
    fn is_within(&self, time_ns: u64) -> bool {
        (self.times.0..=self.times.1).contains(&time_ns)
    }
}

impl Library {
    /// Takes note of a call.
    pub fn note(&mut self, call: &Call<'_>) {
        let Telling { mode, verified, purpose, is_new, is_handshake } = call.telling;
        if call.object != 0 {
            let key = (call.process, call.object);
            if *is_new {
                self.objects.insert(key, Object { parent: call.parent, ..Object::default() });
            }
            if *is_new || *is_handshake {
                self.objects.entry(key).file = Some(Arc::clone(call.file));
            }
            if mode.is_some() || verified.is_some() || purpose.is_some() {
                let object = self.objects.entry(key);
                object.mode = mode.or(object.mode);
                match verified {
                    Some(text) => object.verified = Some((call.time_ns, text.clone())),
                    None if purpose.is_some() => object.purpose.clone_from(purpose),
                    None => {}
                }
            }
        }
        if let (Some(text), Some(purpose)) = (verified, purpose)
            && call.parent != 0
        {
            let connection = self.objects.entry((call.process, call.parent));
            connection.checked = Some((call.time_ns, purpose.clone(), text.clone()));
        }
    }

    /// What the object's verification is for, which uses it up: soon another object may be in its place.
    pub fn take_purpose(&mut self, process: ProcessId, object: u64) -> Option<String> {
        self.objects.get_mut(&(process, object))?.purpose.take()
    }

    /// The file whose functions made the object, or its handshake.
    pub fn file(&self, process: ProcessId, object: u64) -> Option<Arc<LibraryFile>> {
        self.objects.get(&(process, object)).filter(|_| object != 0)?.file.clone()
    }

    /// A process began as a copy of another: what was said of that one's objects holds of its own.
    pub fn inherit(&mut self, child: ProcessId, parent: ProcessId) {
        let mut its: Vec<(u64, u64, Object)> = self
            .objects
            .range(objects_of(parent))
            .map(|(key, used, object)| (used, key.1, object.clone()))
            .collect();
        its.sort_unstable_by_key(|(used, ..)| *used);
        let old = its.len().saturating_sub(INHERITED);
        for (_, number, object) in its.into_iter().skip(old) {
            if self.objects.get(&(child, number)).is_none() {
                self.objects.insert((child, number), object);
            }
        }
    }

    /// A process ended or began another program: its objects are no more.
    pub fn forget(&mut self, process: ProcessId) {
        self.objects.remove_range(objects_of(process));
    }

    /// What is known of a connection's object and of its handshake: whether its peer is to be verified, and what came of that.
    fn known(&self, ask: &Question) -> Option<Known<'_>> {
        let object = self.objects.get(&(ask.process, ask.object)).filter(|_| ask.object != 0)?;
        let context = self.objects.get(&(ask.process, object.parent)).filter(|_| object.parent != 0);
        let of_peer = if ask.client { "ssl_server" } else { "ssl_client" };
        let checked =
            object.checked.as_ref().filter(|(at, purpose, _)| ask.is_within(*at) && purpose == of_peer);
        Some(Known {
            mode: object.mode.or_else(|| context.and_then(|c| c.mode)),
            asked: object
                .verified
                .as_ref()
                .filter(|(at, _)| ask.is_within(*at))
                .map(|(_, text)| text.as_str()),
            checked: checked.map(|(_, _, text)| text.as_str()),
        })
    }

    /// Whether it is up to the program to ask what was found of the peer, and it hasn't yet.
    pub fn may_be_asked(&self, ask: &Question) -> bool {
        let Some(known) = self.known(ask).filter(|known| ask.client && known.asked.is_none()) else {
            return false;
        };
        match known.mode {
            Some(Mode::On) => false,
            Some(Mode::Off) => true,
            None => known.checked.is_some(),
        }
    }

    /// What came of the verification of the peer's certificate: `ok`, what was wrong, or another [`verdict`]; `None`: not known.
    pub fn verify(&self, ask: &Question) -> Option<String> {
        let known = self.known(ask)?;
        let text = match (known.mode, known.asked, known.checked) {
            // A server that asks for no certificate has nothing to verify.
            (Some(Mode::Off), ..) if !ask.client => return None,
            (Some(Mode::Off), Some(verdict::OK), _) => verdict::BY_PROGRAM,
            (Some(Mode::Off), None, _) => verdict::DISABLED,
            (_, Some(found), _) => found,
            // It may be that nobody would have minded anything else.
            (None, None, Some(verdict::OK)) => return None,
            (_, None, found) => found?,
        };
        Some(text.to_owned())
    }
}

struct Known<'a> {
    mode: Option<Mode>,
    /// What the program was told.
    asked: Option<&'a str>,
    /// What the library found within the handshake.
    checked: Option<&'a str>,
}

fn objects_of(process: ProcessId) -> RangeInclusive<(ProcessId, u64)> {
    (process, 0)..=(process, u64::MAX)
}

/// A map that forgets its older half when it is full.
#[derive(Debug)]
struct Recent<K, V> {
    entries: BTreeMap<K, (u64, V)>,
    uses: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Recent { entries: BTreeMap::new(), uses: 0 }
    }
}

impl<K: Ord + Copy, V: Default> Recent<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    /// Those with such keys, and when they were used.
    fn range(&self, keys: RangeInclusive<K>) -> impl Iterator<Item = (&K, u64, &V)> {
        self.entries.range(keys).map(|(key, (used, value))| (key, *used, value))
    }

    fn remove_range(&mut self, keys: RangeInclusive<K>) {
        let gone: Vec<K> = self.entries.range(keys).map(|(key, _)| *key).collect();
        for key in gone {
            self.entries.remove(&key);
        }
    }

    fn insert(&mut self, key: K, value: V) {
        *self.entry(key) = value;
    }

    fn entry(&mut self, key: K) -> &mut V {
        self.uses += 1;
        if self.entries.len() >= OBJECTS && !self.entries.contains_key(&key) {
            let mut uses: Vec<u64> = self.entries.values().map(|(used, _)| *used).collect();
            let (_, middle, _) = uses.select_nth_unstable(OBJECTS / 2);
            let middle = *middle;
            self.entries.retain(|_, (used, _)| *used >= middle);
        }
        let entry = self.entries.entry(key).or_default();
        entry.0 = self.uses;
        &mut entry.1
    }
}

#[cfg(test)]
mod tests;
