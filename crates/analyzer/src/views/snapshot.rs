//! `snapshot`: who used cryptography at a moment.
//!
//! Invariants:
//! - A moment is answered from the segments that cover it: each begins with a scan of /proc, so a process whose end nobody saw
//!   (nobody recorded then) is not taken for alive.
//! - Times are compared on the capture's own clock, which is never set.
//! - Closing a file is not recorded: open files are those that the scan of the same segment found.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;

use rusqlite::{Connection, OptionalExtension, params};

use super::hosts::{HostRow, hosts};
use super::libraries::{Library, of_host};
use super::{Material, Outcome, ViewError, coverage, write_all};
use crate::AnalyzeError;
use crate::documents::{
    SnapshotDocument, SnapshotLibrary, SnapshotProcess, SnapshotSummary, Time, shown, shown_list,
    shown_option,
};
use crate::render::Format;
use crate::store::{StoreError, stored_bytes};

/// What `snapshot` is to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct SnapshotOptions {
    /// The moment in UTC, nanoseconds since 1970; `None`: the end of what was captured.
    pub at_wall_ns: Option<i64>,
}

/// Writes a document for each host that was captured at the moment.
///
/// # Errors
/// [`ViewError::NotCaptured`]; what the database or the output could not do.
pub fn snapshot(
    material: &Material,
    options: &SnapshotOptions,
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    let documents = documents(material, options)?;
    write_all(material, &documents, format, out)
}

/// The documents.
pub(crate) fn documents(
    material: &Material,
    options: &SnapshotOptions,
) -> Result<Vec<SnapshotDocument>, AnalyzeError> {
    let db = material.db();
    let hosts = hosts(db)?;
    let mut documents = Vec::new();
    for host in &hosts {
        let Some((_, end)) = host.times else { continue };
        let (time_ns, wall) = match options.at_wall_ns {
            None => (end, host.end()),
            Some(at) => {
                let covered = host.walls.is_some_and(|(from, to)| (from..=to).contains(&Time(at)));
                let Some(time_ns) = on_clock(db, host.id, at)?.filter(|_| covered) else { continue };
                (time_ns.min(end), Some(Time(at)))
            }
        };
        documents.push(document(db, host, time_ns, wall)?);
    }
    match options.at_wall_ns {
        Some(at) if documents.is_empty() => {
            let captured = hosts.iter().filter_map(|h| h.walls).collect();
            Err(ViewError::NotCaptured { at: Time(at), captured }.into())
        }
        _ => Ok(documents),
    }
}

/// A moment in UTC on the capture's clock, by the last clock record before it (or the first one after).
fn on_clock(db: &Connection, host: i64, wall_ns: i64) -> Result<Option<i64>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/snapshot_clock.sql"))?;
    let clock: Option<(i64, i64)> =
        statement.query_row(params![host, wall_ns], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    Ok(clock.map(|(time_ns, realtime_ns)| time_ns.saturating_add(wall_ns.saturating_sub(realtime_ns))))
}

/// The segments that cover a moment; where none does, the last one before it.
fn segments(db: &Connection, host: i64, time_ns: i64) -> Result<String, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/snapshot_segments.sql"))?;
    Ok(statement.query_row(params![host, time_ns], |row| row.get(0))?)
}

#[derive(Debug, Default)]
struct Found {
    libraries: BTreeSet<(Vec<u8>, i64)>,
    files: BTreeSet<Vec<u8>>,
}

fn document(
    db: &Connection,
    host: &HostRow,
    time_ns: i64,
    wall: Option<Time>,
) -> Result<SnapshotDocument, StoreError> {
    let segments = segments(db, host.id, time_ns)?;
    let known = of_host(db, host.id)?;
    let mut found: HashMap<i64, Found> = HashMap::new();
    let mut statement = db.prepare_cached(include_str!("../../sql/snapshot_libraries.sql"))?;
    let mut rows = statement.query(params![segments, time_ns])?;
    while let Some(row) = rows.next()? {
        let library: i64 = row.get(1)?;
        let path = known.get(&library).map(|l| l.path.clone()).unwrap_or_default();
        found.entry(row.get(0)?).or_default().libraries.insert((path, library));
    }
    let mut statement = db.prepare_cached(include_str!("../../sql/snapshot_files.sql"))?;
    let mut rows = statement.query(params![segments, time_ns])?;
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().files.insert(stored_bytes(row, 1)?.unwrap_or_default());
    }
    let mut libraries: BTreeMap<(Vec<u8>, i64), SnapshotLibrary> = BTreeMap::new();
    let mut processes = Vec::new();
    for (id, found) in &found {
        for key in &found.libraries {
            let library = known.get(&key.1).cloned().unwrap_or_default();
            libraries.entry(key.clone()).or_insert_with(|| entry(library)).process_count += 1;
        }
        processes.push(process(db, *id, time_ns, found)?);
    }
    processes.sort_by_key(|p| (p.pid, p.start_time));
    let paths: BTreeSet<&Vec<u8>> = libraries.keys().map(|(path, _)| path).collect();
    let summary = SnapshotSummary {
        total_processes: processes.len() as u64,
        total_libraries: found.values().map(|f| f.libraries.len() as u64).sum(),
        unique_libraries: paths.len() as u64,
        total_files: found.values().map(|f| f.files.len() as u64).sum(),
    };
    Ok(SnapshotDocument {
        snapshot_version: "1.0",
        generated_at: wall,
        hostname: host.hostname.clone(),
        kernel: host.kernel.clone(),
        boot_id: host.boot_id.clone(),
        processes,
        libraries: libraries.into_values().collect(),
        summary,
        coverage: coverage::of(db, host)?,
    })
}

fn entry(library: Library) -> SnapshotLibrary {
    let (name, name_hex) = shown(library.name());
    let (path, path_hex) = shown(&library.path);
    let Library { family, version, build_id, .. } = library;
    SnapshotLibrary { name, name_hex, path, path_hex, family, version, build_id, process_count: 0 }
}

fn process(db: &Connection, id: i64, time_ns: i64, found: &Found) -> Result<SnapshotProcess, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/snapshot_process.sql"))?;
    let mut rows = statement.query(params![id, time_ns])?;
    let Some(row) = rows.next()? else { return Err(StoreError::Value { what: "the process", value: id }) };
    let paths = || found.libraries.iter().map(|(path, _)| path.as_slice());
    let (libraries, libraries_hex) =
        shown_list(paths().map(crypto_tracer_format::catalogue::files::basename));
    let (library_paths, library_paths_hex) = shown_list(paths());
    let (open_crypto_files, open_crypto_files_hex) = shown_list(found.files.iter().map(Vec::as_slice));
    let (name, name_hex) = shown(&stored_bytes(row, 2)?.unwrap_or_default());
    let (exe, exe_hex) = shown_option(stored_bytes(row, 3)?.as_deref());
    let uid: Option<u32> = row.get(4)?;
    let user = stored_bytes(row, 5)?.map(|name| shown(&name).0);
    Ok(SnapshotProcess {
        pid: row.get(0)?,
        ppid: row.get(1)?,
        name,
        name_hex,
        exe,
        exe_hex,
        libraries,
        libraries_hex,
        library_paths,
        library_paths_hex,
        open_crypto_files,
        open_crypto_files_hex,
        running_as: user.or(uid.map(|uid| uid.to_string())),
        uid,
        container: row.get(6)?,
        start_time: row.get::<_, Option<i64>>(7)?.map(Time),
    })
}
