//! Which file a mapping of a file really shows. Of a file system that lies over others (overlayfs: containers), stat(2) and
//! /proc tell a device and an inode of its own, while what is mapped, and probed, is the file below: the same one for all
//! containers of an image.
//!
//! Invariant: the kernel itself is asked, with a mapping of our own; what it doesn't tell is `None`.

use crate::probes::object::Loaded;
use crypto_tracer_format::record::Fact;
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use std::fs::File;
use std::os::fd::AsRawFd;

const PROGRAM: &str = "api_file_behind";
/// Bits of the minor number in the kernel's number of a device.
const MINOR_BITS: u32 = 20;

/// A file, as the kernel has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Major and minor number.
    pub dev: (u32, u32),
    /// Inode.
    pub ino: u64,
}

impl Identity {
    /// The key of the table of files: `struct ct_api_file`.
    pub fn key(&self) -> Vec<u8> {
        let dev = self.dev.0 << MINOR_BITS | self.dev.1 & ((1 << MINOR_BITS) - 1);
        [&self.ino.to_ne_bytes()[..], &dev.to_ne_bytes(), &[0; 4]].concat()
    }

    fn of_key(key: &[u8]) -> Option<Identity> {
        let ino = u64::from_ne_bytes(*key.first_chunk::<8>()?);
        let dev = u32::from_ne_bytes(*key.get(8..)?.first_chunk::<4>()?);
        (ino != 0).then_some(Identity { dev: (dev >> MINOR_BITS, dev & ((1 << MINOR_BITS) - 1)), ino })
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Behind(Option<MapHandle>);

impl Behind {
    /// Loads the program that answers. Where it can't be loaded, nothing is told.
    pub(crate) fn new(loaded: &mut Loaded) -> Behind {
        let works = loaded.load(Fact::ApiCall, vec![PROGRAM]).is_ok();
        Behind(works.then(|| loaded.handle("api_behind")).flatten())
    }

    /// The file that is mapped by whoever maps this one.
    pub(crate) fn of(&self, loaded: &mut Loaded, file: &File) -> Option<Identity> {
        let map = self.0.as_ref()?;
        let mapping = Page::of(file)?;
        loaded.run(PROGRAM, &mut (mapping.0 as u64).to_ne_bytes()).ok()?;
        let answer = map.lookup(&0u32.to_ne_bytes(), MapFlags::ANY).ok()??;
        Identity::of_key(&answer)
    }
}

/// The first page of a file, mapped and never touched.
struct Page(*mut libc::c_void);

const PAGE_BYTES: usize = 4096;

impl Page {
    #[allow(unsafe_code)]
    fn of(file: &File) -> Option<Page> {
        // SAFETY: a new mapping wherever the kernel likes; nothing of ours is replaced, and nobody reads it.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                PAGE_BYTES,
                libc::PROT_READ,
                libc::MAP_PRIVATE,
                file.as_raw_fd(),
                0,
            )
        };
        (at != libc::MAP_FAILED).then_some(Page(at))
    }
}

impl Drop for Page {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the mapping that `of` made, of this size; nobody holds a reference into it.
        unsafe { libc::munmap(self.0, PAGE_BYTES) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_the_kernel_has_them() {
        let file = Identity { dev: (8, 0x1_0002), ino: 7 };
        assert_eq!(file.key(), [&7u64.to_ne_bytes()[..], &0x81_0002u32.to_ne_bytes(), &[0; 4]].concat());
        assert_eq!(Identity::of_key(&file.key()), Some(file));
        assert_eq!(Identity::of_key(&[0; 16]), None, "nothing was found");
        assert_eq!(Identity::of_key(&[1]), None);
    }
}
