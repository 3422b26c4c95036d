//! Which blocks have to be decoded: told from their entries, before anything is read of them.
//!
//! Invariants:
//! - Counted calls are told when their counter was read: a block behind the end of a range may hold some that are of it.
//! - What identifies processes, and what holds for all that follows, is never left out, so that an event prints the same
//!   whatever range was asked for.

use crypto_tracer_format::record::Kind;
use crypto_tracer_format::segment::BlockEntry;

use crate::clock::Clocks;
use crate::sink::Range;

/// Kinds that tell nothing about what comes after them.
const EVENTS_ONLY: &[Kind] =
    &[Kind::FileOpen, Kind::LibLoad, Kind::Loss, Kind::Mark, Kind::ApiCount, Kind::KernelCrypto];
/// How much later than they completed counted calls are told, at most: the recorder reads the counters once a second.
const READ_LATER_NS: i64 = 2_000_000_000;
/// Kinds without which times can't be told.
const SEGMENT_HEADS: &[Kind] = &[Kind::Host, Kind::Clock];
/// Kinds that are events, or parts of events, and tell something of later ones: who is who, how a handshake began, what
/// its library was told.
const BEFORE_EVENTS: &[Kind] =
    &[Kind::ProcessFork, Kind::ProcessExec, Kind::ProcessExit, Kind::TlsHello, Kind::ApiCall];

fn bits(kinds: &[&[Kind]]) -> u64 {
    kinds.iter().flat_map(|k| k.iter()).fold(0, |bits, kind| bits | 1u64 << kind.number())
}

/// Whether times can't be told without the block.
pub fn is_segment_head(entry: &BlockEntry) -> bool {
    entry.kinds & bits(&[SEGMENT_HEADS]) != 0
}

/// Whether a block may hold something that is needed.
pub fn is_wanted(entry: &BlockEntry, clocks: &Clocks, range: Range) -> bool {
    if entry.first_ns == 0 {
        return true;
    }
    // Without a clock record so far, its place in UTC is not known.
    let (Some(first), Some(last)) = (clocks.wall(entry.first_ns), clocks.wall(entry.last_ns)) else {
        return true;
    };
    let is_before = range.since_wall_ns.is_some_and(|since| last < since);
    let skippable = match (is_before, is_after(entry, first, range)) {
        (_, true) => bits(&[EVENTS_ONLY, BEFORE_EVENTS]),
        (true, false) => bits(&[EVENTS_ONLY]),
        (false, false) => 0,
    };
    entry.kinds & !skippable != 0
}

/// Whether nothing from this moment on is asked for.
fn is_after(entry: &BlockEntry, first_wall_ns: i64, range: Range) -> bool {
    let is_late = entry.kinds & bits(&[&[Kind::ApiCount]]) != 0;
    let later = if is_late { READ_LATER_NS } else { 0 };
    range.until_wall_ns.is_some_and(|until| first_wall_ns > until.saturating_add(later))
}

/// Whether a block that isn't wanted is so because it comes after all that is: what is open then doesn't end there.
pub fn lies_behind(entry: &BlockEntry, clocks: &Clocks, range: Range) -> bool {
    clocks.wall(entry.first_ns).is_some_and(|first| is_after(entry, first, range))
}
