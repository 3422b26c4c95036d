//! Reads captures: files, pipes, concatenations, damaged ones.
//!
//! One pass, one step per frame. Each step looks at the place where a frame should start and either takes the frame,
//! passes over it, or opens a damage and looks for the next frame to be believed ([`recover`](super::recover)).

use std::io::{Read, Seek};

use super::bare::Bare;
use super::body::{BlockEntry, Digest, Id};
use super::chain::{OpenDamage, Segment};
use super::coverage::{Coverage, SegmentInfo};
use super::data::BlockDecoder;
use super::error::{Cause, ReadError};
use super::frame::{self, Look};
use super::index::Index;
use super::source::Source;
use super::tally::{self, Tally};
use crate::limits;
use crate::record::{Kind, Records};

/// How a capture is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReadOptions {
    /// Compare the SHA-256 chain too. Checksums are always compared.
    pub verify_chain: bool,
}

/// Records that were read together.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// The segment that they are from; none in a stream without segments.
    pub segment: Option<&'a SegmentInfo>,
    /// The block's entry; none in a stream without entries.
    pub entry: Option<&'a BlockEntry>,
    bytes: &'a [u8],
}

impl<'a> Block<'a> {
    /// The records. None of them is malformed: what was is in the coverage.
    pub fn records(&self) -> Records<'a> {
        Records::new(self.bytes)
    }

    /// Their bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// What a step came to.
pub(super) enum Step {
    /// Nothing for the caller: go on.
    Passed,
    /// A block was decoded; so many bytes of it are whole records.
    Block(BlockEntry, usize),
    /// Records of a stream without entries.
    Bare,
    /// The input is over.
    Done,
}

/// Reads a capture from its beginning to its end.
pub struct CaptureReader<R> {
    pub(super) source: Source<R>,
    pub(super) decoder: BlockDecoder,
    pub(super) bare: Bare,
    pub(super) options: ReadOptions,
    pub(super) coverage: Coverage,
    pub(super) segment: Option<Segment>,
    /// Id of the capture that was read last, and the number of its last segment and what its END hashes to.
    pub(super) capture: Option<Id>,
    pub(super) closed: Option<(Id, u32, Digest)>,
    pub(super) damage: Option<OpenDamage>,
    pub(super) proofs: u32,
    pub(super) searched: u32,
    pub(super) index: Index,
    done: bool,
    entry: Option<BlockEntry>,
}

impl<R: Read> CaptureReader<R> {
    /// Over an input that is read forward only.
    ///
    /// # Errors
    /// No memory for a decompressor.
    pub fn new(input: R) -> Result<Self, ReadError> {
        Self::with_options(input, ReadOptions::default())
    }

    /// As [`CaptureReader::new`], with options.
    ///
    /// # Errors
    /// No memory for a decompressor.
    pub fn with_options(input: R, options: ReadOptions) -> Result<Self, ReadError> {
        Self::over(Source::new(input), options)
    }

    fn over(source: Source<R>, options: ReadOptions) -> Result<Self, ReadError> {
        let memory = |source| ReadError::Io { offset: 0, source };
        Ok(CaptureReader {
            source,
            decoder: BlockDecoder::new().map_err(memory)?,
            bare: Bare::default(),
            options,
            coverage: Coverage::default(),
            segment: None,
            capture: None,
            closed: None,
            damage: None,
            proofs: 0,
            searched: 0,
            index: Index::default(),
            done: false,
            entry: None,
        })
    }

