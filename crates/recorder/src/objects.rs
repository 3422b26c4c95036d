//! Names for objects of libraries: what the kernel programs tell as addresses must not get into a capture as such.
//!
//! Invariants:
//! - The same object of the same process has the same name throughout a recording, whatever tells of it.
//! - A name says nothing of the address: it is a keyed hash, and its key is never written.

use std::hash::{BuildHasher, RandomState};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    key: RandomState,
}

impl Objects {
    /// With a key of its own.
    pub fn new() -> Objects {
        Objects::default()
    }

    /// The name of the object at this address of a process; 0 for none.
    pub fn name(&self, tgid: u32, start_ns: u64, address: u64) -> u64 {
        if address == 0 {
            return 0;
        }
        // 0 means none.
        self.key.hash_one((tgid, start_ns, address)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_apart_and_no_address_is_told() {
        let objects = Objects::new();
        let name = objects.name(7, 100, 0x5555_0000);
        assert_eq!(name, objects.clone().name(7, 100, 0x5555_0000));
        assert_ne!(name, 0x5555_0000);
        assert_ne!(name, objects.name(7, 100, 0x5555_0008));
        assert_ne!(name, objects.name(8, 100, 0x5555_0000));
        assert_ne!(name, objects.name(7, 101, 0x5555_0000));
        assert_ne!(name, Objects::new().name(7, 100, 0x5555_0000), "each recording has its own key");
        assert_eq!(objects.name(7, 100, 0), 0);
    }
}
