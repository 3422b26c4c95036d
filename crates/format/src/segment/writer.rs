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
    /// The frame being built: block entry and data.
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
        frame::append(&mut writer.buf, frame::SEG, frame::VERSION, |b| codec::encode(&body, b))?;
        writer.write()?;
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
        const ENTRY: usize = frame::HEAD + BlockBody::FIXED;
        self.buf.clear();
        self.buf.resize(ENTRY + zstd::zstd_safe::compress_bound(self.raw.len()), 0);
        let compressed = self
            .compressor
            .compress_to_buffer(&self.raw, &mut self.buf[ENTRY..])
            .map_err(|source| WriteError::Compress { raw: self.raw.len(), source })?;
        self.buf.truncate(ENTRY + compressed);
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
            crc: crc32c::crc32c(&self.buf[ENTRY..]),
        };
        let mut head = Vec::with_capacity(ENTRY);
        frame::append(&mut head, frame::BLK, frame::VERSION, |b| codec::encode(&body, b))?;
        self.buf[..ENTRY].copy_from_slice(&head);
        let offset = self.totals.bytes;
        self.write()?;
        if self.index.len() < limits::INDEX_ENTRIES {
            self.index.push(IndexEntry { offset, entry });
        }
        self.totals.blocks = next;
        self.totals.raw_bytes += self.raw.len() as u64;
        self.totals.tally.merge(&self.open);
        self.before = self.open;
        self.open = Tally::default();
        self.raw.clear();
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
        self.buf.clear();
        frame::append(&mut self.buf, frame::END, frame::VERSION, |b| {
            codec::encode(&body, b)?;
            index.iter().try_for_each(|entry| codec::encode(entry, b))?;
            codec::encode(&trailer, b)
        })?;
        self.write()?;
        Ok((self.out, self.head))
    }

    /// Writes `buf` at once; its digest is the new head of the chain.
    fn write(&mut self) -> Result<(), WriteError> {
        self.failed = true;
        self.out.write_all(&self.buf)?;
        self.out.flush()?;
        self.failed = false;
        self.totals.bytes += self.buf.len() as u64;
        self.head = Sha256::digest(&self.buf).into();
        Ok(())
    }
}
