//! Where the reader is within a segment, and what a gap in it means: the arithmetic of loss.
//!
//! Each block entry states its number, how many records came before it and the time range of the block before it. So
//! whatever comes next after a damage says how much the damage took.

use super::body::{BlockBody, BlockEntry, Digest, EndBody, SegmentBody};
use super::coverage::{Damage, SegmentInfo};
use super::error::Cause;

/// A segment being read.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub info: SegmentInfo,
    /// Number that the next block should have.
    pub expected: u32,
    /// Records of the blocks before that one.
    pub records: u64,
    /// Time range of the last block whose entry was seen.
    pub last: Option<Range>,
    /// Digest of the last frame or block; none where it isn't known.
    pub head: Option<Digest>,
}

/// A time range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub from: u64,
    pub to: u64,
}

/// What ends a damage.
pub(super) enum Next<'a> {
    Block(&'a BlockBody),
    End(&'a EndBody),
    /// Another segment, or the end of the input: how many blocks are missing can't be known.
    Unknown,
}

/// A damage whose end isn't found yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenDamage {
    pub offset: u64,
    pub cause: Cause,
    pub segment: Option<u64>,
    pub bytes: u64,
    pub zeros: u64,
    pub raw_bytes: u64,
    /// Blocks whose entries were read but whose data were damaged.
    pub known_blocks: u64,
    pub known_records: u64,
    pub known_range: Option<Range>,
    /// In a stream without entries: no lost record is older than this.
    pub since: Option<u64>,
}

impl OpenDamage {
    pub fn new(offset: u64, cause: Cause, segment: Option<&Segment>) -> Self {
        OpenDamage {
            offset,
            cause,
            segment: segment.map(|s| s.info.ordinal),
            bytes: 0,
            zeros: 0,
            raw_bytes: 0,
            known_blocks: 0,
            known_records: 0,
            known_range: None,
            since: None,
        }
    }

    /// Adds bytes of the input that can't be used.
    pub fn lose(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        match bytes.iter().rev().position(|&b| b != 0) {
            Some(zeros) => self.zeros = zeros as u64,
            None => self.zeros += bytes.len() as u64,
        }
    }

    /// Adds a block whose entry is known.
    pub fn lose_block(&mut self, entry: &BlockEntry) {
        self.known_blocks += 1;
        self.known_records += u64::from(entry.records);
        self.known_range = Range::of(entry.first_ns, entry.last_ns).or(self.known_range);
    }
}

impl Range {
    /// The range of a block; none if no record in it has a time.
    pub fn of(from: u64, to: u64) -> Option<Range> {
        (from != 0).then_some(Range { from, to })
    }
}

impl Segment {
    pub fn new(info: SegmentInfo) -> Self {
        Segment { info, expected: 0, records: 0, last: None, head: None }
    }

    /// A segment as SEG states it.
    pub fn begin(ordinal: u64, offset: u64, body: SegmentBody) -> Self {
        Segment::new(SegmentInfo {
            ordinal,
            offset,
            segment_id: body.segment_id,
            capture: Some((body.capture_id, body.number)),
            previous: Some(body.previous),
            writer: body.writer,
        })
    }

    /// Notes that the block of `entry` was passed, read or lost.
    pub fn pass(&mut self, entry: &BlockEntry) {
        self.expected = entry.number.saturating_add(1);
        self.records = self.records.saturating_add(u64::from(entry.records));
        self.last = Range::of(entry.first_ns, entry.last_ns).or(self.last);
    }
}

/// What is missing between what was read of `segment` and `next`, with the damage found there. None if nothing is.
pub(super) fn missing(
    segment: Option<&Segment>,
    open: Option<OpenDamage>,
    offset: u64,
    next: &Next<'_>,
) -> Option<Damage> {
    let (expected, have) = segment.map_or((0, 0), |s| (s.expected, s.records));
    let (gap, records, range) = match next {
        Next::Block(b) => {
            let gap = b.entry.number.saturating_sub(expected);
            let range = if gap == 1 {
                (nonzero(b.before_first_ns), nonzero(b.before_last_ns))
            } else {
                (since(segment), nonzero(b.entry.last_ns))
            };
            (Some(gap), Some(b.records_before.saturating_sub(have)), range)
        }
        Next::End(e) => {
            let range = (since(segment).or(nonzero(e.first_ns)), nonzero(e.last_ns));
            (Some(e.blocks.saturating_sub(expected)), Some(e.records.saturating_sub(have)), range)
        }
        Next::Unknown => (None, None, (since(segment).or(open.and_then(|o| o.since)), None)),
    };
    let found = match next {
        Next::Block(b) => b.entry.number,
        Next::End(e) => e.blocks,
        Next::Unknown => expected,
    };
    let open = match open {
        Some(open) => open,
        None if gap.unwrap_or(0) == 0 && records.unwrap_or(0) == 0 => return None,
        None => OpenDamage::new(offset, Cause::BlocksMissing { found, expected }, segment),
    };
    let cause = if open.bytes > 0 && open.zeros == open.bytes { Cause::Zeros } else { open.cause };
    // A block that is cut by the end of the input is all that is known to be missing.
    let all_known = gap == Some(0) || (gap.is_none() && open.known_blocks > 0);
    let (from_ns, to_ns) = match (all_known, open.known_range) {
        (true, known) => (known.map(|r| r.from), known.map(|r| r.to)),
        (false, None) => range,
        (false, Some(known)) => (range.0.map(|t| t.min(known.from)), range.1.map(|t| t.max(known.to))),
    };
    let (blocks, records) = if all_known {
        (Some(open.known_blocks), Some(open.known_records.saturating_add(records.unwrap_or(0))))
    } else {
        (gap.map(|g| u64::from(g) + open.known_blocks), records.map(|r| r.saturating_add(open.known_records)))
    };
    Some(Damage {
        offset: open.offset,
        bytes: open.bytes,
        trailing_zeros: open.zeros,
        raw_bytes: open.raw_bytes,
        cause,
        segment: open.segment,
        blocks,
        records,
        from_ns,
        to_ns,
    })
}

/// The earliest time that a block after the last one may hold: blocks overlap a little, so that it is that one's first.
fn since(segment: Option<&Segment>) -> Option<u64> {
    segment.and_then(|s| s.last).map(|r| r.from)
}

fn nonzero(time: u64) -> Option<u64> {
    (time != 0).then_some(time)
}
