//! Writes one segment: SEG, then blocks, then END.
//!
//! - Nothing is ever written back: the output may be a pipe.
//! - A block (its entry and its data) leaves in one `write_all`, so that a killed recorder loses at most the open block.
//! - `append` neither allocates nor parses more of a record than its header.
//! - After a failed write nothing more is written: the output may end in the middle of a block.

use std::io::Write;

use sha2::{Digest as _, Sha256};
use zstd::zstd_safe::CParameter;

use super::body::{
    BlockBody, BlockEntry, CloseReason, Digest, EndBody, Id, IndexEntry, SegmentBody, Trailer,
};
use super::error::WriteError;
use super::tally::{self, Tally};
use super::{codec, frame};
use crate::limits;

/// Length of a BLK frame.
const ENTRY: usize = frame::HEAD + BlockBody::FIXED;

/// How a segment is written.
#[derive(Clone, Debug)]
pub struct SegmentOptions {
    /// Random id of the capture, the same for all its segments.
    pub capture_id: Id,
    /// Random id of this segment.
    pub segment_id: Id,
    /// Number of the segment, from 0.
    pub number: u32,
    /// What [`SegmentWriter::finish`] returned for the segment before; zeros in the first.
    pub previous: Digest,
    /// zstd level.
    pub level: i32,
    /// A block is closed before its content exceeds this (256 KiB to 1 MiB are sensible).
    pub block_bytes: usize,
    /// Name and version of the program that writes.
    pub writer: String,
}

/// What a segment holds so far, closed blocks only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Bytes written.
    pub bytes: u64,
    /// Blocks written.
    pub blocks: u32,
    /// Length of their content.
    pub raw_bytes: u64,
    /// Their records.
    pub tally: Tally,
}

/// Writes one segment.
pub struct SegmentWriter<W: Write> {
    out: W,
    id: Id,
    block_bytes: usize,
    compressor: zstd::bulk::Compressor<'static>,
    /// Records of the open block.
    raw: Vec<u8>,
    open: Tally,
    /// SEG, END, or the entry of a block, being built.
    head_buf: Vec<u8>,
    /// A block being built: entry and data. Only ever grows, and is overwritten.
    buf: Vec<u8>,
    totals: Totals,
    before: Tally,
    head: Digest,
    index: Vec<IndexEntry>,
    failed: bool,
}

impl<W: Write> SegmentWriter<W> {
    /// Writes SEG.
    ///
    /// # Errors
    /// Options out of range, or the output refused.
    pub fn begin(out: W, options: SegmentOptions) -> Result<Self, WriteError> {
        if !(limits::MIN_BLOCK_BYTES..=limits::BLOCK_BYTES).contains(&options.block_bytes) {
            return Err(WriteError::BlockBytes(options.block_bytes));
        }
        if options.writer.len() > limits::WRITER_BYTES {
            return Err(WriteError::Writer(options.writer.len()));
        }
        let compress = |source| WriteError::Compress { raw: 0, source };
        let mut compressor = zstd::bulk::Compressor::new(options.level).map_err(compress)?;
        compressor.set_parameter(CParameter::ChecksumFlag(true)).map_err(compress)?;
        compressor.set_parameter(CParameter::ContentSizeFlag(true)).map_err(compress)?;
        compressor.set_parameter(CParameter::DictIdFlag(false)).map_err(compress)?;
        let mut writer = SegmentWriter {
            out,
            id: options.segment_id,
            block_bytes: options.block_bytes,
            compressor,
            raw: Vec::with_capacity(options.block_bytes),
            open: Tally::default(),
            head_buf: Vec::new(),
            buf: Vec::new(),
            totals: Totals::default(),
            before: Tally::default(),
            head: [0; 32],
            index: Vec::new(),
            failed: false,
        };
        let body = SegmentBody {
            segment_id: options.segment_id,
            capture_id: options.capture_id,
            number: options.number,
            required: frame::KNOWN_REQUIRED,
            optional: frame::KNOWN_OPTIONAL,
            previous: options.previous,
            writer: options.writer,
        };
        let mut buf = Vec::new();
        frame::append(&mut buf, frame::SEG, frame::VERSION, |b| codec::encode(&body, b))?;
        writer.write(&buf)?;
        Ok(writer)
    }

    /// Adds one or more whole records; a full block is closed and written.
    ///
    /// # Errors
    /// What isn't a whole record ([`WriteError::Record`]; the records before it were added), or a failed write.
    pub fn append(&mut self, mut records: &[u8]) -> Result<(), WriteError> {
        while !records.is_empty() {
            let brief = tally::brief(records)?;
            if !self.raw.is_empty() && self.raw.len() + brief.size > self.block_bytes {
                self.flush_block()?;
            }
            let (record, rest) = records.split_at(brief.size);
            self.open.add(&brief, record);
            self.raw.extend_from_slice(record);
            records = rest;
        }
        if self.raw.len() >= self.block_bytes {
            self.flush_block()?;
        }
        Ok(())
    }

