//! What processes' TLS libraries said of their connections: verification, what came of handshakes, and which file it was that
//! made them.
//!
//! Invariants:
//! - Objects are those of one process: the same number in another process is something else.
//! - Memory is bounded: of more than [`OBJECTS`] objects or threads the older half is forgotten.
//! - Nothing is guessed: what a library wasn't seen to say of the very connection is not known. A thread that has many
//!   connections under way says nothing of one of them by what it does at the time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use crate::api::LibraryFile;
use crate::identity::ProcessId;

/// Objects that are remembered.
const OBJECTS: usize = 1 << 16;

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
    /// Whether it succeeded.
    pub succeeded: bool,
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

    /// Whether the peer's certificate was verified: `ok`, what was wrong, `disabled`; `None`: not known.
    pub fn verify(&self, ask: &Question) -> Option<String> {
        let object = self.objects.get(&(ask.process, ask.object)).filter(|_| ask.object != 0)?;
        let context = self.objects.get(&(ask.process, object.parent)).filter(|_| object.parent != 0);
        let mode = object.mode.or_else(|| context.and_then(|c| c.mode));
        // A server that asks for no certificate has nothing to verify.
        let disabled = || ask.client.then(|| "disabled".to_owned());
        if mode == Some(Mode::Off) {
            return disabled();
        }
        let within = |time_ns: u64| (ask.times.0..=ask.times.1).contains(&time_ns);
        if let Some((_, text)) = object.verified.as_ref().filter(|(time_ns, _)| within(*time_ns)) {
            return Some(text.clone());
        }
        let of_peer = if ask.client { "ssl_server" } else { "ssl_client" };
        let checked = object.checked.as_ref().filter(|(at, purpose, _)| within(*at) && purpose == of_peer);
        match checked?.2.as_str() {
            // Nobody was seen to switch it off, but nobody minded what came of it.
            "ok" => Some("ok".to_owned()),
            _ if mode.is_none() && ask.succeeded => disabled(),
            text => Some(text.to_owned()),
        }
    }
}

/// A map that forgets its older half when it is full.
#[derive(Debug)]
struct Recent<K, V> {
    entries: HashMap<K, (u64, V)>,
    uses: u64,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Recent { entries: HashMap::new(), uses: 0 }
    }
}

impl<K: Eq + Hash + Copy, V: Default> Recent<K, V> {
    fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(_, value)| value)
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
