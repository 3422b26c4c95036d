//! The documents that the views make: what they hold and how it is called in JSON. docs/schema has the schemas.
//!
//! Invariants:
//! - A field that isn't known is left out; it is never a made-up zero or an empty string.
//! - Times are UTC, ISO 8601, with microseconds. `generated_at` is the end of what was captured, not the time of the
//!   analysis: the same capture gives the same bytes.
//! - A name or path that isn't UTF-8 has U+FFFD in place of the bytes at fault, and a field `<name>_hex` beside it
//!   that holds all its bytes.
//! - Lists are sorted by what they are read for first, and then by name, so that nothing depends on hashing.

mod calls;
mod coverage;
mod files;
mod libs;
mod profile;
mod snapshot;
mod summary;
mod tls;

pub use calls::{ArgsCount, CallsPart, FunctionCalls, KernelCalls, KernelPart, Use};
pub use coverage::{BaselineCoverage, Coverage, Damage, HostPart, LeftOut, Loss, NotObserved, Probe};
pub use files::{Failure, FileAccess, FileEntry, FileUser, FilesDocument, FilesSummary};
pub use libs::{LibraryEntry, LibraryUser, LibsDocument, LibsSummary};
pub use profile::{Child, LoadedLibrary, OpenFile, ProcessPart, ProfileDocument, Statistics};
pub use snapshot::{SnapshotDocument, SnapshotLibrary, SnapshotProcess, SnapshotSummary};
pub use summary::{Counts, FailedFile, LibraryVersion, ProgramRow, Span, SummaryDocument, TopFile};
pub use tls::{CertificateRow, TlsDocument, TlsPart, TlsPeer, TlsRow, TlsTotals};

use crate::clock::earlier;
use serde::{Serialize, Serializer};

/// A moment: nanoseconds since 1970-01-01T00:00:00Z. Written as ISO 8601 with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = chrono::DateTime::from_timestamp_nanos(self.0);
        write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many, and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// Those that failed.
    pub failures: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Time>,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Time>,
}

impl Counted {
    /// Counts more of the same.
    pub fn add(&mut self, more: Counted) {
        self.count = self.count.saturating_add(more.count);
        self.failures = self.failures.saturating_add(more.failures);
        self.first = earlier(self.first, more.first);
        self.last = self.last.max(more.last);
    }
}

/// A string of the traced system as documents show it, and all its bytes in hexadecimal where it isn't UTF-8.
pub fn shown(bytes: &[u8]) -> (String, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), Some(hex(bytes))),
    }
}

/// Like [`shown`], for a field that may be missing.
pub fn shown_option(bytes: Option<&[u8]>) -> (Option<String>, Option<String>) {
    match bytes.map(shown) {
        Some((text, hex)) => (Some(text), hex),
        None => (None, None),
    }
}

/// A list of strings, and beside it the list of their bytes (null where the string is UTF-8), if any needs it.
pub fn shown_list<'a>(items: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Option<Vec<Option<String>>>) {
    let (texts, hexes): (Vec<_>, Vec<_>) = items.map(shown).unzip();
    let any = hexes.iter().any(Option::is_some);
    (texts, any.then_some(hexes))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[(b >> 4) as usize], DIGITS[(b & 15) as usize]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_microseconds_and_never_panic() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Time(1_763_375_445_123_456_789).to_string(), "2025-11-17T10:30:45.123456Z");
        for extreme in [i64::MIN, -1, i64::MAX] {
            assert!(Time(extreme).to_string().ends_with('Z'));
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_kept_in_hexadecimal() {
        assert_eq!(shown("/srv/ä.pem".as_bytes()), ("/srv/ä.pem".to_owned(), None));
        assert_eq!(shown(b"a\xff\x00b"), ("a\u{fffd}\0b".to_owned(), Some("61ff0062".to_owned())));
        let (texts, hexes) = shown_list([&b"ok"[..], b"\xfe"].into_iter());
        assert_eq!(texts, ["ok", "\u{fffd}"]);
        assert_eq!(hexes, Some(vec![None, Some("fe".to_owned())]));
        assert_eq!(shown_list([&b"ok"[..]].into_iter()).1, None);
    }
}
