//! Random access: END's indexes, found by hopping from the end of the input to its beginning.
//!
//! An index is a hint. It says where the next wanted block is, so that the others aren't even read; what stands there is
//! then checked as anywhere else. Where there is no index, or it makes no sense, the reader walks the block entries.

use std::collections::BTreeMap;
use std::io::Read;

use super::body::{BlockEntry, EndBody, Id, IndexEntry, Trailer};
use super::codec;
use super::error::ReadError;
use super::frame::{self, Look};
use super::reader::CaptureReader;
use crate::limits;

/// What is known of the places of segments and blocks.
#[derive(Default)]
pub(super) struct Index {
    /// By the offset of a segment: where its END starts and how long that is. None: not looked for yet.
    ends: Option<BTreeMap<u64, (u64, usize)>>,
    /// The blocks of the segment that is being read, with their offsets in the input.
    blocks: Vec<IndexEntry>,
    /// The next of them.
    at: usize,
    /// Where the segment's END starts.
    end: u64,
    /// The block that the caller said to want when its index entry was asked for.
    wanted: Option<u32>,
}

impl Index {
    /// Whether the caller said to want this block already.
    pub fn take_wanted(&mut self, number: u32) -> bool {
        self.wanted.take() == Some(number)
    }

    /// Forgets the segment that was read.
    pub fn leave(&mut self) {
        self.blocks.clear();
        self.at = 0;
        self.wanted = None;
    }
}

impl<R: Read> CaptureReader<R> {
    /// Whether unwanted blocks may be hopped over.
    pub(super) fn hops(&self) -> bool {
        self.source.can_seek() && !self.options.verify_chain
    }

    /// Reads the index of the segment that begins at `start`, if it has one; the window is then where it was.
    pub(super) fn load_index(&mut self, start: u64, id: Id) -> Result<(), ReadError> {
        self.index.leave();
        if !self.hops() {
            return Ok(());
        }
        let here = self.source.offset();
        if self.index.ends.is_none() {
            let ends = self.find_ends()?;
            self.index.ends = Some(ends);
        }
        if let Some((end, len)) = self.index.ends.as_mut().and_then(|ends| ends.remove(&start))
            && let Some(blocks) = self.read_end(start, end, len, id)?
        {
            self.index.blocks = blocks;
            self.index.end = end;
        }
        self.seek(here)
    }

    /// Hops from the end of the input to its beginning, from trailer to trailer.
    fn find_ends(&mut self) -> Result<BTreeMap<u64, (u64, usize)>, ReadError> {
        let mut ends = BTreeMap::new();
        let mut at = self.source.length().unwrap_or(0);
        while ends.len() < limits::SEGMENTS_INDEXED
            && let Some(trailer_at) = at.checked_sub(Trailer::FIXED as u64)
        {
            self.seek(trailer_at)?;
            let Ok((trailer, _)) = codec::decode::<Trailer>(self.fill(Trailer::FIXED)?) else { break };
            let (Some(end), Some(start)) =
                (at.checked_sub(trailer.end_bytes), at.checked_sub(trailer.segment_bytes))
            else {
                break;
            };
            if trailer.magic != frame::END_MAGIC || end <= start || end >= at {
                break;
            }
            if let Ok(len) = usize::try_from(at - end) {
                ends.insert(start, (end, len));
            }
            at = start;
        }
        Ok(ends)
    }

    /// The index entries of the END at `end`, if they make sense.
    fn read_end(
        &mut self,
        start: u64,
        end: u64,
        len: usize,
        id: Id,
    ) -> Result<Option<Vec<IndexEntry>>, ReadError> {
        let most = frame::HEAD + EndBody::FIXED + limits::INDEX_ENTRIES * IndexEntry::FIXED + Trailer::FIXED;
        if len > most {
            return Ok(None);
        }
        self.seek(end)?;
        let window = self.fill(len)?;
        let Look::Own(head) = frame::look(window) else { return Ok(None) };
        if head.kind != frame::END || head.frame() != len {
            return Ok(None);
        }
        Ok(frame::body(&head, window).ok().and_then(|body| entries(body, start, end, id)))
    }

    /// Passes over unwanted blocks from here on without reading them.
    pub(super) fn hop_by_index(
        &mut self,
        want: &mut dyn FnMut(&BlockEntry) -> bool,
    ) -> Result<(), ReadError> {
        let here = self.source.offset();
        let mut to = here;
        while let Some(block) = self.index.blocks.get(self.index.at) {
            if block.offset < to {
                self.index.at += 1;
                continue;
            }
            let fits = self.segment.as_ref().is_some_and(|s| s.expected == block.entry.number);
            if block.offset > to || !fits || self.damage.is_some() {
                break;
            }
            let entry = block.entry.clone();
            self.index.at += 1;
            if want(&entry) {
                self.index.wanted = Some(entry.number);
                break;
            }
            to = self.index.blocks.get(self.index.at).map_or(self.index.end, |b| b.offset);
            self.unwanted(&entry, None);
        }
        if to == here { Ok(()) } else { self.seek(to) }
    }

    /// Moves the window.
    pub(super) fn seek(&mut self, to: u64) -> Result<(), ReadError> {
        self.source.seek(to).map_err(|source| ReadError::Io { offset: to, source })
    }
}

/// The entries of an END's index, their offsets counted from the input's beginning.
fn entries(body: &[u8], start: u64, end: u64, id: Id) -> Option<Vec<IndexEntry>> {
    let (fields, mut at) = codec::decode::<EndBody>(body).ok()?;
    let count = fields.entries as usize;
    let most = usize::try_from((end - start) / limits::BYTES_PER_INDEX_ENTRY).unwrap_or(usize::MAX);
    let room = body.len().saturating_sub(at) / IndexEntry::FIXED;
    if fields.segment_id != id || fields.entries != fields.blocks || count > most.min(room) {
        return None;
    }
    let mut blocks = Vec::with_capacity(count);
    let mut last = start;
    for number in 0..fields.entries {
        let (mut block, used) = codec::decode::<IndexEntry>(body.get(at..)?).ok()?;
        at += used;
        block.offset = block.offset.checked_add(start)?;
        if block.entry.number != number || block.offset <= last || block.offset >= end {
            return None;
        }
        last = block.offset;
        blocks.push(block);
    }
    Some(blocks)
}
