//! What the reader does where the chain of lengths is broken.
//!
//! It looks for the next frame to be believed. A traced process chooses what stands in records, and a compressor may
//! leave that as it is; so a frame found this way is believed only if it proves that the recorder wrote it: by the random
//! id of the segment and a greater number, by the random id of the capture, or, where neither is known, by a whole
//! chain that is longer than anything a process can write in one piece. Where nothing was read yet, a shorter chain will do if
//! no frame behind it tells that it lies within a block of another segment.

use std::collections::BTreeSet;
use std::io::Read;

use super::body::{BlockBody, EndBody, Id, SegmentBody};
use super::chain::{Next, OpenDamage, Segment, missing};
use super::codec;
use super::coverage::{Damage, SegmentInfo};
use super::error::{Cause, ReadError};
use super::frame::{self, Head, Look};
use super::reader::{CaptureReader, Step};
use crate::limits;

impl<R: Read> CaptureReader<R> {
    /// Opens a damage here, unless one is open.
    pub(super) fn open_damage(&mut self, cause: Cause) {
        self.open_damage_at(self.source.offset(), cause);
    }

    pub(super) fn open_damage_at(&mut self, offset: u64, cause: Cause) {
        if self.damage.is_none() {
            self.damage = Some(OpenDamage::new(offset, cause, self.segment.as_ref()));
        }
    }

    /// Closes the open damage, or finds that blocks are missing without a trace.
    pub(super) fn close_damage(&mut self, next: &Next<'_>) {
        let open = self.damage.take();
        if open.is_none() && matches!(next, Next::Unknown) {
            return;
        }
        if let Some(damage) = missing(self.segment.as_ref(), open, self.source.offset(), next) {
            self.coverage.damage(damage);
        }
    }

    /// Notes something wrong that lost nothing.
    pub(super) fn note(&mut self, offset: u64, cause: Cause) {
        self.coverage.damage(Damage {
            offset,
            bytes: 0,
            trailing_zeros: 0,
            raw_bytes: 0,
            cause,
            segment: self.segment.as_ref().map(|s| s.info.ordinal),
            blocks: Some(0),
            records: Some(0),
            from_ns: None,
            to_ns: None,
        });
    }

    /// Notes a link of the chain of digests.
    pub(super) fn link(&mut self, same: bool, offset: u64) {
        self.coverage.chain_links += 1;
        if !same {
            self.note(offset, Cause::Chain);
        }
    }

    /// Passes over `n` bytes of the window as lost.
    pub(super) fn lose(&mut self, n: usize) {
        let window = self.source.window();
        let n = n.min(window.len());
        if let (Some(damage), Some(lost)) = (&mut self.damage, window.get(..n)) {
            damage.lose(lost);
        }
        self.source.consume(n);
    }

    /// The segment is over, with an END or without.
    pub(super) fn leave_segment(&mut self) {
        self.close_damage(&Next::Unknown);
        if self.segment.take().is_some() {
            self.coverage.not_closed += 1;
        }
        self.closed = None;
    }

    /// Goes on with a segment whose SEG is missing.
    pub(super) fn adopt(&mut self, id: Id) {
        let explained = self.damage.is_some() && self.segment.is_none();
        if self.segment.is_some() {
            self.leave_segment();
        }
        let info = SegmentInfo {
            ordinal: self.coverage.segments,
            offset: self.source.offset(),
            segment_id: id,
            capture: None,
            previous: None,
            writer: String::new(),
        };
        self.coverage.segments += 1;
        self.segment = Some(Segment::new(info));
        if !explained {
            self.open_damage(Cause::OtherSegment);
        }
    }

    /// A frame of ours whose lengths are good and whose checksum or body is not: only it is lost if a good block entry,
    /// or another frame to be believed, stands behind it.
    pub(super) fn broken(&mut self, cause: Cause, len: usize) -> Result<Step, ReadError> {
        if self.block_entry(len)?.is_some() || self.believable(len)? {
            self.open_damage(cause);
            self.lose(len);
        } else {
            self.scan(cause)?;
        }
        Ok(Step::Passed)
    }

    /// Opens a damage here and looks for the next frame to be believed.
    pub(super) fn scan(&mut self, cause: Cause) -> Result<(), ReadError> {
        self.open_damage(cause);
        self.resync(1)
    }

