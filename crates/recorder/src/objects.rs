//! Names for the objects of programs (an SSL*, a gnutls_session_t): what joins a call of a library with another, and with
//! the handshake on the wire.
//!
//! Invariants:
//! - An address of a process never leaves the recorder: what is written is a hash of it under a random key that exists in
//!   this recording's memory alone.
//! - The same address gives the same name throughout a recording, in every process (a child has its parent's objects);
//!   0 stays 0: no object.

use std::hash::{BuildHasher, RandomState};

/// The key of one recording.
#[derive(Clone, Debug, Default)]
pub struct Objects(RandomState);

impl Objects {
    /// A new random key.
    pub fn new() -> Objects {
        Objects::default()
    }

    /// What stands for the object at this address.
    pub fn name(&self, address: u64) -> u64 {
        match address {
            0 => 0,
            // 0 would mean that there is none.
            address => self.0.hash_one(address).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_within_a_recording_only() {
        let (one, other) = (Objects::new(), Objects::new());
        let address = 0x5555_dead_b000;
        assert_eq!(one.name(address), one.clone().name(address));
        assert_ne!(one.name(address), one.name(address + 16));
        assert_ne!(one.name(address), other.name(address));
        assert_ne!(one.name(address), address);
        assert_eq!(one.name(0), 0);
    }
}
