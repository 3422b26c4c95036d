//! Counting while ingesting: process × type × path × error × segment.
//!
//! Invariant: the table's rows add up, so it does not matter how often the counters are flushed into it.

use rusqlite::{Connection, params};

use super::StoreError;
use super::tally::{Counter, Tally, add_to};

const FLUSH: &str = add_to!("rollup.sql");

/// Opened for reading.
pub(crate) const READ: i64 = 1;
/// Opened for writing.
pub(crate) const WRITE: i64 = 2;
/// Opened as a name only (O_PATH).
pub(crate) const PATH_ONLY: i64 = 4;

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub process: i64,
    pub event_type: u8,
    pub path: i64,
    pub errno: i32,
    pub segment: i64,
}

/// The counters that are not in the table yet.
#[derive(Debug, Default)]
pub(crate) struct Rollups {
    counters: Tally<Key>,
}

impl Rollups {
    /// Counts one event.
    pub(crate) fn count(
        &mut self,
        db: &Connection,
        key: Key,
        wall: Option<i64>,
        modes: i64,
    ) -> Result<(), StoreError> {
        match self.counters.count(key, Counter { modes, ..Counter::one(wall) }) {
            true => self.flush(db),
            false => Ok(()),
        }
    }

    /// Adds everything to the table.
    pub(crate) fn flush(&mut self, db: &Connection) -> Result<(), StoreError> {
        let mut insert = db.prepare_cached(FLUSH)?;
        for (key, c) in self.counters.drain() {
            insert.execute(params![
                key.process,
                key.event_type,
                key.path,
                key.errno,
                key.segment,
                c.count,
                c.first,
                c.last,
                c.modes
            ])?;
        }
        Ok(())
    }
}

/// For what a file was opened, from the flags of open(2).
pub(crate) fn modes(flags: u32) -> i64 {
    const O_ACCMODE: u32 = 3;
    const O_PATH: u32 = 0o10_000_000;
    if flags & O_PATH != 0 {
        return PATH_ONLY;
    }
    match flags & O_ACCMODE {
        0 => READ,
        1 => WRITE,
        _ => READ | WRITE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_flushes() {
        let db = super::super::open::temporary().unwrap();
        let key = Key { process: 7, event_type: 16, path: 3, errno: 2, segment: 1 };
        let mut rollups = Rollups::default();
        rollups.count(&db, key, Some(50), READ).unwrap();
        rollups.count(&db, key, None, READ).unwrap();
        rollups.flush(&db).unwrap();
        rollups.count(&db, key, Some(40), WRITE).unwrap();
        rollups.flush(&db).unwrap();
        rollups.count(&db, key, None, READ).unwrap();
        rollups.flush(&db).unwrap();
        let row: (i64, i64, i64, i64) = db
            .query_row("SELECT count, first_wall_ns, last_wall_ns, modes FROM rollups", [], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))
            })
            .unwrap();
        assert_eq!(row, (4, 40, 50, READ | WRITE));
    }

    #[test]
    fn flags_say_what_for() {
        assert_eq!(modes(0o2_000_000), READ);
        assert_eq!(modes(0o1101), WRITE);
        assert_eq!(modes(2), READ | WRITE);
        assert_eq!(modes(0o10_000_000), PATH_ONLY);
    }
}
