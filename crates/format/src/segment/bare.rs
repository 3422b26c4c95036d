//! Streams without entries: what `zstd -dc x | zstd` makes of a capture, or any zstd stream of records.
//!
//! One frame may hold everything and not say how long it is, so it is decoded as a stream, in pieces; a record may cross
//! any border. Without entries there is no second checksum and no number: what is damaged here ends what can be read.
//! The one checksum stands at the end of a frame: records are given before it is seen, and where it turns out wrong the
//! damage names the time range of the whole frame.

use std::io::Read;

use zstd::stream::raw::{Decoder, Operation};
use zstd::zstd_safe::DParameter;

use super::chain::Range;
use super::coverage::Damage;
use super::data;
use super::error::{Cause, ReadError};
use super::reader::{CaptureReader, Step, admit};
use crate::limits;

/// How much is decoded at a time.
const PIECE: usize = 256 * 1024;

/// The state of such a stream.
#[derive(Default)]
pub(super) struct Bare {
    /// Made for the first frame: captures have none.
    zstd: Option<Decoder<'static>>,
    /// Whether a frame is being decoded.
    active: bool,
    /// What was decoded: whole records that the caller has, then the beginning of one that isn't whole yet.
    out: Vec<u8>,
    whole: usize,
    filled: usize,
    /// Earliest time in the frame: until its checksum is seen, nothing of it is sure.
    first: Option<u64>,
    /// Time range of the last piece.
    last: Option<Range>,
}

impl Bare {
    /// Readies the decoder for a frame.
    fn begin(&mut self) -> std::io::Result<()> {
        match &mut self.zstd {
            Some(zstd) => zstd.reinit()?,
            None => {
                let mut zstd = Decoder::new()?;
                zstd.set_parameter(DParameter::WindowLogMax(limits::WINDOW_LOG))?;
                self.zstd = Some(zstd);
            }
        }
        self.out.resize(PIECE + limits::RECORD_BYTES, 0);
        self.active = true;
        self.first = None;
        Ok(())
    }

    /// Whether a frame is being decoded.
    pub fn active(&self) -> bool {
        self.active
    }

    /// The records decoded last.
    pub fn records(&self) -> &[u8] {
        self.out.get(..self.whole).unwrap_or(&[])
    }

    /// Forgets the records that the caller had.
    fn advance(&mut self) {
        self.out.copy_within(self.whole..self.filled, 0);
        self.filled -= self.whole;
        self.whole = 0;
    }
}

impl<R: Read> CaptureReader<R> {
    /// A frame of a stream begins here.
    pub(super) fn bare_begin(&mut self) -> Result<Step, ReadError> {
        let head = match data::head(self.fill(data::FRAME_HEAD)?) {
            Ok(head) => head,
            Err(cause) => {
                self.scan(cause)?;
                return Ok(Step::Passed);
            }
        };
        let offset = self.source.offset();
        self.bare.begin().map_err(|source| ReadError::Io { offset, source })?;
        self.coverage.bare_frames += 1;
        if !head.checksum {
            self.coverage.unchecked_frames += 1;
        }
        Ok(Step::Passed)
    }

    /// Decodes the next piece.
    pub(super) fn bare_step(&mut self) -> Result<Step, ReadError> {
        self.bare.advance();
        let mut failed = None;
        while self.bare.active && self.bare.filled < PIECE && failed.is_none() {
            let input = self.fill(1)?;
            let cut = input.is_empty();
            let Bare { zstd, out, filled, active, .. } = &mut self.bare;
            let (Some(zstd), Some(room)) = (zstd, out.get_mut(*filled..)) else { break };
            match zstd.run_on_buffers(self.source.window(), room) {
                Ok(status) => {
                    *filled += status.bytes_written;
                    *active = status.remaining != 0;
                    self.source.consume(status.bytes_read);
                    if cut && *active && status.bytes_written == 0 {
                        failed = Some(Cause::Cut);
                    }
                }
                Err(_) => failed = Some(Cause::Decode),
            }
        }
        let decoded = self.bare.out.get(..self.bare.filled).unwrap_or(&[]);
        let (whole, tally) = admit(&mut self.coverage, decoded);
        self.count(&tally, whole);
        self.bare.whole = whole;
        if let Some(range) = Range::of(tally.first_ns, tally.last_ns) {
            self.bare.last = Some(range);
            self.bare.first = Some(self.bare.first.map_or(range.from, |t| t.min(range.from)));
        }
        // A record that isn't whole although more than the longest one was decoded is malformed.
        if failed.is_none() && self.bare.filled - whole >= limits::RECORD_BYTES {
            failed = Some(Cause::Record);
        }
        if let Some(cause) = failed {
            self.bare_failed(cause)?;
        }
        Ok(if whole > 0 { Step::Bare } else { Step::Passed })
    }

    /// The stream can't be read on: what is behind may be a segment.
    fn bare_failed(&mut self, cause: Cause) -> Result<(), ReadError> {
        self.bare.active = false;
        let left = self.bare.filled - self.bare.whole;
        self.bare.filled = self.bare.whole;
        self.open_damage(cause);
        if let Some(damage) = &mut self.damage {
            damage.raw_bytes += left as u64;
            damage.since = match cause {
                Cause::Decode => self.bare.first,
                _ => self.bare.last.map(|r| r.from),
            };
        }
        self.resync(0)
    }

    /// No frame of the stream follows: what is left of it is no whole record.
    pub(super) fn bare_over(&mut self) {
        let left = self.bare.filled - self.bare.whole;
        let last = self.bare.last.take();
        self.bare.filled = 0;
        self.bare.whole = 0;
        if left > 0 {
            self.coverage.damage(Damage {
                offset: self.source.offset(),
                bytes: 0,
                trailing_zeros: 0,
                raw_bytes: left as u64,
                cause: Cause::Record,
                segment: None,
                blocks: None,
                records: None,
                from_ns: last.map(|r| r.from),
                to_ns: None,
            });
        }
    }
}
