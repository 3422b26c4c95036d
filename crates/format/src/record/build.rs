//! Makes records in user space: those of the baseline, the clocks, losses, and rewritten ones.

use super::{Header, Payload, StrRef};
use crate::limits;

/// Why a record can't be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BuildError {
    /// The record would be larger than a reader accepts.
    #[error("a record of {0} bytes was to be made; at most {max} are allowed", max = limits::RECORD_BYTES)]
    TooLarge(usize),
}

/// Appends one record to a buffer: strings first ([`Builder::string`]), then the fixed part ([`Builder::finish`]).
pub struct Builder<'a, P: Payload> {
    out: &'a mut Vec<u8>,
    start: usize,
    payload: std::marker::PhantomData<P>,
}

impl<'a, P: Payload> Builder<'a, P> {
    /// Starts a record at the end of `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        out.resize(start + P::fixed_size(), 0);
        Builder { out, start, payload: std::marker::PhantomData }
    }

    /// Adds a string and returns where it lies. Cut at [`limits::STRING_BYTES`] and at the record's limit;
    /// the caller notes the cut where its type has a flag for it.
    pub fn string(&mut self, s: &[u8]) -> StrRef {
        let off = self.out.len() - self.start;
        let room = limits::RECORD_BYTES.saturating_sub(off + 8);
        let s = &s[..s.len().min(limits::STRING_BYTES).min(room)];
        if s.is_empty() {
            return StrRef::default();
        }
        self.out.extend_from_slice(s);
        StrRef { off: off as u16, len: s.len() as u16 }
    }

    /// Writes header and fixed part; `kind`, `version`, `fixed` and `size` of the header are filled in.
    ///
    /// # Errors
    /// [`BuildError::TooLarge`]; `out` is then as it was before [`Builder::new`].
    pub fn finish(self, header: &Header, payload: &P) -> Result<(), BuildError> {
        let padded = (self.out.len() - self.start).next_multiple_of(8);
        if padded > limits::RECORD_BYTES {
            self.out.truncate(self.start);
            return Err(BuildError::TooLarge(padded));
        }
        self.out.resize(self.start + padded, 0);
        let header = Header {
            kind: P::KIND.number(),
            version: P::KIND.version(),
            fixed: (P::fixed_size() / 8) as u8,
            size: padded as u32,
            ..*header
        };
        let mut fixed = Vec::with_capacity(P::fixed_size());
        header.put(&mut fixed);
        payload.put_fields(&mut fixed);
        self.out[self.start..self.start + fixed.len()].copy_from_slice(&fixed);
        Ok(())
    }
}
