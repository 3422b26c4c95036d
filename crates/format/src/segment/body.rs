//! The bodies of our frames: SEG, BLK, END and END's index entries, one table each.
//!
//! From a table come the Rust struct, its coding (by [`codec`](super::codec)) and the tables of docs/capture-format.md.
//! Bodies only grow at their end; the frame's version grows with them. What an old reader must not overlook is said
//! by a required feature bit in SEG.

use bincode::{Decode, Encode};

/// One line of a body's table, for the docs.
#[derive(Clone, Copy, Debug)]
pub struct BodyField {
    /// Name.
    pub name: &'static str,
    /// Type as Rust writes it.
    pub ty: &'static str,
    /// Size in bytes; 0: as long as it says.
    pub size: usize,
    /// The doc comment: one line per element.
    pub doc: &'static [&'static str],
}

macro_rules! field_size {
    (String) => {
        0
    };
    (BlockEntry) => {
        BlockEntry::FIXED
    };
    ($ty:ty) => {
        size_of::<$ty>()
    };
}

macro_rules! body {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident: $ty:tt, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $ty, )*
        }

        impl $name {
            /// The table of fields, in the order of their bytes, without gaps.
            pub const FIELDS: &'static [BodyField] = &[$(BodyField {
                name: stringify!($field),
                ty: stringify!($ty),
                size: field_size!($ty),
                doc: &[$($doc),*],
            }),*];

            /// Length of the fields of fixed size, in bytes.
            pub const FIXED: usize = 0 $( + field_size!($ty) )*;
        }
    };
}

/// A random identifier.
pub type Id = [u8; 16];
/// A SHA-256 digest.
pub type Digest = [u8; 32];

body! {
    /// Body of SEG, the first frame of a segment.
    pub struct SegmentBody {
        /// Random id of this segment. Every frame of the segment repeats it, so that no other content can pass for one.
        segment_id: Id,
        /// Random id of the capture, the same in all its segments.
        capture_id: Id,
        /// Number of the segment within the capture, from 0.
        number: u32,
        /// Features without which the segment would be misread: a reader that doesn't know a bit refuses the segment.
        required: u64,
        /// Features that a reader may ignore.
        optional: u64,
        /// SHA-256 of the END frame of the segment before; zeros in the first.
        previous: Digest,
        /// Name and version of the program that wrote it: a length of 8 bytes, then UTF-8.
        writer: String,
    }
}

body! {
    /// What a block holds: enough to decide, without decoding it, whether it is wanted. Part of BLK and of END's index.
    pub struct BlockEntry {
        /// Number of the block within its segment, from 0.
        number: u32,
        /// Length of the data frame, in bytes.
        compressed: u32,
        /// Length of its content, in bytes.
        raw: u32,
        /// Number of records.
        records: u32,
        /// Earliest `time_ns` of its records; 0: none has one.
        first_ns: u64,
        /// Latest `time_ns` of its records.
        last_ns: u64,
        /// Bit n: it holds records of type n. Bit 63: it holds records of type 63 or above.
        kinds: u64,
        /// Sum of the counts of all loss records of the segment so far, this block's included.
        losses: u64,
    }
}

body! {
    /// Body of BLK, the frame before each data frame.
    pub struct BlockBody {
        /// Id of the segment.
        segment_id: Id,
        /// What the block holds, as below.
        entry: BlockEntry,
        /// Records of the segment before this block.
        records_before: u64,
        /// `first_ns` of the block before; 0 in the first.
        before_first_ns: u64,
        /// `last_ns` of the block before; 0 in the first.
        before_last_ns: u64,
        /// SHA-256 of the block before (BLK frame and data frame); in the first, of the SEG frame.
        previous: Digest,
        /// CRC32C of the data frame.
        crc: u32,
    }
}

body! {
    /// Body of END, the last frame of a segment. The index entries and the trailer follow it.
    pub struct EndBody {
        /// Id of the segment.
        segment_id: Id,
        /// Why the segment was closed.
        reason: u32,
        /// Number of blocks.
        blocks: u32,
        /// Number of records.
        records: u64,
        /// Length of the content of all blocks, in bytes.
        raw_bytes: u64,
        /// Sum of the counts of all loss records.
        losses: u64,
        /// Earliest `time_ns` of all records; 0: none has one.
        first_ns: u64,
        /// Latest `time_ns` of all records.
        last_ns: u64,
        /// SHA-256 of the last block; without blocks, of the SEG frame.
        head: Digest,
        /// Number of index entries: as many as blocks, or 0 where the segment has no index.
        entries: u32,
    }
}

body! {
    /// One entry of END's index.
    pub struct IndexEntry {
        /// Offset of the BLK frame from the segment's first byte.
        offset: u64,
        /// What the block holds, as above.
        entry: BlockEntry,
    }
}

body! {
    /// The last bytes of END, and so of a segment: with them a reader hops from the end of a file to its beginning.
    pub struct Trailer {
        /// Length of the END frame, in bytes.
        end_bytes: u64,
        /// Length of the segment, from SEG to the last byte of END.
        segment_bytes: u64,
        /// `89 43 54 52 45 4e 44 00`.
        magic: Magic,
    }
}

/// Eight bytes that name what they stand in.
pub type Magic = [u8; 8];

impl BlockEntry {
    /// Whether a record of type `number` is in the block. True for all types of 63 and above if there is one of them.
    pub fn may_hold(&self, number: u16) -> bool {
        self.kinds & kind_bit(number) != 0
    }

    /// Whether a record of a time in `from..=to` may be in the block (one without a time always may).
    pub fn overlaps(&self, from_ns: u64, to_ns: u64) -> bool {
        self.first_ns == 0 || (self.first_ns <= to_ns && self.last_ns >= from_ns)
    }
}

/// The bit of a record type in [`BlockEntry::kinds`].
pub fn kind_bit(number: u16) -> u64 {
    1 << number.min(63)
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal;)*) => {
        /// Why a segment was closed. In [`EndBody::reason`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum CloseReason {
            $( $(#[doc = $doc])* $name = $number, )*
        }

        impl CloseReason {
            /// All of them.
            pub const ALL: &'static [CloseReason] = &[$(CloseReason::$name),*];

            /// The number in END.
            pub fn number(self) -> u32 {
                self as u32
            }

            /// The one with this number, if this release knows it.
            pub fn from_number(number: u32) -> Option<CloseReason> {
                match number {
                    $( $number => Some(CloseReason::$name), )*
                    _ => None,
                }
            }

            /// In words.
            pub fn name(self) -> &'static str {
                match self {
                    $( CloseReason::$name => $text, )*
                }
            }
        }
    };
}

reasons! {
    /// The recording ended as asked.
    Stopped = 1, "stopped";
    /// The segment was full.
    Size = 2, "size reached";
    /// The segment's time was over.
    Time = 3, "time reached";
    /// The recorder had to give up.
    Failed = 4, "failed";
}
