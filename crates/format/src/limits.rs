//! Every limit of the format, in one place. A reader refuses what exceeds them, so that memory stays bounded
//! whatever a file says.

/// A record: 64 KiB, so that offsets within it fit 16 bits.
pub const RECORD_BYTES: usize = 64 * 1024;
/// A string in a record: PATH_MAX.
pub const STRING_BYTES: usize = 4096;
