//! Data frames: plain zstd frames, refused where their header asks for more than our limits.

use zstd::zstd_safe::DParameter;

use super::error::Cause;
use super::{BlockEntry, frame};
use crate::limits;

/// Longest header of a zstd frame.
pub(super) const FRAME_HEAD: usize = 18;

/// What the header of a zstd frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DataHead {
    pub checksum: bool,
    pub content: Option<u64>,
}

/// Reads the header of the zstd frame at the start of `bytes` and holds it against the limits.
pub(super) fn head(bytes: &[u8]) -> Result<DataHead, Cause> {
    let malformed = Cause::DataHeader;
    if bytes.first_chunk() != Some(&frame::ZSTD.to_le_bytes()) {
        return Err(malformed);
    }
    let descriptor = *bytes.get(4).ok_or(malformed)?;
    let (single, reserved) = (descriptor & 0x20 != 0, descriptor & 0x08 != 0);
    if reserved {
        return Err(malformed);
    }
    let mut at = 5;
    let mut window = None;
    if !single {
        let w = *bytes.get(at).ok_or(malformed)?;
        let base = 1_u64 << (10 + (w >> 3));
        window = Some(base + base / 8 * u64::from(w & 7));
        at += 1;
    }
    if descriptor & 3 != 0 {
        return Err(Cause::Dictionary);
    }
    let mut number = |len: usize| -> Result<u64, Cause> {
        let field = bytes.get(at..at + len).ok_or(malformed)?;
        at += len;
        Ok(field.iter().rev().fold(0, |n, &b| n << 8 | u64::from(b)))
    };
    let content = match descriptor >> 6 {
        0 if single => Some(number(1)?),
        0 => None,
        1 => Some(number(2)? + 256),
        2 => Some(number(4)?),
        _ => Some(number(8)?),
    };
    let needed = window.or(content).unwrap_or(0);
    if needed > 1 << limits::WINDOW_LOG {
        return Err(Cause::WindowTooLarge(needed));
    }
    Ok(DataHead { checksum: descriptor & 4 != 0, content })
}

/// Decodes the data frames of blocks into one buffer that it keeps.
pub(super) struct BlockDecoder {
    zstd: zstd::bulk::Decompressor<'static>,
    /// Only ever grows: zeroing it for each block would cost as much as decoding.
    raw: Vec<u8>,
    len: usize,
}

impl BlockDecoder {
    pub fn new() -> std::io::Result<Self> {
        let mut zstd = zstd::bulk::Decompressor::new()?;
        zstd.set_parameter(DParameter::WindowLogMax(limits::WINDOW_LOG))?;
        Ok(BlockDecoder { zstd, raw: Vec::new(), len: 0 })
    }

    /// Decodes `data`, which is all that the entry says belongs to the block and has the entry's checksum.
    pub fn decode(&mut self, entry: &BlockEntry, data: &[u8]) -> Result<(), Cause> {
        self.len = 0;
        let head = head(data)?;
        if !head.checksum {
            return Err(Cause::NoChecksum);
        }
        let content = head.content.ok_or(Cause::NoContentSize)?;
        if content > limits::BLOCK_BYTES as u64 {
            return Err(Cause::ContentTooLarge(content));
        }
        if content != u64::from(entry.raw) {
            return Err(Cause::ContentSize { stated: entry.raw, found: content });
        }
        // The decompressor goes on with whatever frame follows: make sure that none does.
        if zstd::zstd_safe::find_frame_compressed_size(data) != Ok(data.len()) {
            return Err(Cause::DataLength(entry.compressed));
        }
        let content = content as usize;
        if self.raw.len() < content {
            self.raw.resize(content, 0);
        }
        let room = self.raw.get_mut(..content).unwrap_or(&mut []);
        let found = self.zstd.decompress_to_buffer(data, room).map_err(|_| Cause::Decode)?;
        if found != content {
            return Err(Cause::ContentSize { stated: entry.raw, found: found as u64 });
        }
        self.len = found;
        Ok(())
    }

    /// What was decoded last.
    pub fn raw(&self) -> &[u8] {
        self.raw.get(..self.len).unwrap_or(&[])
    }
}
