//! Our skippable frames: what they start with, and how one is told from others.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 4 | `5b 2a 4d 18`: a skippable frame for zstd |
//! | 4 | 4 | length of all that follows |
//! | 8 | 8 | [`MAGIC`] |
//! | 16 | 2 | kind |
//! | 18 | 2 | version |
//! | 20 | 4 | length of the body: that at 4, less 20 |
//! | 24 | 4 | CRC32C of the bytes 8 to 23 and of the body |
//! | 28 | … | body |
//!
//! A frame is believed only when both lengths agree, the length is within its limit, and the checksum is right.

use super::body::Magic;
use super::error::Cause;
use crate::limits;

/// The zstd magic of our skippable frames: nibble B.
pub const SKIPPABLE: u32 = 0x184D_2A5B;
/// The magic of a zstd frame with data.
pub const ZSTD: u32 = 0xFD2F_B528;
/// What the payload of our frames starts with. It holds a NUL, which no file name can.
pub const MAGIC: Magic = *b"\x89CTRACE\0";
/// What a closed segment ends with.
pub const END_MAGIC: Magic = *b"\x89CTREND\0";
/// Kind of the frame that begins a segment.
pub const SEG: u16 = 1;
/// Kind of the frame before each block's data.
pub const BLK: u16 = 2;
/// Kind of the frame that ends a segment.
pub const END: u16 = 3;
/// Version of the bodies that this release writes.
pub const VERSION: u16 = 1;
/// Features of [`SegmentBody::required`](super::SegmentBody::required) that this release knows.
pub const KNOWN_REQUIRED: u64 = 0;
/// Features of [`SegmentBody::optional`](super::SegmentBody::optional) that this release knows.
pub const KNOWN_OPTIONAL: u64 = 0;

/// Length of a skippable frame's own header.
pub(super) const SKIPPABLE_HEAD: usize = 8;
/// Length of magic, kind, version, length and checksum.
pub(super) const OWN_HEAD: usize = 20;
/// Where the body starts.
pub(super) const HEAD: usize = SKIPPABLE_HEAD + OWN_HEAD;
/// Where the checksum lies.
const CRC_AT: usize = 24;

/// The header of one of our frames, its lengths checked but not yet its checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub kind: u16,
    pub body: usize,
    pub crc: u32,
    /// CRC32C of what the checksum covers before the body.
    pub seed: u32,
}

impl Head {
    /// Length of the whole frame.
    pub fn frame(&self) -> usize {
        HEAD + self.body
    }
}

/// What stands at a place where a frame should start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// One of our frames.
    Own(Head),
    /// One of our frames by its magic, but with impossible lengths.
    Bad(Cause),
    /// A skippable frame of someone else: its length.
    Foreign(u64),
    /// A zstd frame with data.
    Data,
    /// Fewer bytes than the start of a frame needs.
    Short,
    /// No frame at all.
    Nothing,
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

/// Says what starts at the first byte of `bytes`; [`HEAD`] bytes are enough.
pub(super) fn look(bytes: &[u8]) -> Look {
    let Some(magic) = u32_at(bytes, 0) else { return Look::Short };
    if magic == ZSTD {
        return Look::Data;
    }
    if magic & 0xFFFF_FFF0 != SKIPPABLE & 0xFFFF_FFF0 {
        return Look::Nothing;
    }
    let Some(size) = u32_at(bytes, 4) else { return Look::Short };
    let foreign = Look::Foreign(SKIPPABLE_HEAD as u64 + u64::from(size));
    if magic != SKIPPABLE || (size as usize) < OWN_HEAD {
        return foreign;
    }
    let (Some(kind), Some(body), Some(crc)) = (u16_at(bytes, 16), u32_at(bytes, 20), u32_at(bytes, CRC_AT))
    else {
        return Look::Short;
    };
    if bytes.get(8..16) != Some(&MAGIC[..]) {
        return foreign;
    }
    let (size, body) = (size as usize, body as usize);
    if body != size - OWN_HEAD {
        return Look::Bad(Cause::FrameLengths { outer: size, body });
    }
    if kind == END && size > limits::END_BYTES {
        return Look::Bad(Cause::EndTooLarge(size));
    }
    if kind != END && size > limits::FRAME_BYTES {
        return Look::Bad(Cause::FrameTooLarge(size));
    }
    Look::Own(Head { kind, body, crc, seed: crc32c::crc32c(&bytes[8..CRC_AT]) })
}

/// The body of the frame that starts at the first byte of `frame`, if its checksum is right.
pub(super) fn body<'a>(head: &Head, frame: &'a [u8]) -> Result<&'a [u8], Cause> {
    let body = frame.get(HEAD..head.frame()).ok_or(Cause::Cut)?;
    check(head, crc32c::crc32c_append(head.seed, body))?;
    Ok(body)
}

/// Compares the checksum of a frame with the one it states.
pub(super) fn check(head: &Head, computed: u32) -> Result<(), Cause> {
    if computed == head.crc { Ok(()) } else { Err(Cause::FrameChecksum { stated: head.crc, computed }) }
}

/// Appends a frame of ours; `write` appends its body.
pub(super) fn append<E>(
    out: &mut Vec<u8>,
    kind: u16,
    version: u16,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.extend_from_slice(&SKIPPABLE.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    let result = write(out);
    let body = out.len() - start - HEAD;
    let frame = &mut out[start..];
    frame[4..8].copy_from_slice(&((body + OWN_HEAD) as u32).to_le_bytes());
    frame[20..24].copy_from_slice(&(body as u32).to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&frame[8..CRC_AT]), &frame[HEAD..]);
    frame[CRC_AT..HEAD].copy_from_slice(&crc.to_le_bytes());
    result
}
