//! Counters that are held until they are added to a table.
//!
//! Invariants:
//! - Memory is bounded: whoever counts flushes when [`Tally::count`] says so, and at the end. The table's rows add up, so it
//!   does not matter how often that happens.
//! - What is drained is sorted by key: nothing depends on hashing.

use std::collections::HashMap;
use std::hash::Hash;

use crate::clock::earlier;

/// The statement that adds a counter to one of the tables of counters.
macro_rules! add_to {
    ($statement:literal) => {
        concat!(include_str!(concat!("../../sql/", $statement)), include_str!("../../sql/rollup_add.sql"))
    };
}
pub(crate) use add_to;

/// So many counters are held before they are flushed.
const MAX_COUNTERS: usize = 100_000;

/// What is counted of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counter {
    /// How many.
    pub count: i64,
    /// Those that failed.
    pub failures: i64,
    /// Bits that were set in any.
    pub modes: i64,
    /// The first of them, UTC.
    pub first: Option<i64>,
    /// The last of them, UTC.
    pub last: Option<i64>,
}

impl Counter {
    /// One, at a moment.
    pub(crate) fn one(wall_ns: Option<i64>) -> Counter {
        Counter { count: 1, first: wall_ns, last: wall_ns, ..Counter::default() }
    }

    fn add(&mut self, more: Counter) {
        self.count = self.count.saturating_add(more.count);
        self.failures = self.failures.saturating_add(more.failures);
        self.modes |= more.modes;
        self.first = earlier(self.first, more.first);
        self.last = self.last.max(more.last);
    }
}

/// Counters by key.
#[derive(Debug)]
pub(crate) struct Tally<K> {
    counters: HashMap<K, Counter>,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Tally { counters: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> Tally<K> {
    /// Adds to a key's counter. `true`: it is time to flush.
    #[must_use]
    pub(crate) fn count(&mut self, key: K, more: Counter) -> bool {
        self.counters.entry(key).or_insert(Counter { first: more.first, ..Counter::default() }).add(more);
        self.counters.len() >= MAX_COUNTERS
    }

    /// Takes all counters, by key.
    pub(crate) fn drain(&mut self) -> Vec<(K, Counter)> {
        let mut counters: Vec<_> = self.counters.drain().collect();
        counters.sort_unstable_by_key(|(key, _)| *key);
        counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_add_up_and_come_sorted() {
        let mut tally = Tally::default();
        for (key, wall) in [(2_i64, Some(9)), (1, None), (2, Some(4)), (1, Some(7)), (2, None)] {
            assert!(!tally.count(key, Counter { failures: 1, modes: key, ..Counter::one(wall) }));
        }
        let want = |count, modes, first, last| Counter { count, failures: count, modes, first, last };
        assert_eq!(tally.drain(), [(1, want(2, 1, Some(7), Some(7))), (2, want(3, 2, Some(4), Some(9)))]);
        assert_eq!(tally.drain(), []);
        let full = (0..MAX_COUNTERS as i64).map(|key| tally.count(key, Counter::one(None))).last();
        assert_eq!(full, Some(true));
    }
}
