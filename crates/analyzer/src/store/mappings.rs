//! Which process has which library, while the capture runs by.
//!
//! Invariants:
//! - A process that begins a new program has none of its libraries any more; what a scan or a load told of a later time stays:
//!   notes may come before older events.
//! - A child has its parent's libraries until it begins a program: servers that fork never map them again. Children that begin
//!   one, as nearly all do, are not told to have inherited anything.
//! - A row is written when the process ends, begins a program, or is told of again by a later segment: memory holds living
//!   processes only.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::StoreError;
use super::convert::signed;

/// How it is known that a process has a library. Names are those of the database and of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// It was mapped while the recorder watched.
    Load,
    /// It was there when /proc was scanned.
    Baseline,
    /// The parent had it.
    Inherited,
}

impl How {
    fn name(self) -> &'static str {
        match self {
            How::Load => "load",
            How::Baseline => "baseline",
            How::Inherited => "inherited",
        }
    }
}

/// A library in a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    pub library: i64,
    pub segment: i64,
    pub how: How,
    pub from_ns: u64,
    pub from_wall_ns: Option<i64>,
    pub deleted: bool,
}

/// The libraries of the processes that live.
#[derive(Debug, Default)]
pub(crate) struct Mappings {
    living: HashMap<i64, Vec<Mapping>>,
}

impl Mappings {
    /// A process has a library.
    pub(crate) fn add(&mut self, db: &Connection, process: i64, new: Mapping) -> Result<(), StoreError> {
        let list = self.living.entry(process).or_default();
        if let Some(known) = list.iter_mut().find(|m| m.library == new.library && m.segment == new.segment) {
            known.deleted |= new.deleted;
            // A load says more than that it was inherited or found: when.
            if known.how != How::Load && new.how == How::Load {
                *known = Mapping { deleted: known.deleted, ..new };
            } else if known.how == How::Inherited {
                known.how = new.how;
            }
            return Ok(());
        }
        if let Some(at) = list.iter().position(|m| m.library == new.library) {
            let old = list.swap_remove(at);
            write(db, process, &old, None)?;
        }
        list.push(new);
        Ok(())
    }

    /// A process began a new program at `time_ns`.
    pub(crate) fn exec(&mut self, db: &Connection, process: i64, time_ns: u64) -> Result<(), StoreError> {
        let Some(list) = self.living.get_mut(&process) else { return Ok(()) };
        let mut result = Ok(());
        list.retain(|m| {
            if m.from_ns >= time_ns {
                return true;
            }
            if result.is_ok() && m.how != How::Inherited {
                result = write(db, process, m, Some(time_ns));
            }
            false
        });
        if list.is_empty() {
            self.living.remove(&process);
        }
        result
    }

    /// A process was created.
    pub(crate) fn fork(&mut self, parent: i64, child: i64, segment: i64, time_ns: u64, wall_ns: Option<i64>) {
        let Some(list) = self.living.get(&parent) else { return };
        let inherited = list
            .iter()
            .filter(|m| m.from_ns <= time_ns || m.how == How::Baseline)
            .map(|m| Mapping { how: How::Inherited, segment, from_ns: time_ns, from_wall_ns: wall_ns, ..*m });
        let inherited: Vec<Mapping> = inherited.collect();
        let known = self.living.entry(child).or_default();
        for mapping in inherited {
            if !known.iter().any(|m| m.library == mapping.library) {
                known.push(mapping);
            }
        }
    }

    /// A process ended.
    pub(crate) fn exit(&mut self, db: &Connection, process: i64) -> Result<(), StoreError> {
        for mapping in self.living.remove(&process).unwrap_or_default() {
            write(db, process, &mapping, None)?;
        }
        Ok(())
    }

    /// The capture ended.
    pub(crate) fn finish(&mut self, db: &Connection) -> Result<(), StoreError> {
        let mut all: Vec<_> = self.living.drain().collect();
        all.sort_unstable_by_key(|(process, _)| *process);
        for (process, list) in all {
            for mapping in list {
                write(db, process, &mapping, None)?;
            }
        }
        Ok(())
    }
}

const INSERT: &str = include_str!("../../sql/mapping.sql");

fn write(db: &Connection, process: i64, m: &Mapping, until_ns: Option<u64>) -> Result<(), StoreError> {
    db.prepare_cached(INSERT)?.execute(params![
        process,
        m.library,
        m.segment,
        signed(m.from_ns),
        m.how.name(),
        m.from_wall_ns,
        until_ns.map(signed),
        m.deleted
    ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(library: i64, how: How, from_ns: u64) -> Mapping {
        Mapping { library, segment: 1, how, from_ns, from_wall_ns: None, deleted: false }
    }

    fn rows(db: &Connection) -> Vec<(i64, i64, i64, String, Option<i64>)> {
        db.prepare("SELECT process, library, from_ns, how, until_ns FROM mappings")
            .unwrap()
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn forked_children_inherit_until_they_begin_a_program() {
        let db = super::super::open::temporary().unwrap();
        let mut m = Mappings::default();
        m.add(&db, 1, mapping(10, How::Baseline, 5)).unwrap();
        m.add(&db, 1, mapping(11, How::Load, 30)).unwrap();
        m.fork(1, 2, 1, 20, None); // inherits 10 only: 11 came later
        m.fork(1, 3, 1, 40, None); // inherits both, but then begins a program
        m.exec(&db, 3, 41).unwrap();
        m.add(&db, 3, mapping(11, How::Load, 42)).unwrap();
        m.exit(&db, 3).unwrap();
        m.add(&db, 2, mapping(10, How::Inherited, 21)).unwrap(); // nothing new
        m.finish(&db).unwrap();
        assert_eq!(
            rows(&db),
            [
                (1, 10, 5, "baseline".into(), None),
                (1, 11, 30, "load".into(), None),
                (2, 10, 20, "inherited".into(), None),
                (3, 11, 42, "load".into(), None),
            ]
        );
    }

    #[test]
    fn a_new_program_ends_what_was_mapped_before_but_not_what_came_later() {
        let db = super::super::open::temporary().unwrap();
        let mut m = Mappings::default();
        m.add(&db, 1, mapping(10, How::Load, 5)).unwrap();
        m.add(&db, 1, mapping(11, How::Baseline, 50)).unwrap(); // a note, ahead of the older exec
        m.exec(&db, 1, 20).unwrap();
        m.add(&db, 1, mapping(10, How::Load, 21)).unwrap();
        m.finish(&db).unwrap();
        assert_eq!(
            rows(&db),
            [
                (1, 10, 5, "load".into(), Some(20)),
                (1, 10, 21, "load".into(), None),
                (1, 11, 50, "baseline".into(), None)
            ]
        );
    }
}
