//! Records: what a capture is made of. Layout rules are in `wire`, the types in [`kinds`].

mod build;
pub mod kinds;
pub(crate) mod wire;

pub use build::{BuildError, Builder};
pub use kinds::*;
pub use wire::{Field, Role, StrRef};

use crate::limits;
use wire::WireField;

/// Size of the common header, in bytes.
pub const HEADER_SIZE: usize = 64;

/// What every record starts with. C: `struct ct_header` in `bpf/wire.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The record's type: a [`Kind`], or a number of a later release.
    pub kind: u16,
    /// Version of the type's layout. Grows when fields are added; never when they change, which is forbidden.
    pub version: u8,
    /// Length of header and fixed payload, in units of 8 bytes. Strings start here.
    pub fixed: u8,
    /// Length of the whole record in bytes, a multiple of 8.
    pub size: u32,
    /// When it happened: nanoseconds of the clock that the host record names (CLOCK_BOOTTIME).
    pub time_ns: u64,
    /// Thread group id (what people call the pid) in the initial pid namespace; 0: none (host, clock, loss …).
    pub tgid: u32,
    /// Thread id in the initial pid namespace.
    pub tid: u32,
    /// Real user id in the initial user namespace.
    pub uid: u32,
    /// Real group id in the initial user namespace.
    pub gid: u32,
    /// When the process started (its first thread), nanoseconds of CLOCK_BOOTTIME; 0: not known when the record was made,
    /// then `uid`, `gid`, `cgroup` and `comm` aren't known either and the process is the one that had this tgid at `time_ns`.
    /// Records made from /proc know it in steps of 10 ms only: compare [`Header::start_ticks`].
    pub start_ns: u64,
    /// Id of the cgroup (v2 hierarchy); 0: not known.
    pub cgroup: u64,
    /// Name of the process (the comm of its first thread), padded with NUL.
    pub comm: [u8; 16],
}

/// Fields of [`Header`], for the layout test and the docs.
pub const HEADER_FIELDS: &[(&str, usize, usize)] = &[
    ("kind", 0, 2),
    ("version", 2, 1),
    ("fixed", 3, 1),
    ("size", 4, 4),
    ("time_ns", 8, 8),
    ("tgid", 16, 4),
    ("tid", 20, 4),
    ("uid", 24, 4),
    ("gid", 28, 4),
    ("start_ns", 32, 8),
    ("cgroup", 40, 8),
    ("comm", 48, 16),
];

/// The process start time in /proc/PID/stat counts these per second on every architecture (USER_HZ).
pub const TICK_NS: u64 = 10_000_000;

impl Header {
    /// Start time of the process in the steps of /proc/PID/stat: with the tgid, this names a process for ever,
    /// whether the record came from the kernel (nanoseconds) or from /proc (hundredths of a second).
    pub fn start_ticks(&self) -> u64 {
        self.start_ns / TICK_NS
    }

    /// The process name up to its first NUL. Any bytes: a process may call itself what it likes.
    pub fn comm_bytes(&self) -> &[u8] {
        let end = self.comm.iter().position(|&b| b == 0).unwrap_or(self.comm.len());
        &self.comm[..end]
    }

