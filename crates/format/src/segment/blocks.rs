//! The reader's steps within a segment whose chain of lengths is whole: SEG, BLK with its data, END.

use std::io::Read;

use sha2::{Digest as _, Sha256};

use super::body::{BlockBody, BlockEntry, CloseReason, Digest, EndBody, SegmentBody};
use super::chain::{Next, Range, Segment};
use super::codec;
use super::coverage::Damage;
use super::error::{Cause, ReadError};
use super::frame::{self, Head, Look};
use super::reader::{CaptureReader, Step, admit};
use super::tally::Tally;
use crate::limits;

impl<R: Read> CaptureReader<R> {
    /// A frame of ours, END excepted.
    pub(super) fn own(
        &mut self,
        head: &Head,
        want: &mut dyn FnMut(&BlockEntry) -> bool,
    ) -> Result<Step, ReadError> {
        let len = head.frame();
        let window = self.fill(len)?;
        if window.len() < len {
            self.scan(Cause::Cut)?;
            return Ok(Step::Passed);
        }
        let body = match frame::body(head, window) {
            Ok(body) => body,
            Err(cause) => return self.broken(cause, len),
        };
        let malformed = Cause::Body(head.kind);
        match head.kind {
            frame::SEG => match codec::decode::<SegmentBody>(body) {
                Ok((body, _)) if body.writer.len() <= limits::WRITER_BYTES => self.seg(body, len)?,
                _ => return self.broken(malformed, len),
            },
            frame::BLK => match codec::decode::<BlockBody>(body) {
                Ok((body, _)) => return self.blk(&body, len, want),
                Err(_) => return self.broken(malformed, len),
            },
            _ => {
                self.coverage.unknown_frames.add(len as u64);
                self.source.consume(len);
            }
        }
        Ok(Step::Passed)
    }

    /// A segment begins.
    fn seg(&mut self, body: SegmentBody, len: usize) -> Result<(), ReadError> {
        let closed = self.closed.take();
        self.leave_segment();
        let offset = self.source.offset();
        let unknown = body.required & !frame::KNOWN_REQUIRED;
        if unknown != 0 {
            return Err(ReadError::RequiredFeatures { offset, bits: unknown, writer: body.writer });
        }
        self.coverage.unknown_features |= body.optional & !frame::KNOWN_OPTIONAL;
        self.capture = Some(body.capture_id);
        let mut segment = Segment::begin(self.coverage.segments, offset, body);
        if self.options.verify_chain {
            segment.head = Some(Sha256::digest(self.window(len)).into());
        }
        let follows = match (closed, segment.info.capture) {
            (Some((id, number, digest)), Some((capture, n)))
                if id == capture && number.checked_add(1) == Some(n) =>
            {
                Some(segment.info.previous == Some(digest))
            }
            _ => None,
        };
        self.coverage.segments += 1;
        let id = segment.info.segment_id;
        self.segment = Some(segment);
        self.load_index(offset, id)?;
        if let Some(same) = follows {
            self.link(same, offset);
        }
        self.skip(len as u64)?;
        Ok(())
    }

