//! Rows of `events`, a hundred with each statement.
//!
//! Invariant: rows are numbered when they come and written in that order, so that the row id is the order of the run
//! and SQLite only ever appends.

use rusqlite::{CachedStatement, Connection};

use super::StoreError;

/// Rows of one INSERT. More gains nothing (measured), fewer cost.
const BATCH: usize = 100;
const COLUMNS: usize = 13;

/// One row; see sql/schema.sql for what a column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventRow {
    pub segment: i64,
    pub event_type: u8,
    pub state: Option<i64>,
    pub time_ns: i64,
    pub wall_ns: Option<i64>,
    pub path: Option<i64>,
    pub given: Option<i64>,
    pub result: Option<i64>,
    pub flags: Option<i64>,
    pub mode: Option<i64>,
    pub bits: Option<i64>,
    pub detail: Option<i64>,
}

/// Rows that wait for their statement.
#[derive(Debug)]
pub(crate) struct Rows {
    waiting: Vec<EventRow>,
    next: i64,
    insert_batch: String,
    insert_one: String,
}

impl Rows {
    /// Numbers rows from `next` on.
    pub(crate) fn new(next: i64) -> Self {
        Rows {
            waiting: Vec::with_capacity(BATCH),
            next,
            insert_batch: statement(BATCH),
            insert_one: statement(1),
        }
    }

    /// The number that the next row gets.
    pub(crate) fn next(&self) -> i64 {
        self.next + self.waiting.len() as i64
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, db: &Connection, row: EventRow) -> Result<(), StoreError> {
        self.waiting.push(row);
        if self.waiting.len() == BATCH {
            self.flush(db)?;
        }
        Ok(())
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self, db: &Connection) -> Result<(), StoreError> {
        if self.waiting.len() == BATCH {
            self.write(db.prepare_cached(&self.insert_batch)?, 0, BATCH)?;
        } else {
            for at in 0..self.waiting.len() {
                self.write(db.prepare_cached(&self.insert_one)?, at, 1)?;
            }
        }
        self.next += self.waiting.len() as i64;
        self.waiting.clear();
        Ok(())
    }

    fn write(&self, mut insert: CachedStatement<'_>, from: usize, count: usize) -> Result<(), StoreError> {
        let mut parameter = 1;
        for (index, row) in self.waiting.iter().enumerate().skip(from).take(count) {
            let columns: [Option<i64>; COLUMNS] = [
                Some(self.next + index as i64),
                Some(row.segment),
                Some(row.event_type.into()),
                row.state,
                Some(row.time_ns),
                row.wall_ns,
                row.path,
                row.given,
                row.result,
                row.flags,
                row.mode,
                row.bits,
                row.detail,
            ];
            for column in columns {
                insert.raw_bind_parameter(parameter, column)?;
                parameter += 1;
            }
        }
        insert.raw_execute()?;
        Ok(())
    }
}

fn statement(rows: usize) -> String {
    let row = format!("({})", vec!["?"; COLUMNS].join(","));
    format!("INSERT INTO events VALUES {}", vec![row.as_str(); rows].join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_written_once_and_in_order() {
        let db = super::super::open::temporary().unwrap();
        let mut rows = Rows::new(5);
        for n in 0..250 {
            assert_eq!(rows.next(), 5 + n);
            rows.push(&db, EventRow { time_ns: n * 10, event_type: 16, ..EventRow::default() }).unwrap();
        }
        rows.flush(&db).unwrap();
        rows.flush(&db).unwrap();
        let (count, least, most, wrong): (i64, i64, i64, i64) = db
            .query_row(
                "SELECT count(*), min(seq), max(seq), sum(time_ns <> (seq - 5) * 10 OR path IS NOT NULL) FROM events",
                [],
                |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)),
            )
            .unwrap();
        assert_eq!((count, least, most, wrong), (250, 5, 254, 0));
    }
}