    fn read(b: &[u8; HEADER_SIZE]) -> Header {
        Header {
            kind: u16::get(&b[0..2]),
            version: b[2],
            fixed: b[3],
            size: u32::get(&b[4..8]),
            time_ns: u64::get(&b[8..16]),
            tgid: u32::get(&b[16..20]),
            tid: u32::get(&b[20..24]),
            uid: u32::get(&b[24..28]),
            gid: u32::get(&b[28..32]),
            start_ns: u64::get(&b[32..40]),
            cgroup: u64::get(&b[40..48]),
            comm: <[u8; 16]>::get(&b[48..64]),
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        self.kind.put(out);
        out.push(self.version);
        out.push(self.fixed);
        self.size.put(out);
        self.time_ns.put(out);
        self.tgid.put(out);
        self.tid.put(out);
        self.uid.put(out);
        self.gid.put(out);
        self.start_ns.put(out);
        self.cgroup.put(out);
        self.comm.put(out);
    }
}

/// A record type's fixed part. Implemented by the `wire!` tables in [`kinds`].
pub trait Payload: Sized + Default {
    /// The number of the type.
    const KIND: Kind;
    /// The C struct's name in `bpf/wire.h` (for types that only the recorder makes, the name it would have).
    const C_NAME: &'static str;
    /// The table of fields.
    const FIELDS: &'static [Field];
    /// Decodes from header and fixed payload; fields beyond the end of `fixed` are zero.
    fn from_fixed(fixed: &[u8]) -> Self;
    /// Appends the fields' bytes, without the header.
    fn put_fields(&self, out: &mut Vec<u8>);
    /// Length of header and fixed payload of this release, rounded up to 8 bytes.
    fn fixed_size() -> usize {
        let end = Self::FIELDS.last().map_or(HEADER_SIZE, |f| f.offset + f.size);
        end.next_multiple_of(8)
    }
}

/// Why bytes are not a record.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordError {
    /// Fewer bytes than a header.
    #[error("a record header needs {HEADER_SIZE} bytes, but only {0} are left")]
    ShortHeader(usize),
    /// The size field is out of range, not a multiple of 8, or larger than what is left.
    #[error("a record claims {claimed} bytes; expected a multiple of 8 from {HEADER_SIZE} to {max}, with {left} left", max = limits::RECORD_BYTES)]
    Size {
        /// What the header says.
        claimed: u32,
        /// Bytes left.
        left: usize,
    },
    /// The fixed part is shorter than a header or longer than the record.
    #[error("a record of {size} bytes claims a fixed part of {fixed} bytes")]
    Fixed {
        /// The claimed length of header and fixed payload, in bytes.
        fixed: usize,
        /// The record's size.
        size: usize,
    },
    /// A string lies outside the record.
    #[error("a string at {off} with {len} bytes lies outside its record of {size} bytes")]
    Str {
        /// Offset.
        off: u16,
        /// Length.
        len: u16,
        /// The record's size.
        size: usize,
    },
    /// A string is longer than allowed.
    #[error("a string of {0} bytes; at most {max} are allowed", max = limits::STRING_BYTES)]
    StrTooLong(u16),
    /// A record of another type was expected.
    #[error("expected a record of type {expected:?}, but got type {got}")]
    Kind {
        /// What was asked for.
        expected: Kind,
        /// What the header says.
        got: u16,
    },
}

/// One record, checked: its header is sane and it is all there. Strings are checked when they're read.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// Takes the first record off `bytes` and returns it with what follows.
    ///
    /// # Errors
    /// [`RecordError::ShortHeader`], [`RecordError::Size`] or [`RecordError::Fixed`]: what follows can't be found then.
    pub fn split_first(bytes: &'a [u8]) -> Result<(Record<'a>, &'a [u8]), RecordError> {
        let head = bytes.first_chunk::<HEADER_SIZE>().ok_or(RecordError::ShortHeader(bytes.len()))?;
        let header = Header::read(head);
        let size = header.size as usize;
        if size < HEADER_SIZE || !size.is_multiple_of(8) || size > limits::RECORD_BYTES || size > bytes.len()
        {
            return Err(RecordError::Size { claimed: header.size, left: bytes.len() });
        }
        let fixed = header.fixed as usize * 8;
        if fixed < HEADER_SIZE || fixed > size {
            return Err(RecordError::Fixed { fixed, size });
        }
        let (bytes, rest) = bytes.split_at(size);
        Ok((Record { header, bytes }, rest))
    }

    /// The common header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The type, if this release knows it.
    pub fn kind(&self) -> Option<Kind> {
        Kind::from_number(self.header.kind)
    }

    /// All bytes of the record.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The fixed part as a record of type `P`.
    ///
    /// # Errors
    /// [`RecordError::Kind`] if the record has another type.
    pub fn payload<P: Payload>(&self) -> Result<P, RecordError> {
        if self.header.kind != P::KIND.number() {
            return Err(RecordError::Kind { expected: P::KIND, got: self.header.kind });
        }
        Ok(P::from_fixed(&self.bytes[..self.header.fixed as usize * 8]))
    }

    /// The bytes of a string. Any bytes but NUL may be in it (a command line holds NULs too).
    ///
    /// # Errors
    /// [`RecordError::Str`] if it lies outside the record's string part, [`RecordError::StrTooLong`].
    pub fn str(&self, at: StrRef) -> Result<&'a [u8], RecordError> {
        let (off, len) = (at.off as usize, at.len as usize);
        if len == 0 {
            return Ok(&[]);
        }
        if len > limits::STRING_BYTES {
            return Err(RecordError::StrTooLong(at.len));
        }
        let fixed = self.header.fixed as usize * 8;
        match self.bytes.get(off..off + len) {
            Some(s) if off >= fixed => Ok(s),
            _ => Err(RecordError::Str { off: at.off, len: at.len, size: self.bytes.len() }),
        }
    }
}

/// Walks the records of a block. Stops after the first error: what follows can't be found.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// Over the raw bytes of a block.
    pub fn new(bytes: &'a [u8]) -> Self {
        Records { rest: bytes }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match Record::split_first(self.rest) {
            Ok((record, rest)) => {
                self.rest = rest;
                Some(Ok(record))
            }
            Err(e) => {
                self.rest = &[];
                Some(Err(e))
            }
        }
    }
}
