//! What a block holds, counted while its records pass: the numbers that BLK and END state.
//!
//! Only the few header fields that are needed are read: this runs for every record that is written and read.

use super::body::kind_bit;
use crate::limits;
use crate::record::{HEADER_SIZE, Kind, Loss, Record, RecordError};

/// Counts of a run of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of records.
    pub records: u64,
    /// Earliest time of a record; 0: none has one.
    pub first_ns: u64,
    /// Latest time of a record.
    pub last_ns: u64,
    /// Bitmap of record types, as in [`BlockEntry::kinds`](super::BlockEntry::kinds).
    pub kinds: u64,
    /// Sum of the counts of loss records.
    pub losses: u64,
}

/// What the writer and the reader need of a record's header.
#[derive(Clone, Copy)]
pub(super) struct Brief {
    pub kind: u16,
    pub version: u8,
    pub size: usize,
    time_ns: u64,
}

/// Checks and measures the first record of `bytes`.
pub(super) fn brief(bytes: &[u8]) -> Result<Brief, RecordError> {
    let Some(head) = bytes.first_chunk::<HEADER_SIZE>() else {
        return Err(RecordError::ShortHeader(bytes.len()));
    };
    let claimed = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let size = claimed as usize;
    if size < HEADER_SIZE || !size.is_multiple_of(8) || size > limits::RECORD_BYTES || size > bytes.len() {
        return Err(RecordError::Size { claimed, left: bytes.len() });
    }
    let fixed = usize::from(head[3]) * 8;
    if fixed < HEADER_SIZE || fixed > size {
        return Err(RecordError::Fixed { fixed, size });
    }
    Ok(Brief {
        kind: u16::from_le_bytes([head[0], head[1]]),
        version: head[2],
        size,
        time_ns: u64::from_le_bytes([
            head[8], head[9], head[10], head[11], head[12], head[13], head[14], head[15],
        ]),
    })
}

impl Tally {
    /// Adds one record, of which `brief` was made.
    pub(super) fn add(&mut self, brief: &Brief, record: &[u8]) {
        self.records += 1;
        self.kinds |= kind_bit(brief.kind);
        self.time(brief.time_ns, brief.time_ns);
        if brief.kind == Kind::Loss.number()
            && let Ok((record, _)) = Record::split_first(record)
            && let Ok(loss) = record.payload::<Loss>()
        {
            self.losses = self.losses.saturating_add(loss.count);
        }
    }

    /// Adds what another tally counted.
    pub(super) fn merge(&mut self, other: &Tally) {
        self.records += other.records;
        self.kinds |= other.kinds;
        self.losses = self.losses.saturating_add(other.losses);
        self.time(other.first_ns, other.last_ns);
    }

    fn time(&mut self, first_ns: u64, last_ns: u64) {
        if first_ns != 0 {
            self.first_ns = if self.first_ns == 0 { first_ns } else { self.first_ns.min(first_ns) };
            self.last_ns = self.last_ns.max(last_ns);
        }
    }
}