    /// The next block of records. `want` sees each block's entry before it is decoded and says whether to decode it.
    /// `None` at the end; what is missing is then in [`CaptureReader::coverage`].
    ///
    /// # Errors
    /// The input can't be read, or needs a later release. The next call gives `None`.
    pub fn next_block(
        &mut self,
        want: &mut dyn FnMut(&BlockEntry) -> bool,
    ) -> Result<Option<Block<'_>>, ReadError> {
        self.entry = None;
        let len = loop {
            if self.done {
                return Ok(None);
            }
            let step = self.step(want);
            self.coverage.bytes = self.source.offset();
            match step {
                Ok(Step::Passed) => {}
                Ok(Step::Block(entry, len)) => {
                    self.entry = Some(entry);
                    break Some(len);
                }
                Ok(Step::Bare) => break None,
                Ok(Step::Done) => self.done = true,
                Err(e) => {
                    self.done = true;
                    return Err(e);
                }
            }
        };
        let bytes = match len {
            Some(len) => self.decoder.raw().get(..len).unwrap_or(&[]),
            None => self.bare.records(),
        };
        Ok(Some(Block { segment: self.segment.as_ref().map(|s| &s.info), entry: self.entry.as_ref(), bytes }))
    }

    /// What was read so far, and what was not.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The segment that is being read.
    pub fn segment(&self) -> Option<&SegmentInfo> {
        self.segment.as_ref().map(|s| &s.info)
    }

    /// Bytes that were really read from the input.
    pub fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    fn step(&mut self, want: &mut dyn FnMut(&BlockEntry) -> bool) -> Result<Step, ReadError> {
        if self.bare.active() {
            return self.bare_step();
        }
        self.hop_by_index(want)?;
        let window = self.fill(frame::HEAD)?;
        if window.is_empty() {
            self.bare_over();
            self.leave_segment();
            return Ok(Step::Done);
        }
        let look = frame::look(window);
        if !matches!(look, Look::Data | Look::Foreign(_)) {
            self.bare_over();
        }
        match look {
            Look::Own(head) if head.kind == frame::END => self.end(&head)?,
            Look::Own(head) => return self.own(&head, want),
            Look::Bad(cause) => self.scan(cause)?,
            Look::Foreign(len) => self.foreign(len)?,
            Look::Data if self.segment.is_some() => self.scan(Cause::NoEntry)?,
            Look::Data => return self.bare_begin(),
            Look::Short => self.scan(Cause::Cut)?,
            Look::Nothing => self.scan(Cause::NoFrame)?,
        }
        Ok(Step::Passed)
    }

    /// The window, with at least `n` bytes unless the input ends before.
    pub(super) fn fill(&mut self, n: usize) -> Result<&[u8], ReadError> {
        let offset = self.source.offset();
        self.source.fill(n).map_err(|source| ReadError::Io { offset, source })
    }

    /// The first `n` bytes of the window, or as many as there are.
    pub(super) fn window(&self, n: usize) -> &[u8] {
        let window = self.source.window();
        window.get(..n).unwrap_or(window)
    }

    /// Passes over `n` bytes of the input; returns how many there were.
    pub(super) fn skip(&mut self, n: u64) -> Result<u64, ReadError> {
        let offset = self.source.offset();
        self.source.skip(n).map_err(|source| ReadError::Io { offset, source })
    }

    /// Adds records that go to the caller.
    pub(super) fn count(&mut self, tally: &Tally, bytes: usize) {
        self.coverage.records += tally.records;
        self.coverage.raw_bytes += bytes as u64;
    }

    /// A skippable frame of someone else. What follows proves its length.
    fn foreign(&mut self, len: u64) -> Result<(), ReadError> {
        let Some(short) = usize::try_from(len).ok().filter(|&n| n <= limits::FOREIGN_BYTES) else {
            return self.scan(Cause::ForeignTooLarge(len));
        };
        match self.fill(short + frame::HEAD)?.get(short..).map(frame::look) {
            None => return self.scan(Cause::Cut),
            Some(Look::Nothing | Look::Bad(_)) => return self.scan(Cause::NoFrame),
            Some(_) => {}
        }
        self.coverage.foreign_frames.add(len);
        self.source.consume(short);
        Ok(())
    }
}

impl<R: Read + Seek> CaptureReader<R> {
    /// Over an input that can seek: blocks that aren't wanted are hopped over, not read.
    ///
    /// # Errors
    /// The input can't seek, or no memory for a decompressor.
    pub fn seekable(input: R, options: ReadOptions) -> Result<Self, ReadError> {
        let source = Source::seekable(input).map_err(|source| ReadError::Io { offset: 0, source })?;
        Self::over(source, options)
    }
}

/// Counts the records at the start of `raw` that are whole; returns their length and what they are.
pub(super) fn admit(coverage: &mut Coverage, raw: &[u8]) -> (usize, Tally) {
    let mut tally = Tally::default();
    let mut at = 0;
    while let Some(rest) = raw.get(at..)
        && let Ok(brief) = tally::brief(rest)
    {
        tally.add(&brief, rest);
        match Kind::from_number(brief.kind) {
            None => coverage.unknown_kind(brief.kind),
            Some(kind) if brief.version > kind.version() => coverage.newer_records += 1,
            Some(_) => {}
        }
        at += brief.size;
    }
    (at, tally)
}
