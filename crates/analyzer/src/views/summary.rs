//! `summary`: what a person wants to see first.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use rusqlite::{Connection, params};

use super::handshakes::{Known, Negotiation, totals};
use super::hosts::{HostRow, hosts};
use super::libraries::of_host;
use super::processes::Whose;
use super::tls::{self, TlsColumn};
use super::tls_libraries::TlsLibraries;
use super::{Material, Outcome, calls, certificates, coverage, write_all};
use crate::AnalyzeError;
use crate::documents::{
    Counts, FailedFile, LibraryVersion, ProgramRow, Span, SummaryDocument, Time, TlsPart, TopFile, shown,
    shown_list, shown_option,
};
use crate::names::result_name;
use crate::render::Format;
use crate::store::{StoreError, stored_bytes};

/// What `summary` is to show.
#[derive(Clone, Copy, Debug)]
pub struct SummaryOptions {
    /// At most so many rows in each list.
    pub top: u32,
}

impl Default for SummaryOptions {
    fn default() -> Self {
        SummaryOptions { top: 10 }
    }
}

/// Writes a document for each host.
///
/// # Errors
/// What the database or the output could not do.
pub fn summary(
    material: &Material,
    options: &SummaryOptions,
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    let documents = documents(material, options)?;
    write_all(material, &documents, format, out)
}

/// The documents.
pub(crate) fn documents(
    material: &Material,
    options: &SummaryOptions,
) -> Result<Vec<SummaryDocument>, AnalyzeError> {
    let db = material.db();
    hosts(db)?.iter().map(|host| Ok(document(db, host, options)?)).collect()
}

fn document(
    db: &Connection,
    host: &HostRow,
    options: &SummaryOptions,
) -> Result<SummaryDocument, StoreError> {
    let (duration_seconds, captured_ns) = (host.duration_seconds(), host.captured_ns);
    let top = options.top as usize;
    Ok(SummaryDocument {
        summary_version: "1.0",
        generated_at: host.end(),
        host: host.part(),
        span: host.walls.map(|(from, to)| Span { from, to, duration_seconds, captured_ns }),
        counts: counts(db, host.id)?,
        programs: programs(db, host.id, options.top)?,
        libraries: libraries(db, host.id)?,
        tls: handshakes(db, host, top)?,
        api_calls: calls::of_host(db, host.id, top)?,
        kernel: calls::kernel_of_host(db, host.id, top)?,
        files: files(db, host.id, options.top)?,
        failed_files: failed(db, host.id, options.top)?,
        coverage: coverage::of(db, host)?,
    })
}

fn counts(db: &Connection, host: i64) -> Result<Counts, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/summary_counts.sql"))?;
    Ok(statement.query_row([host], |row| {
        let get = |index| Ok::<u64, rusqlite::Error>(row.get::<_, i64>(index)?.cast_unsigned());
        Ok(Counts {
            processes: get(0)?,
            crypto_processes: get(1)?,
            libraries: get(2)?,
            files: get(3)?,
            file_opens: get(4)?,
            failed_opens: get(5)?,
            library_loads: get(6)?,
            forks: get(7)?,
            execs: get(8)?,
            exits: get(9)?,
        })
    })?)
}

fn programs(db: &Connection, host: i64, top: u32) -> Result<Vec<ProgramRow>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/summary_programs.sql"))?;
    let mut rows = statement.query(params![host, top])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let get = |index| Ok::<u64, StoreError>(row.get::<_, i64>(index)?.cast_unsigned());
        let (name, name_hex) = shown(&stored_bytes(row, 0)?.unwrap_or_default());
        let (exe, exe_hex) = shown_option(stored_bytes(row, 1)?.as_deref());
        list.push(ProgramRow {
            name,
            name_hex,
            exe,
            exe_hex,
            processes: get(2)?,
            libraries: get(3)?,
            file_opens: get(4)?,
            failed_opens: get(5)?,
            api_calls: get(6)?,
            tls_handshakes: get(7)?,
        });
    }
    Ok(list)
}

/// Who with whom, and what came of it.
const PARTIES: [TlsColumn; 6] = [
    TlsColumn::Process,
    TlsColumn::Role,
    TlsColumn::Result,
    TlsColumn::Verify,
    TlsColumn::Peer,
    TlsColumn::Sni,
];
const NEGOTIATED: [TlsColumn; 3] = [TlsColumn::Version, TlsColumn::Group, TlsColumn::CipherSuite];

