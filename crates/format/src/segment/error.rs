//! What can go wrong: with a writer, with an input as a whole, and with a part of it.

use crate::limits;
use crate::record::RecordError;

pub use super::codec::CodecError;

/// Why a segment can't be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output refused.
    #[error("writing the capture: {0}")]
    Io(#[from] std::io::Error),
    /// The compressor refused.
    #[error("compressing a block of {raw} bytes: {source}")]
    Compress {
        /// Length of the block's content.
        raw: usize,
        /// What it said.
        source: std::io::Error,
    },
    /// What was given isn't whole records. Those before it are in the block.
    #[error("expected whole records: {0}")]
    Record(#[from] RecordError),
    /// The size of blocks is out of range.
    #[error("blocks of {0} bytes were asked for; expected {min} to {max}", min = limits::MIN_BLOCK_BYTES, max = limits::BLOCK_BYTES)]
    BlockBytes(usize),
    /// The writer's name is too long.
    #[error("the writer's name has {0} bytes; at most {max} are allowed", max = limits::WRITER_BYTES)]
    Writer(usize),
    /// More blocks than their number can count.
    #[error("a segment has at most {} blocks", u32::MAX)]
    Blocks,
    /// A body can't be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// An earlier write failed, so that the output may end in the middle of a block: nothing may follow.
    #[error("an earlier write to this segment failed; nothing can be added to it")]
    Failed,
}

/// Why an input can't be read on. What was read before stays valid.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input could not be read.
    #[error("reading the capture at byte {offset}: {source}")]
    Io {
        /// Where.
        offset: u64,
        /// What the system said.
        source: std::io::Error,
    },
    /// The segment uses features that this release doesn't know and must not overlook.
    #[error(
        "the segment at byte {offset}, written by {writer:?}, needs features that this release doesn't know \
         (bits {bits:#x}): a later release of crypto-tracer reads it"
    )]
    RequiredFeatures {
        /// Where the segment starts.
        offset: u64,
        /// The unknown bits.
        bits: u64,
        /// Who wrote it.
        writer: String,
    },
}

/// What is wrong with a part of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The input ends in the middle of a frame.
    #[error("the input ends in the middle of a frame")]
    Cut,
    /// Nothing but zeros to the end: what a file system leaves after a power loss.
    #[error("nothing but zeros follow")]
    Zeros,
    /// No frame starts where one should.
    #[error("no zstd frame starts here")]
    NoFrame,
    /// The two lengths of a frame differ.
    #[error("a frame of {outer} bytes has a body of {body} bytes; expected 20 less")]
    FrameLengths {
        /// Length of the skippable frame's payload.
        outer: usize,
        /// Length of the body.
        body: usize,
    },
    /// A frame is larger than allowed.
    #[error("a frame of {0} bytes; at most {max} are allowed", max = limits::FRAME_BYTES)]
    FrameTooLarge(usize),
    /// An END frame is larger than allowed.
    #[error("an END frame of {0} bytes; at most {max} are allowed", max = limits::END_BYTES)]
    EndTooLarge(usize),
    /// A skippable frame of someone else is larger than believed.
    #[error("a foreign frame of {0} bytes; at most {max} are passed over", max = limits::FOREIGN_BYTES)]
    ForeignTooLarge(u64),
    /// The checksum of a frame is wrong.
    #[error("a frame's checksum is {computed:#010x}, but it states {stated:#010x}")]
    FrameChecksum {
        /// What it says.
        stated: u32,
        /// What it should say.
        computed: u32,
    },
    /// The body of a frame is too short for its fields, or a text in it isn't UTF-8 or too long.
    #[error("the body of a frame of kind {0} is shorter than its fields, or has a malformed text")]
    Body(u16),
    /// A block's number is not greater than that of the block before.
    #[error("block {found}; expected {expected}")]
    BlockOrder {
        /// Its number.
        found: u32,
        /// The number after that of the block before.
        expected: u32,
    },
    /// Blocks are missing between two that are there.
    #[error("block {found} follows; expected {expected}")]
    BlocksMissing {
        /// The next block, or the number of blocks according to END.
        found: u32,
        /// The number after that of the block before.
        expected: u32,
    },
    /// A frame of another segment stands here.
    #[error("a frame of another segment, whose beginning is missing")]
    OtherSegment,
    /// The data of a block have no block entry before them.
    #[error("data without a block entry before them")]
    NoEntry,
    /// A block's data are missing.
    #[error("no data follow a block entry")]
    NoData,
    /// The data frame is longer than allowed.
    #[error("a data frame of {0} bytes; at most {max} are allowed", max = limits::DATA_BYTES)]
    DataTooLarge(u32),
    /// The checksum of the data frame is wrong.
    #[error("the checksum of a block's data is {computed:#010x}, but its entry states {stated:#010x}")]
    DataChecksum {
        /// What the entry says.
        stated: u32,
        /// What it should say.
        computed: u32,
    },
    /// The data frame does not end where its entry says.
    #[error("a data frame doesn't end after the {0} bytes that its entry states")]
    DataLength(u32),
    /// The header of a data frame is malformed.
    #[error("the header of a data frame is malformed")]
    DataHeader,
    /// A data frame has no checksum.
    #[error("a data frame without checksum")]
    NoChecksum,
    /// A data frame needs a dictionary.
    #[error("a data frame that needs a dictionary")]
    Dictionary,
    /// A data frame does not say how long its content is.
    #[error("a data frame that doesn't state the size of its content")]
    NoContentSize,
    /// The content of a data frame is larger than allowed.
    #[error("a data frame with {0} bytes of content; at most {max} are allowed", max = limits::BLOCK_BYTES)]
    ContentTooLarge(u64),
    /// The size of the content differs from the entry's, or from what was decoded.
    #[error("a data frame has {found} bytes of content; its entry states {stated}")]
    ContentSize {
        /// What the entry says.
        stated: u32,
        /// What the frame says or holds.
        found: u64,
    },
    /// A window is larger than allowed.
    #[error("a zstd window of {0} bytes; at most 2^{max} are allowed", max = limits::WINDOW_LOG)]
    WindowTooLarge(u64),
    /// zstd can't decode the data, or their checksum is wrong.
    #[error("zstd can't decode the data (damaged, or their checksum is wrong)")]
    Decode,
    /// A record is malformed: what follows it in its block can't be found.
    #[error("a malformed record")]
    Record,
    /// The number of records differs from the entry's.
    #[error("a block holds {found} records; its entry states {stated}")]
    RecordCount {
        /// What the entry says.
        stated: u32,
        /// What the block holds.
        found: u64,
    },
    /// The chain of digests is broken.
    #[error(
        "the digest of what stands before a frame is not the one that it states: something was changed, left out or put in"
    )]
    Chain,
    /// END's own numbers don't agree with each other or with its segment.
    #[error("the numbers of an END frame don't fit its segment")]
    End,
}
