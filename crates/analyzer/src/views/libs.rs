//! `libs`: which crypto libraries were in use, and by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use rusqlite::Connection;

use super::hosts::{HostRow, hosts};
use super::libraries::{Library, of_host};
use super::{Material, Outcome, coverage, write_all};
use crate::AnalyzeError;
use crate::clock::earlier;
use crate::documents::{LibraryEntry, LibraryUser, LibsDocument, LibsSummary, Time, shown, shown_option};
use crate::render::Format;
use crate::store::{StoreError, stored_bytes};
use crypto_tracer_format::matching::contains;

/// What `libs` is to show.
#[derive(Clone, Debug, Default)]
pub struct LibsOptions {
    /// Only libraries whose file name, soname or family holds this, whatever its case.
    pub name: Option<String>,
}

impl LibsOptions {
    fn wants(&self, library: &Library) -> bool {
        let Some(name) = &self.name else { return true };
        let name = name.as_bytes();
        contains(library.name(), name)
            || library.family.as_ref().is_some_and(|f| contains(f.as_bytes(), name))
            || library.soname.as_ref().is_some_and(|s| contains(s.as_bytes(), name))
    }
}

/// Writes a document for each host.
///
/// # Errors
/// What the database or the output could not do.
pub fn libs(
    material: &Material,
    options: &LibsOptions,
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    let documents = documents(material, options)?;
    write_all(material, &documents, format, out)
}

/// The documents.
pub(crate) fn documents(
    material: &Material,
    options: &LibsOptions,
) -> Result<Vec<LibsDocument>, AnalyzeError> {
    let db = material.db();
    hosts(db)?.iter().map(|host| Ok(document(db, host, options)?)).collect()
}

fn document(db: &Connection, host: &HostRow, options: &LibsOptions) -> Result<LibsDocument, StoreError> {
    let known = of_host(db, host.id)?;
    // By path, and by number where two files had the same path one after the other.
    let mut entries: BTreeMap<(Vec<u8>, i64), LibraryEntry> = BTreeMap::new();
    let mut processes = BTreeSet::new();
    let mut statement = db.prepare_cached(include_str!("../../sql/libs.sql"))?;
    let mut rows = statement.query([host.id])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let Some(library) = known.get(&number).filter(|l| options.wants(l)) else { continue };
        let first_seen = row.get::<_, Option<i64>>(7)?.map(Time);
        let entry = entries.entry((library.path.clone(), number)).or_insert_with(|| entry(library));
        entry.deleted |= row.get::<_, bool>(6)?;
        entry.first_seen = earlier(entry.first_seen, first_seen);
        entry.process_count += 1;
        processes.insert(row.get::<_, i64>(1)?);
        let (name, name_hex) = shown(&stored_bytes(row, 3)?.unwrap_or_default());
        let (exe, exe_hex) = shown_option(stored_bytes(row, 4)?.as_deref());
        entry.processes.push(LibraryUser {
            pid: row.get(2)?,
            name,
            name_hex,
            exe,
            exe_hex,
            container: row.get(5)?,
        });
    }
    count_calls(db, host.id, &mut entries)?;
    let summary =
        LibsSummary { total_libraries: entries.len() as u64, total_processes: processes.len() as u64 };
    Ok(LibsDocument {
        libs_version: "1.0",
        generated_at: host.end(),
        host: host.part(),
        libraries: entries.into_values().collect(),
        summary,
        coverage: coverage::of(db, host)?,
    })
}

/// Adds the calls of each file; of two files that had the same path, they go to the one that was probed.
fn count_calls(
    db: &Connection,
    host: i64,
    entries: &mut BTreeMap<(Vec<u8>, i64), LibraryEntry>,
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/libs_calls.sql"))?;
    let mut rows = statement.query([host])?;
    while let Some(row) = rows.next()? {
        let key = (stored_bytes(row, 0)?.unwrap_or_default(), row.get(1)?);
        if let Some(entry) = entries.get_mut(&key) {
            entry.calls += row.get::<_, i64>(2)?.cast_unsigned();
        }
    }
    Ok(())
}

fn entry(library: &Library) -> LibraryEntry {
    let (name, name_hex) = shown(library.name());
    let (path, path_hex) = shown(&library.path);
    let Library { family, version, soname, build_id, size, .. } = library.clone();
    LibraryEntry {
        name,
        name_hex,
        path,
        path_hex,
        family,
        version,
        soname,
        build_id,
        size,
        deleted: false,
        first_seen: None,
        calls: 0,
        process_count: 0,
        processes: Vec::new(),
    }
}