    /// A block: its entry, then its data.
    fn blk(
        &mut self,
        body: &BlockBody,
        len: usize,
        want: &mut dyn FnMut(&BlockEntry) -> bool,
    ) -> Result<Step, ReadError> {
        let entry = &body.entry;
        let offset = self.source.offset();
        match &self.segment {
            Some(s) if s.info.segment_id == body.segment_id => {
                if entry.number < s.expected {
                    self.scan(Cause::BlockOrder { found: entry.number, expected: s.expected })?;
                    return Ok(Step::Passed);
                }
            }
            _ => self.adopt(body.segment_id),
        }
        self.close_damage(&Next::Block(body));
        if let Some(s) = &mut self.segment {
            let gap = s.expected != entry.number;
            s.records = body.records_before;
            let head = if gap { None } else { s.head.take() };
            if let Some(head) = head {
                self.link(head == body.previous, offset);
            }
        }
        if entry.compressed as usize > limits::DATA_BYTES {
            return self.lose_data(entry, len, Cause::DataTooLarge(entry.compressed));
        }
        let compressed = entry.compressed as usize;
        let wanted = self.index.take_wanted(entry.number) || want(entry);
        if !wanted && self.hop(entry, len)? {
            return Ok(Step::Passed);
        }
        let window = self.fill(len + compressed)?;
        let Some(data) = window.get(len..len + compressed) else {
            return self.lose_data(entry, len, Cause::Cut);
        };
        let computed = crc32c::crc32c(data);
        if computed != body.crc {
            let cause = match frame::look(data) {
                Look::Own(_) => Cause::NoData,
                _ => Cause::DataChecksum { stated: body.crc, computed },
            };
            return self.lose_data(entry, len, cause);
        }
        let digest = self.options.verify_chain.then(|| Sha256::digest(self.window(len + compressed)).into());
        if !wanted {
            self.unwanted(entry, digest);
            self.source.consume(len + compressed);
            return Ok(Step::Passed);
        }
        let data = self.source.window().get(len..len + compressed).unwrap_or(&[]);
        if let Err(cause) = self.decoder.decode(entry, data) {
            return self.lose_data(entry, len, cause);
        }
        self.source.consume(len + compressed);
        let (whole, tally) = admit(&mut self.coverage, self.decoder.raw());
        self.count(&tally, whole);
        self.coverage.blocks += 1;
        self.judge(entry, &tally, whole, offset);
        if let Some(s) = &mut self.segment {
            s.pass(entry);
            s.head = digest;
        }
        Ok(Step::Block(entry.clone(), whole))
    }

    /// Notes what is wrong with the records of a block whose checksums are right.
    fn judge(&mut self, entry: &BlockEntry, tally: &Tally, whole: usize, offset: u64) {
        let left = self.decoder.raw().len() - whole;
        let cause = match left {
            0 if tally.records == u64::from(entry.records) => return,
            0 => Cause::RecordCount { stated: entry.records, found: tally.records },
            _ => Cause::Record,
        };
        let range = if left > 0 { Range::of(entry.first_ns, entry.last_ns) } else { None };
        self.coverage.damage(Damage {
            offset,
            bytes: 0,
            trailing_zeros: 0,
            raw_bytes: left as u64,
            cause,
            segment: self.segment.as_ref().map(|s| s.info.ordinal),
            blocks: Some(0),
            records: Some(u64::from(entry.records).saturating_sub(tally.records)),
            from_ns: range.map(|r| r.from),
            to_ns: range.map(|r| r.to),
        });
    }

    /// Passes over a block that isn't wanted without reading it, where the input can seek and something that may be a
    /// frame stands behind it. Else the caller reads the block, to see whether its length is right.
    fn hop(&mut self, entry: &BlockEntry, len: usize) -> Result<bool, ReadError> {
        let start = self.source.offset();
        let block = len as u64 + u64::from(entry.compressed);
        let fits = |end: u64| start.saturating_add(block) <= end;
        if !self.hops() || !self.source.length().is_some_and(fits) {
            return Ok(false);
        }
        self.skip(block)?;
        let window = self.fill(frame::HEAD)?;
        if window.is_empty() || matches!(frame::look(window), Look::Own(_) | Look::Foreign(_)) {
            self.unwanted(entry, None);
            return Ok(true);
        }
        self.seek(start)?;
        Ok(false)
    }

    pub(super) fn unwanted(&mut self, entry: &BlockEntry, digest: Option<Digest>) {
        self.coverage.blocks_unwanted += 1;
        self.coverage.records_unwanted += u64::from(entry.records);
        if let Some(s) = &mut self.segment {
            s.pass(entry);
            s.head = digest;
        }
    }

