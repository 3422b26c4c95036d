//! The one place that knows bincode. Bodies are encoded with fixed-size little-endian integers; arrays as they are; a
//! string as a length of 8 bytes and its bytes. docs/capture-format.md gives every offset, so that no reader needs bincode.
//!
//! Bodies only grow at their end: a decoder takes the fields that it knows and leaves the rest.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::{Decode, Encode};

/// What a body's variable part may claim, in bytes.
const CLAIM: usize = 4096;

const CONFIG: Configuration<LittleEndian, Fixint, Limit<CLAIM>> =
    bincode::config::standard().with_little_endian().with_fixed_int_encoding().with_limit::<CLAIM>();

/// Why a body can't be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Encoding failed: only a string that is too long can do that.
    #[error("the body of a frame can't be encoded: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    /// The body is shorter than its fields, or a string in it isn't UTF-8 or longer than allowed.
    #[error("the body of a frame can't be decoded: {0}")]
    Decode(#[from] bincode::error::DecodeError),
}

/// Appends the bytes of `body`.
pub(super) fn encode(body: &impl Encode, out: &mut Vec<u8>) -> Result<(), CodecError> {
    out.extend(bincode::encode_to_vec(body, CONFIG)?);
    Ok(())
}

/// Decodes a body from the start of `bytes`; returns how many bytes it took. What follows is of a later version.
pub(super) fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<(T, usize), CodecError> {
    Ok(bincode::decode_from_slice(bytes, CONFIG)?)
}
