//! Paths, command lines, texts of events and names of functions, each kept once.
//!
//! Invariant: the table is the truth, the map a cache of it: when that has grown too large it is emptied, never the table.

use std::collections::HashMap;

use crypto_tracer_format::catalogue::{FileType, files};
use rusqlite::{CachedStatement, Connection, params};

use super::StoreError;
use super::convert::Raw;
use crate::argv;

/// The cache holds at most this many bytes of strings …
const MAX_BYTES: usize = 64 << 20;
/// … and this many strings.
const MAX_STRINGS: usize = 500_000;

/// A cache of string → id.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    ids: HashMap<Box<[u8]>, i64>,
    bytes: usize,
}

impl Cache {
    fn get(&self, key: &[u8]) -> Option<i64> {
        self.ids.get(key).copied()
    }

    fn put(&mut self, key: &[u8], id: i64) {
        if self.bytes + key.len() > MAX_BYTES || self.ids.len() >= MAX_STRINGS {
            self.ids.clear();
            self.bytes = 0;
        }
        self.bytes += key.len();
        self.ids.insert(key.into(), id);
    }
}

/// The tables of strings.
#[derive(Debug, Default)]
pub(crate) struct Interned {
    paths: Cache,
    commands: Cache,
    texts: Cache,
    functions: Cache,
    /// A key that is made of several strings.
    scratch: Vec<u8>,
}

impl Interned {
    /// The id of a path.
    pub(crate) fn path(&mut self, db: &Connection, path: &[u8]) -> Result<i64, StoreError> {
        if let Some(id) = self.paths.get(path) {
            return Ok(id);
        }
        let find = db.prepare_cached("SELECT id FROM paths WHERE path = ?")?;
        let id = match first(find, Raw(path))? {
            Some(id) => id,
            None => {
                let file_type = files::file_type(path).unwrap_or(FileType::Unknown).name();
                db.prepare_cached("INSERT INTO paths (path, file_type) VALUES (?, ?)")?
                    .insert(params![Raw(path), file_type])?
            }
        };
        self.paths.put(path, id);
        Ok(id)
    }

    /// The id of a path that may be missing or empty.
    pub(crate) fn path_option(
        &mut self,
        db: &Connection,
        path: Option<&[u8]>,
    ) -> Result<Option<i64>, StoreError> {
        path.filter(|p| !p.is_empty()).map(|p| self.path(db, p)).transpose()
    }

    /// The id of a command line that may be missing or empty.
    pub(crate) fn command(
        &mut self,
        db: &Connection,
        argv: Option<&[u8]>,
    ) -> Result<Option<i64>, StoreError> {
        let Some(argv) = argv.filter(|a| !a.is_empty()) else { return Ok(None) };
        if let Some(id) = self.commands.get(argv) {
            return Ok(Some(id));
        }
        let find = db.prepare_cached("SELECT id FROM commands WHERE argv = ?")?;
        let id = match first(find, argv)? {
            Some(id) => id,
            None => {
                let mut cmdline = Vec::with_capacity(argv.len());
                argv::put_command_line(&mut cmdline, argv);
                db.prepare_cached("INSERT INTO commands (argv, cmdline) VALUES (?, ?)")?
                    .insert(params![argv, Raw(&cmdline)])?
            }
        };
        self.commands.put(argv, id);
        Ok(Some(id))
    }

    /// The id of a text.
    pub(crate) fn text(&mut self, db: &Connection, text: &[u8]) -> Result<i64, StoreError> {
        if let Some(id) = self.texts.get(text) {
            return Ok(id);
        }
        let find = db.prepare_cached("SELECT id FROM texts WHERE text = ?")?;
        let id = match first(find, Raw(text))? {
            Some(id) => id,
            None => db.prepare_cached("INSERT INTO texts (text) VALUES (?)")?.insert([Raw(text)])?,
        };
        self.texts.put(text, id);
        Ok(id)
    }

    /// The id of a text that may be empty.
    pub(crate) fn text_option(&mut self, db: &Connection, text: &[u8]) -> Result<Option<i64>, StoreError> {
        match text.is_empty() {
            true => Ok(None),
            false => self.text(db, text).map(Some),
        }
    }

    /// The id of a library's function.
    pub(crate) fn function(
        &mut self,
        db: &Connection,
        family: &[u8],
        name: &[u8],
        topic: &[u8],
    ) -> Result<i64, StoreError> {
        self.scratch.clear();
        for part in [family, b"\0", name, b"\0", topic] {
            self.scratch.extend_from_slice(part);
        }
        if let Some(id) = self.functions.get(&self.scratch) {
            return Ok(id);
        }
        let id = db
            .prepare_cached(include_str!("../../sql/api_function.sql"))?
            .query_row(params![Raw(family), Raw(name), Raw(topic), None::<&str>], |row| row.get(0))?;
        self.functions.put(&self.scratch, id);
        Ok(id)
    }
}

fn first(mut find: CachedStatement<'_>, key: impl rusqlite::ToSql) -> Result<Option<i64>, StoreError> {
    let mut rows = find.query([key])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_have_one_id_whether_cached_or_not() {
        let db = super::super::open::temporary().unwrap();
        let mut interned = Interned::default();
        let a = interned.path(&db, b"/a.pem").unwrap();
        let b = interned.path(&db, b"/\xff.key").unwrap();
        assert_ne!(a, b);
        interned.paths = Cache::default();
        assert_eq!(interned.path(&db, b"/\xff.key").unwrap(), b);
        assert_eq!(interned.path(&db, b"/a.pem").unwrap(), a);
        let types: Vec<String> = db
            .prepare("SELECT file_type FROM paths ORDER BY id")
            .unwrap()
            .query_map([], |r| r.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(types, ["certificate", "private_key"]);
        assert_eq!(interned.command(&db, Some(b"")).unwrap(), None);
        let c = interned.command(&db, Some(b"cat\0a\0")).unwrap();
        interned.commands = Cache::default();
        assert_eq!(interned.command(&db, Some(b"cat\0a\0")).unwrap(), c);
    }

    #[test]
    fn the_cache_never_outgrows_its_limit() {
        let mut cache = Cache::default();
        for n in 0..(MAX_STRINGS as i64 + 10) {
            cache.put(&n.to_le_bytes(), n);
        }
        assert_eq!(cache.ids.len(), 10);
        assert_eq!(cache.bytes, 80);
    }
}