    /// Closes the open block, if it holds anything, and writes it.
    ///
    /// # Errors
    /// The compressor or the output refused.
    pub fn flush_block(&mut self) -> Result<(), WriteError> {
        if self.failed {
            return Err(WriteError::Failed);
        }
        if self.raw.is_empty() {
            return Ok(());
        }
        let number = self.totals.blocks;
        let next = number.checked_add(1).ok_or(WriteError::Blocks)?;
        // The entry states what compression yields, but stands before it: compress behind its place first.
        let most = ENTRY + zstd::zstd_safe::compress_bound(self.raw.len());
        let mut buf = std::mem::take(&mut self.buf);
        if buf.len() < most {
            buf.resize(most, 0);
        }
        let written = self.write_block(number, &mut buf);
        self.buf = buf;
        written?;
        self.totals.blocks = next;
        self.totals.raw_bytes += self.raw.len() as u64;
        self.totals.tally.merge(&self.open);
        self.before = self.open;
        self.open = Tally::default();
        self.raw.clear();
        Ok(())
    }

    /// Writes the open block as block `number`; `buf` has room for it.
    fn write_block(&mut self, number: u32, buf: &mut [u8]) -> Result<(), WriteError> {
        let (head_room, data_room) = buf.split_at_mut(ENTRY);
        let compressed = self
            .compressor
            .compress_to_buffer(&self.raw, data_room)
            .map_err(|source| WriteError::Compress { raw: self.raw.len(), source })?;
        let entry = BlockEntry {
            number,
            compressed: compressed as u32,
            raw: self.raw.len() as u32,
            records: self.open.records as u32,
            first_ns: self.open.first_ns,
            last_ns: self.open.last_ns,
            kinds: self.open.kinds,
            losses: self.totals.tally.losses.saturating_add(self.open.losses),
        };
        let body = BlockBody {
            segment_id: self.id,
            entry: entry.clone(),
            records_before: self.totals.tally.records,
            before_first_ns: self.before.first_ns,
            before_last_ns: self.before.last_ns,
            previous: self.head,
            crc: crc32c::crc32c(&data_room[..compressed]),
        };
        self.head_buf.clear();
        frame::append(&mut self.head_buf, frame::BLK, frame::VERSION, |b| codec::encode(&body, b))?;
        head_room.copy_from_slice(&self.head_buf);
        let offset = self.totals.bytes;
        self.write(&buf[..ENTRY + compressed])?;
        if self.index.len() < limits::INDEX_ENTRIES {
            self.index.push(IndexEntry { offset, entry });
        }
        Ok(())
    }

    /// Earliest time of a record in the open block; none if the block is empty or no record has a time.
    pub fn open_block_first_time(&self) -> Option<u64> {
        Some(self.open.first_ns).filter(|&t| t != 0)
    }

    /// Length of the open block's content, in bytes.
    pub fn open_block_bytes(&self) -> usize {
        self.raw.len()
    }

    /// What was written so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The output.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// The output, e.g. to sync it. Whoever writes to it breaks the segment.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Closes the open block and the segment. Returns the output and what the next segment's `previous` is.
    ///
    /// # Errors
    /// As [`SegmentWriter::flush_block`].
    pub fn finish(mut self, reason: CloseReason) -> Result<(W, Digest), WriteError> {
        self.flush_block()?;
        let index: &[IndexEntry] =
            if self.index.len() == self.totals.blocks as usize { &self.index } else { &[] };
        let body = EndBody {
            segment_id: self.id,
            reason: reason.number(),
            blocks: self.totals.blocks,
            records: self.totals.tally.records,
            raw_bytes: self.totals.raw_bytes,
            losses: self.totals.tally.losses,
            first_ns: self.totals.tally.first_ns,
            last_ns: self.totals.tally.last_ns,
            head: self.head,
            entries: index.len() as u32,
        };
        let length = frame::HEAD + EndBody::FIXED + index.len() * IndexEntry::FIXED + Trailer::FIXED;
        let trailer = Trailer {
            end_bytes: length as u64,
            segment_bytes: self.totals.bytes + length as u64,
            magic: frame::END_MAGIC,
        };
        let mut buf = Vec::with_capacity(length);
        frame::append(&mut buf, frame::END, frame::VERSION, |b| {
            codec::encode(&body, b)?;
            index.iter().try_for_each(|entry| codec::encode(entry, b))?;
            codec::encode(&trailer, b)
        })?;
        self.write(&buf)?;
        Ok((self.out, self.head))
    }

    /// Writes `bytes` at once; their digest is the new head of the chain.
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.failed = true;
        self.out.write_all(bytes)?;
        self.out.flush()?;
        self.failed = false;
        self.totals.bytes += bytes.len() as u64;
        self.head = Sha256::digest(bytes).into();
        Ok(())
    }
}