fn handshakes(db: &Connection, host: &HostRow, top: usize) -> Result<TlsPart, StoreError> {
    let shakes = Known::default().of(db, Whose::Host(host.id))?;
    let actors = tls::actors(db, host)?;
    let none = TlsLibraries::default();
    let by = |columns: &[TlsColumn], wanted: &dyn Fn(&Negotiation) -> bool| {
        let mut rows = tls::group(shakes.iter().filter(|s| wanted(&s.what)), columns, &actors, &none);
        rows.sort_by_key(|row| std::cmp::Reverse(row.counted.count));
        rows.truncate(top);
        rows
    };
    let all = |_: &Negotiation| true;
    let went_on = |n: &Negotiation| {
        !n.has_failed() && (n.is_not_verified() || (n.outcome.client && n.has_failed_verification()))
    };
    let (certificates_seen, certificates) = certificates::faulty(&shakes, &actors, host.end(), top);
    Ok(TlsPart {
        totals: totals(shakes.iter()),
        negotiated: by(&NEGOTIATED, &all),
        versions: by(&[TlsColumn::Version], &all),
        groups: by(&[TlsColumn::Group], &all),
        cipher_suites: by(&[TlsColumn::CipherSuite], &all),
        failed: by(&PARTIES, &Negotiation::has_failed),
        not_verified: by(&PARTIES, &went_on),
        certificates,
        certificates_seen,
    })
}

/// Libraries by family and version.
fn libraries(db: &Connection, host: i64) -> Result<Vec<LibraryVersion>, StoreError> {
    type Users = (BTreeSet<Vec<u8>>, BTreeSet<i64>, bool);
    let known = of_host(db, host)?;
    let mut versions: BTreeMap<(String, Option<String>), Users> = BTreeMap::new();
    let mut statement = db.prepare_cached(include_str!("../../sql/summary_libraries.sql"))?;
    let mut rows = statement.query([host])?;
    while let Some(row) = rows.next()? {
        let Some(library) = known.get(&row.get(0)?) else { continue };
        let family = library.family.clone().unwrap_or_else(|| "unknown".to_owned());
        let (paths, processes, deleted) = versions.entry((family, library.version.clone())).or_default();
        paths.insert(library.path.clone());
        processes.insert(row.get(1)?);
        *deleted |= row.get::<_, bool>(2)?;
    }
    Ok(versions
        .into_iter()
        .map(|((family, version), (paths, processes, deleted))| {
            let (paths, paths_hex) = shown_list(paths.iter().map(Vec::as_slice));
            LibraryVersion {
                family,
                version,
                paths,
                paths_hex,
                process_count: processes.len() as u64,
                deleted,
            }
        })
        .collect())
}

fn files(db: &Connection, host: i64, top: u32) -> Result<Vec<TopFile>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/summary_files.sql"))?;
    let mut rows = statement.query(params![host, top])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let (path, path_hex) = shown(&stored_bytes(row, 0)?.unwrap_or_default());
        list.push(TopFile {
            path,
            path_hex,
            file_type: row.get(1)?,
            access_count: row.get::<_, i64>(2)?.cast_unsigned(),
            process_count: row.get::<_, i64>(3)?.cast_unsigned(),
        });
    }
    Ok(list)
}

fn failed(db: &Connection, host: i64, top: u32) -> Result<Vec<FailedFile>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/summary_failed.sql"))?;
    let mut names = db.prepare_cached(include_str!("../../sql/summary_failed_names.sql"))?;
    let mut rows = statement.query(params![host, top])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let (path, path_hex) = shown(&stored_bytes(row, 0)?.unwrap_or_default());
        let (errno, id): (i32, i64) = (row.get(2)?, row.get(5)?);
        let found = names.query_map(params![host, id, errno], |row| {
            Ok(crate::store::stored_bytes(row, 0)?.unwrap_or_default())
        })?;
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let (processes, processes_hex) = shown_list(found.iter().map(Vec::as_slice));
        list.push(FailedFile {
            path,
            path_hex,
            file_type: row.get(1)?,
            error: result_name(errno.saturating_neg()),
            meaning: super::meaning(errno.unsigned_abs()),
            count: row.get::<_, i64>(3)?.cast_unsigned(),
            last: row.get::<_, Option<i64>>(4)?.map(Time),
            processes,
            processes_hex,
        });
    }
    Ok(list)
}
