//! What of an input was read, what was left out on purpose, and what was lost.
//!
//! Nothing is lost silently: whatever the reader can't give is a [`Damage`], or counted here.

use std::collections::BTreeMap;

use super::body::{CloseReason, Digest, Id};
use super::error::Cause;
use crate::limits;

/// How much of an input could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it (also where the last segment was not closed: then nothing that was written is missing).
    Whole,
    /// Some of it: it was damaged or cut.
    Damaged,
    /// Nothing.
    Nothing,
}

/// One place where something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Offset in the input of the first byte that could not be used.
    pub offset: u64,
    /// Bytes of the input that could not be used.
    pub bytes: u64,
    /// How many zeros these bytes end with (a power loss leaves such a tail).
    pub trailing_zeros: u64,
    /// Bytes of decoded content that could not be used: a malformed record and what follows it in its block.
    pub raw_bytes: u64,
    /// What was found wrong first.
    pub cause: Cause,
    /// Number of the segment in this input, from 0; none before the first.
    pub segment: Option<u64>,
    /// Blocks lost as a whole; none where that can't be known (the end is missing).
    pub blocks: Option<u64>,
    /// Records lost; none where that can't be known.
    pub records: Option<u64>,
    /// No lost record is older than this; none: not known.
    pub from_ns: Option<u64>,
    /// No lost record is younger than this; none: not known.
    pub to_ns: Option<u64>,
}

impl Damage {
    /// Whether records may be missing, not just navigation.
    pub fn lost_records(&self) -> bool {
        self.blocks != Some(0) || self.records != Some(0)
    }
}

/// Something that was passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// How many.
    pub frames: u64,
    /// How long together, in bytes of the input.
    pub bytes: u64,
}

impl Passed {
    pub(super) fn add(&mut self, bytes: u64) {
        self.frames += 1;
        self.bytes += bytes;
    }
}

/// What SEG says of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Number of the segment in this input, from 0.
    pub ordinal: u64,
    /// Offset in the input of the segment's first byte.
    pub offset: u64,
    /// Id of the segment.
    pub segment_id: Id,
    /// Id of the capture and number of the segment within it; none where SEG is missing.
    pub capture: Option<(Id, u32)>,
    /// What SEG states as the digest of the segment before.
    pub previous: Option<Digest>,
    /// Name and version of the writer; empty where SEG is missing.
    pub writer: String,
}

/// What was read and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Bytes of the input that were accounted for: read, hopped over or lost.
    pub bytes: u64,
    /// Segments begun.
    pub segments: u64,
    /// Segments with an END.
    pub closed: u64,
    /// Segments without an END whose end was reached: the recorder was killed, or is still writing.
    pub not_closed: u64,
    /// Why the last closed segment was closed; none where the number is of a later release.
    pub close_reason: Option<CloseReason>,
    /// Blocks read.
    pub blocks: u64,
    /// Records read.
    pub records: u64,
    /// Length of the content of blocks that were read.
    pub raw_bytes: u64,
    /// Blocks that the caller didn't want. They were not decoded, and where the input can seek not even read.
    pub blocks_unwanted: u64,
    /// Records of these blocks, as their entries state.
    pub records_unwanted: u64,
    /// zstd frames without block entries (a capture that passed through `zstd -dc | zstd`).
    pub bare_frames: u64,
    /// Those of them without a checksum.
    pub unchecked_frames: u64,
    /// Frames of ours of a kind that this release doesn't know.
    pub unknown_frames: Passed,
    /// Skippable frames of others.
    pub foreign_frames: Passed,
    /// Unknown bits among the optional features of segments.
    pub unknown_features: u64,
    /// Records of types that this release doesn't know, by type. They were given to the caller.
    pub unknown_kinds: BTreeMap<u16, u64>,
    /// Further ones, where there were more types than [`limits::UNKNOWN_KINDS`].
    pub unknown_kinds_more: u64,
    /// Records of known types in a later version, whose last fields this release doesn't know.
    pub newer_records: u64,
    /// Blocks and segments whose digest was compared with what follows them (with `verify_chain`).
    pub chain_links: u64,
    /// What is missing, in the order of the input; at most [`limits::DAMAGES_LISTED`].
    pub damages: Vec<Damage>,
    /// Damages that were not listed.
    pub damages_more: u64,
    /// Sum over all damages: bytes of the input.
    pub lost_bytes: u64,
    /// Sum over all damages: blocks, where known.
    pub lost_blocks: u64,
    /// Sum over all damages: records, where known.
    pub lost_records: u64,
    /// Some damage's blocks or records aren't known: the sums above are lower bounds.
    pub lost_unknown: bool,
}

impl Coverage {
    /// Whole, damaged, or nothing readable.
    pub fn verdict(&self) -> Verdict {
        let read = self.blocks + self.blocks_unwanted > 0 || self.records > 0;
        let damaged = !self.damages.is_empty();
        match (read, damaged) {
            (true, false) => Verdict::Whole,
            (true, true) => Verdict::Damaged,
            (false, false) if self.segments > 0 => Verdict::Whole,
            (false, _) => Verdict::Nothing,
        }
    }

    pub(super) fn damage(&mut self, damage: Damage) {
        self.lost_bytes += damage.bytes;
        self.lost_blocks = self.lost_blocks.saturating_add(damage.blocks.unwrap_or(0));
        self.lost_records = self.lost_records.saturating_add(damage.records.unwrap_or(0));
        self.lost_unknown |= damage.blocks.is_none() || damage.records.is_none();
        if self.damages.len() < limits::DAMAGES_LISTED {
            self.damages.push(damage);
        } else {
            self.damages_more += 1;
        }
    }

    pub(super) fn unknown_kind(&mut self, number: u16) {
        if self.unknown_kinds.len() < limits::UNKNOWN_KINDS || self.unknown_kinds.contains_key(&number) {
            *self.unknown_kinds.entry(number).or_default() += 1;
        } else {
            self.unknown_kinds_more += 1;
        }
    }
}
