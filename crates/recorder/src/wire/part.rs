//! What the kernel programs tell of TLS handshakes: `struct ct_tls_part` of bpf/wire.h, byte by byte. Never written to a
//! capture.
//!
//! Invariant: the layout is held against the object's BTF by a test.

use crypto_tracer_format::record::{HEADER_SIZE, Record, StrRef};

/// The kind of these records, which no record of a capture has.
pub const PART_KIND: u16 = 0x8008;

/// Size of the struct.
pub const PART_BYTES: usize = 144;

/// Offset and size of each field behind the header.
pub const PART_FIELDS: &[(&str, usize, usize)] = &[
    ("sock", 64, 8),
    ("since", 72, 8),
    ("object", 80, 8),
    ("what", 88, 2),
    ("direction", 90, 1),
    ("bits", 91, 1),
    ("message", 92, 1),
    ("session", 93, 1),
    ("version", 94, 2),
    ("length", 96, 4),
    ("offset", 100, 4),
    ("data", 104, 4),
    ("local_port", 108, 2),
    ("peer_port", 110, 2),
    ("local", 112, 16),
    ("peer", 128, 16),
];

/// What a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A piece of a handshake message.
    Message,
    /// An alert.
    Alert,
    /// From here on this direction is encrypted.
    Encrypted,
    /// The connection ended.
    Closed,
}

/// Bits of [`Part::bits`].
pub mod bits {
    /// Nothing more comes of this message.
    pub const LAST: u8 = 1;
    /// The server hello is a HelloRetryRequest.
    pub const RETRY: u8 = 2;
    /// The rest of the message is left out.
    pub const CUT: u8 = 4;
}

/// A connection, while it lasts: the socket's address and when it was seen first.
pub type SocketKey = (u64, u64);

/// A part, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Which connection.
    pub socket: SocketKey,
    /// Address of the library's object whose call is under way; 0: none.
    pub object: u64,
    /// What it is.
    pub what: What,
    /// 1 sent, 2 received; 0: neither.
    pub direction: u16,
    /// Bits of [`bits`].
    pub bits: u8,
    /// Type of the handshake message.
    pub message: u8,
    /// Of a hello, the length of its session id.
    pub session: u8,
    /// Of a hello, the version that it begins with.
    pub version: u16,
    /// Length of the message, without its first four bytes. Of [`What::Encrypted`], that of the record of application data
    /// that told it; 0: it was another one.
    pub length: u32,
    /// Where in it the data lie.
    pub offset: u32,
    /// The data.
    pub data: &'a [u8],
    /// Port of this side.
    pub local_port: u16,
    /// Port of the other side.
    pub peer_port: u16,
    /// Address of this side.
    pub local: [u8; 16],
    /// Address of the other side.
    pub peer: [u8; 16],
}

impl<'a> Part<'a> {
    /// Reads one; `None`: it makes no sense.
    pub fn read(record: &Record<'a>) -> Option<Part<'a>> {
        let header = record.header();
        if header.kind != PART_KIND || usize::from(header.fixed) * 8 != PART_BYTES {
            return None;
        }
        let fixed = record.bytes().first_chunk::<PART_BYTES>()?;
        let what = match u16::from_le_bytes(at(fixed, 88)) {
            1 => What::Message,
            2 => What::Alert,
            3 => What::Encrypted,
            4 => What::Closed,
            _ => return None,
        };
        let [direction, bits, message, session] = at(fixed, 90);
        if direction > 2 || (direction == 0) != (what == What::Closed) {
            return None;
        }
        let data =
            StrRef { off: u16::from_le_bytes(at(fixed, 104)), len: u16::from_le_bytes(at(fixed, 106)) };
        Some(Part {
            socket: (u64::from_le_bytes(at(fixed, 64)), u64::from_le_bytes(at(fixed, 72))),
            object: u64::from_le_bytes(at(fixed, 80)),
            what,
            direction: u16::from(direction),
            bits,
            message,
            session,
            version: u16::from_le_bytes(at(fixed, 94)),
            length: u32::from_le_bytes(at(fixed, 96)),
            offset: u32::from_le_bytes(at(fixed, 100)),
            data: record.str(data).ok()?,
            local_port: u16::from_le_bytes(at(fixed, 108)),
            peer_port: u16::from_le_bytes(at(fixed, 110)),
            local: at(fixed, 112),
            peer: at(fixed, 128),
        })
    }
}

/// `N` bytes at a constant place; the places of [`PART_FIELDS`] lie within the struct.
fn at<const N: usize>(fixed: &[u8; PART_BYTES], offset: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(from) = fixed.get(offset..offset + N) {
        out.copy_from_slice(from);
    }
    out
}

const _: () = assert!(PART_BYTES.is_multiple_of(8) && PART_BYTES > HEADER_SIZE);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_each_other() {
        let mut end = HEADER_SIZE;
        for (name, offset, size) in PART_FIELDS {
            assert_eq!(*offset, end, "{name}");
            end += size;
        }
        assert_eq!(end, PART_BYTES);
    }
}