    /// The entry is good, the data are not: go on behind them if what stands there proves their length, else look for
    /// the next frame from where they start.
    fn lose_data(&mut self, entry: &BlockEntry, len: usize, cause: Cause) -> Result<Step, ReadError> {
        self.open_damage(cause);
        if let Some(damage) = &mut self.damage {
            damage.lose_block(entry);
        }
        if let Some(s) = &mut self.segment {
            s.pass(entry);
            s.head = None;
        }
        self.lose(len);
        let compressed = entry.compressed as usize;
        if compressed <= limits::DATA_BYTES && self.fill(compressed + 1)?.len() >= compressed {
            let last = self.window(compressed + 1).len() == compressed;
            // Many entries that each claim what follows them would make the reader go through the same bytes again and again.
            let enough = self.searched >= limits::SEARCHED;
            if last || enough || self.believable(compressed)? {
                self.lose(compressed);
                return Ok(Step::Passed);
            }
            self.searched += 1;
        }
        self.resync(0)?;
        Ok(Step::Passed)
    }

    /// A segment ends.
    pub(super) fn end(&mut self, head: &Head) -> Result<(), ReadError> {
        // A long END is not held in memory: its checksum is known when it has passed.
        let small = head.frame() <= limits::FRAME_BYTES;
        let needed = if small { head.frame() } else { frame::HEAD + EndBody::FIXED };
        let window = self.fill(needed)?;
        let Some(start) = window.get(..needed) else { return self.scan(Cause::Cut) };
        if small && let Err(cause) = frame::body(head, start) {
            return self.broken(cause, needed).map(|_| ());
        }
        let Ok((body, _)) = codec::decode::<EndBody>(start.get(frame::HEAD..).unwrap_or(&[])) else {
            return self.scan(Cause::Body(frame::END));
        };
        let offset = self.source.offset();
        let (passed, crc, digest) = self.pass_end(head)?;
        if passed < head.frame() as u64 || crc != head.crc {
            let cut = passed < head.frame() as u64;
            let cause = Cause::FrameChecksum { stated: head.crc, computed: crc };
            self.open_damage_at(offset, if cut { Cause::Cut } else { cause });
            if let Some(damage) = &mut self.damage {
                damage.bytes += passed;
            }
            return Ok(());
        }
        if self.segment.as_ref().is_none_or(|s| s.info.segment_id != body.segment_id) {
            self.adopt(body.segment_id);
        }
        self.close_damage(&Next::End(&body));
        let Some(segment) = self.segment.take() else { return Ok(()) };
        if let Some(head) = segment.head.filter(|_| segment.expected == body.blocks) {
            self.link(head == body.head, offset);
        }
        if body.blocks < segment.expected || body.records < segment.records {
            self.note(offset, Cause::End);
        }
        self.coverage.closed += 1;
        self.coverage.close_reason = CloseReason::from_number(body.reason);
        self.closed = match (self.options.verify_chain, segment.info.capture) {
            (true, Some((id, number))) => Some((id, number, digest)),
            _ => None,
        };
        Ok(())
    }

    /// Passes over an END frame; returns how long it was, its checksum and its digest.
    fn pass_end(&mut self, head: &Head) -> Result<(u64, u32, Digest), ReadError> {
        let mut sha = Sha256::new();
        let (mut crc, mut left) = (head.seed, head.frame());
        while left > 0 {
            let head_part = if left == head.frame() { frame::HEAD } else { 0 };
            let window = self.fill(left.min(limits::PROOF_BYTES))?;
            let part = window.get(..left).unwrap_or(window);
            if part.is_empty() {
                break;
            }
            crc = crc32c::crc32c_append(crc, part.get(head_part..).unwrap_or(&[]));
            sha.update(part);
            let got = part.len();
            left -= got;
            self.source.consume(got);
        }
        Ok(((head.frame() - left) as u64, crc, sha.finalize().into()))
    }
}