    /// Loses bytes up to the next frame to be believed, at least `least`, or to the end of the input.
    pub(super) fn resync(&mut self, least: usize) -> Result<(), ReadError> {
        let magic = frame::SKIPPABLE.to_le_bytes();
        self.fill(least)?;
        self.lose(least);
        loop {
            let window = self.fill(limits::PROOF_BYTES)?;
            if window.is_empty() {
                return Ok(());
            }
            match window.windows(magic.len()).position(|w| w == magic) {
                Some(at) => {
                    self.lose(at);
                    if self.believable(0)? {
                        return Ok(());
                    }
                    self.lose(1);
                }
                None if window.len() < limits::PROOF_BYTES => self.lose(limits::PROOF_BYTES),
                None => {
                    let keep = window.len() + 1 - magic.len();
                    self.lose(keep);
                }
            }
        }
    }

    /// The block entry at `at` of the window, if its checksum is right.
    fn block_entry(&mut self, at: usize) -> Result<Option<BlockBody>, ReadError> {
        Ok(match self.scanned(at)? {
            Some(head) if head.kind == frame::BLK => self.decode(at, &head),
            _ => None,
        })
    }

    /// The header of a frame of ours at `at` of the window, if it is whole and short enough to be believed.
    fn scanned(&mut self, at: usize) -> Result<Option<Head>, ReadError> {
        let window = self.fill(at + frame::HEAD)?;
        let Look::Own(head) = frame::look(window.get(at..).unwrap_or(&[])) else { return Ok(None) };
        if head.kind != frame::END && head.frame() > limits::SCANNED_FRAME_BYTES {
            return Ok(None);
        }
        if head.kind == frame::END && head.frame() > limits::FRAME_BYTES {
            return Ok(Some(head));
        }
        let whole = self.fill(at + head.frame())?.len() >= at + head.frame();
        Ok(whole.then_some(head))
    }

    /// The body of the frame at `at`, if its checksum is right.
    fn decode<T: bincode::Decode<()>>(&self, at: usize, head: &Head) -> Option<T> {
        let body = frame::body(head, self.source.window().get(at..)?).ok()?;
        codec::decode(body).ok().map(|(body, _)| body)
    }

    /// Whether the frame at `at` of the window proves that the recorder wrote it there.
    pub(super) fn believable(&mut self, at: usize) -> Result<bool, ReadError> {
        let Some(head) = self.scanned(at)? else { return Ok(false) };
        let here = self.segment.as_ref().map(|s| (s.info.segment_id, s.expected));
        match head.kind {
            frame::BLK => match (self.decode::<BlockBody>(at, &head), here) {
                (None, _) => Ok(false),
                (Some(b), Some((id, expected))) if b.segment_id == id => Ok(b.entry.number >= expected),
                (Some(b), _) => self.proven(at, Some((b.segment_id, b.entry.number))),
            },
            frame::END if self.proofs < limits::PROOFS => {
                let is_end = here.and_then(|(id, _)| self.end_of(at, &head, id));
                self.proofs += u32::from(is_end == Some(false));
                Ok(is_end == Some(true))
            }
            frame::SEG => match self.decode::<SegmentBody>(at, &head) {
                None => Ok(false),
                Some(s) if Some(s.capture_id) == self.capture => Ok(true),
                Some(_) => self.proven(at, None),
            },
            _ => Ok(false),
        }
    }

    /// Whether the checksum of an END at `at` is right; none where it is not that of segment `id`.
    fn end_of(&self, at: usize, head: &Head, id: Id) -> Option<bool> {
        let frame = self.source.window().get(at..)?;
        let whole = || head.frame() > limits::FRAME_BYTES || frame::body(head, frame).is_ok();
        (self.end_id(at)? == id).then(whole)
    }

