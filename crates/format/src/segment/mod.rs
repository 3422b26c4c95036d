//! Segments: what holds the records of a capture. docs/capture-format.md describes every byte.
//!
//! A segment is a valid zstd file. Its blocks are plain zstd frames with content size and checksum; what is needed to
//! find one's way (SEG, BLK, END) sits in skippable frames between them:
//!
//! ```text
//! SEG  BLK data  BLK data  …  END      SEG  BLK data  …
//! ```
//!
//! Invariants:
//! - What means something is a record in the blocks; frames only navigate. Without them the rest can still be read.
//! - Nothing is ever written back. Segments concatenate.
//! - A reader believes a frame only after its checksum, and data only after two. While the chain of lengths is whole
//!   it follows that chain; once it broke, it believes only frames with the segment's random id and a greater number.
//! - Memory is bounded by [`limits`](crate::limits) whatever an input says, and no input makes it panic.

mod bare;
mod blocks;
mod body;
mod chain;
mod codec;
mod coverage;
mod data;
mod error;
mod frame;
mod index;
mod reader;
mod recover;
mod source;
mod tally;
mod writer;

pub use body::{
    BlockBody, BlockEntry, BodyField, CloseReason, Digest, EndBody, Id, IndexEntry, Magic, SegmentBody,
    Trailer, kind_bit,
};
pub use codec::CodecError;
pub use coverage::{Coverage, Damage, Passed, SegmentInfo, Verdict};
pub use error::{Cause, ReadError, WriteError};
pub use frame::{BLK, END, END_MAGIC, KNOWN_OPTIONAL, KNOWN_REQUIRED, MAGIC, SEG, SKIPPABLE, VERSION};
pub use reader::{Block, CaptureReader, ReadOptions};
pub use tally::Tally;
pub use writer::{SegmentOptions, SegmentWriter, Totals};