    /// Whether a chain without any flaw starts at `at`, longer than [`limits::PROOF_BYTES`] or up to a closed segment at
    /// the end of the input; or, where nothing was read yet, one that holds a block and stands [`alone`](Self::alone). `next`: the block that is expected there; none: a segment.
    fn proven(&mut self, mut at: usize, mut next: Option<(Id, u32)>) -> Result<bool, ReadError> {
        if self.proofs >= limits::PROOFS {
            return Ok(false);
        }
        let until = at + limits::PROOF_BYTES;
        let mut closed = false;
        let mut blocks = 0_u32;
        while at < until {
            if closed && self.fill(at + 1)?.len() <= at {
                return Ok(true);
            }
            let step = match self.scanned(at)? {
                None => None,
                Some(head) => self.prove(at, &head, &mut next)?.map(|len| (head.kind, len)),
            };
            let Some((kind, len)) = step else {
                let first = self.coverage.segments == 0 && self.coverage.records == 0;
                if first && blocks > 0 && self.alone(at, next.map(|(id, _)| id))? {
                    return Ok(true);
                }
                self.proofs += 1;
                return Ok(false);
            };
            closed = kind == frame::END;
            blocks += u32::from(kind == frame::BLK);
            at += len;
        }
        Ok(true)
    }

    /// Whether nothing from `at` on tells that the chain before it lies within a block of another segment: such a block
    /// would end within [`limits::DATA_BYTES`], and a frame of a segment whose SEG wasn't seen would follow. `open`: the segment of
    /// the chain that isn't closed.
    fn alone(&mut self, mut at: usize, open: Option<Id>) -> Result<bool, ReadError> {
        let magic = frame::SKIPPABLE.to_le_bytes();
        let end = at + limits::DATA_BYTES;
        let mut known: BTreeSet<Id> = open.into_iter().collect();
        loop {
            let window = self.fill(end)?;
            let rest = window.get(at..end.min(window.len())).unwrap_or(&[]);
            let Some(found) = rest.windows(magic.len()).position(|w| w == magic) else { return Ok(true) };
            at += found;
            let id = match self.scanned(at)? {
                Some(head) if head.kind == frame::SEG => {
                    known.extend(self.decode::<SegmentBody>(at, &head).map(|s| s.segment_id));
                    None
                }
                Some(head) if head.kind == frame::BLK => {
                    self.decode::<BlockBody>(at, &head).map(|b| b.segment_id)
                }
                Some(head) if head.kind == frame::END => {
                    if self.proofs >= limits::PROOFS {
                        return Ok(false);
                    }
                    let stated = self.end_id(at).filter(|id| !known.contains(id));
                    let id = stated.filter(|&id| self.end_of(at, &head, id) == Some(true));
                    self.proofs += u32::from(stated.is_some() && id.is_none());
                    id
                }
                _ => None,
            };
            if id.is_some_and(|id| !known.contains(&id)) {
                // Looking so far ahead is dear: few such chains may turn out false.
                self.proofs = self.proofs.saturating_add(limits::PROOFS / 16);
                return Ok(false);
            }
            at += 1;
        }
    }

    /// The segment that an END at `at` names.
    fn end_id(&self, at: usize) -> Option<Id> {
        let (end, _) = codec::decode::<EndBody>(self.source.window().get(at + frame::HEAD..)?).ok()?;
        Some(end.segment_id)
    }

    /// Checks one frame of such a chain, a block with its data; returns its length if it is as expected.
    fn prove(
        &mut self,
        at: usize,
        head: &Head,
        next: &mut Option<(Id, u32)>,
    ) -> Result<Option<usize>, ReadError> {
        let len = head.frame();
        match (head.kind, *next) {
            (frame::SEG, None) => {
                let Some(body) = self.decode::<SegmentBody>(at, head) else { return Ok(None) };
                *next = Some((body.segment_id, 0));
                Ok(Some(len))
            }
            (frame::BLK, Some(expected)) => {
                let Some(body) = self.decode::<BlockBody>(at, head) else { return Ok(None) };
                let data = body.entry.compressed as usize;
                if (body.segment_id, body.entry.number) != expected || data > limits::DATA_BYTES {
                    return Ok(None);
                }
                let window = self.fill(at + len + data)?;
                let Some(data) = window.get(at + len..at + len + data) else { return Ok(None) };
                if crc32c::crc32c(data) != body.crc {
                    return Ok(None);
                }
                *next = Some((expected.0, expected.1.saturating_add(1)));
                Ok(Some(len + data.len()))
            }
            (frame::END, Some((id, _)))
                if len <= limits::FRAME_BYTES && self.end_of(at, head, id) == Some(true) =>
            {
                *next = None;
                Ok(Some(len))
            }
            _ => Ok(None),
        }
    }
}
