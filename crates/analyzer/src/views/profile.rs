//! `profile`: what single processes did.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use rusqlite::{Connection, params};

use super::files::{collect, mode};
use super::handshakes::Known;
use super::hosts::{HostRow, hosts};
use super::libraries::{Library, of_host};
use super::processes::Whose;
use super::tls::{self, TlsColumn};
use super::tls_libraries::TlsLibraries;
use super::{Candidate, Material, Outcome, ViewError, calls, coverage, processes, write_all};
use crate::AnalyzeError;
use crate::documents::{
    Child, FileAccess, LoadedLibrary, OpenFile, ProfileDocument, Statistics, Time, TlsRow, shown,
};
use crate::render::{Format, harmless};
use crate::store::{StoreError, stored_bytes};
use crypto_tracer_format::matching::contains;

/// So many processes are named where none matches.
const MAX_CANDIDATES: usize = 12;

/// Which processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Those that had this pid, one after the other.
    Pid(u32),
    /// Those that had a name which holds this, whatever its case.
    Name(String),
}

/// What `profile` is to show.
#[derive(Clone, Debug)]
pub struct ProfileOptions {
    /// Which processes.
    pub select: Selector,
    /// Their descendants too.
    pub follow_children: bool,
}

/// Writes a document for each process that matches.
///
/// # Errors
/// [`ViewError::NoProcess`]; what the database or the output could not do.
pub fn profile(
    material: &Material,
    options: &ProfileOptions,
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    let documents = documents(material, options)?;
    write_all(material, &documents, format, out)
}

/// The documents.
pub(crate) fn documents(
    material: &Material,
    options: &ProfileOptions,
) -> Result<Vec<ProfileDocument>, AnalyzeError> {
    let db = material.db();
    let mut documents = Vec::new();
    for host in hosts(db)? {
        let matches = find(db, host.id, &options.select)?;
        if matches.is_empty() {
            continue;
        }
        let libraries = of_host(db, host.id)?;
        let coverage = coverage::of(db, &host)?;
        for id in matches {
            let mut document = document(db, &host, &libraries, id, coverage.clone())?;
            if options.follow_children {
                let children = descendants(db, id)?;
                let children = children.into_iter().map(|id| child(db, &libraries, id));
                document.children = Some(children.collect::<Result<_, _>>()?);
            }
            documents.push(document);
        }
    }
    if documents.is_empty() {
        return Err(no_process(db, &options.select)?.into());
    }
    Ok(documents)
}

/// That a process which was asked for is in the material at all, whatever it did.
///
/// # Errors
/// [`ViewError::NoProcess`]; what the database could not do.
pub(super) fn must_be_there(db: &Connection, select: &Selector) -> Result<(), AnalyzeError> {
    for host in hosts(db)? {
        if !find(db, host.id, select)?.is_empty() {
            return Ok(());
        }
    }
    Err(no_process(db, select)?.into())
}

fn no_process(db: &Connection, select: &Selector) -> Result<ViewError, StoreError> {
    let wanted = match select {
        Selector::Pid(pid) => format!("with pid {pid}"),
        Selector::Name(name) => format!("whose name holds {name:?}"),
    };
    Ok(ViewError::NoProcess { wanted, candidates: candidates(db)? })
}

fn find(db: &Connection, host: i64, select: &Selector) -> Result<Vec<i64>, StoreError> {
    match select {
        Selector::Pid(pid) => {
            let mut statement = db.prepare_cached(include_str!("../../sql/profile_by_pid.sql"))?;
            Ok(statement.query_map(params![host, pid], |row| row.get(0))?.collect::<Result<_, _>>()?)
        }
        Selector::Name(name) => {
            let mut statement = db.prepare_cached(include_str!("../../sql/profile_names.sql"))?;
            let mut rows = statement.query([host])?;
            let mut found: Vec<i64> = Vec::new();
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                let text = stored_bytes(row, 1)?.unwrap_or_default();
                if contains(&text, name.as_bytes()) && found.last() != Some(&id) {
                    found.push(id);
                }
            }
            Ok(found)
        }
    }
}

fn candidates(db: &Connection) -> Result<Vec<Candidate>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/profile_candidates.sql"))?;
    let mut rows = statement.query([])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        if list.len() == MAX_CANDIDATES {
            break;
        }
        let name = harmless(&shown(&stored_bytes(row, 1)?.unwrap_or_default()).0);
        list.push(Candidate { pid: row.get(0)?, name });
    }
    Ok(list)
}

fn document(
    db: &Connection,
    host: &HostRow,
    libraries: &HashMap<i64, Library>,
    id: i64,
    coverage: crate::documents::Coverage,
) -> Result<ProfileDocument, StoreError> {
    let child = child(db, libraries, id)?;
    Ok(ProfileDocument {
        profile_version: "1.0",
        generated_at: host.end(),
        duration_seconds: host.duration_seconds(),
        host: host.part(),
        process: child.process,
        libraries: child.libraries,
        files_accessed: child.files_accessed,
        files_failed: child.files_failed,
        open_files: open_files(db, id)?,
        api_calls: child.api_calls,
        api_functions: child.api_functions,
        tls: child.tls,
        kernel_crypto: child.kernel_crypto,
        children: None,
        statistics: child.statistics,
        coverage,
    })
}

fn child(db: &Connection, libraries: &HashMap<i64, Library>, id: i64) -> Result<Child, StoreError> {
    let libraries = loaded(db, libraries, id)?;
    let mut statement = db.prepare_cached(include_str!("../../sql/profile_files.sql"))?;
    let files = collect(&mut statement, params![id])?;
    let (mut files_accessed, files_failed): (Vec<FileAccess>, Vec<FileAccess>) =
        files.into_values().partition(|f| f.access_count > 0);
    files_accessed.sort_by(|a, b| (a.first_access, &a.path).cmp(&(b.first_access, &b.path)));
    let failures =
        files_accessed.iter().chain(&files_failed).flat_map(|f| &f.failures).map(|f| f.count).sum();
    let (total_events, children) =
        db.prepare_cached(include_str!("../../sql/profile_totals.sql"))?.query_row([id], |row| {
            Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned()))
        })?;
    let api_functions = calls::of_process(db, id)?;
    let mut api_calls = BTreeMap::new();
    for function in &api_functions {
        *api_calls.entry(function.function_name.clone()).or_insert(0) += function.counted.count;
    }
    let tls = handshakes(db, id)?;
    let statistics = Statistics {
        total_events,
        libraries_loaded: libraries.len() as u64,
        files_accessed: files_accessed.len() as u64,
        files_failed: files_failed.len() as u64,
        accesses: files_accessed.iter().map(|f| f.access_count).sum(),
        failures,
        api_calls_made: api_functions.iter().map(|f| f.counted.count).fold(0, u64::saturating_add),
        tls_handshakes: tls.iter().map(|row| row.counted.count).sum(),
        tls_failures: tls.iter().map(|row| row.counted.failures).sum(),
        children,
    };
    Ok(Child {
        process: processes::part(db, id)?,
        libraries,
        files_accessed,
        files_failed,
        api_calls,
        api_functions,
        tls,
        kernel_crypto: calls::kernel_of_process(db, id)?,
        statistics,
    })
}

/// What handshakes of a process are grouped by: all that tells them apart but the client's fingerprint.
const TLS_COLUMNS: [TlsColumn; 11] = [
    TlsColumn::Role,
    TlsColumn::Version,
    TlsColumn::Group,
    TlsColumn::SignatureScheme,
    TlsColumn::Alpn,
    TlsColumn::Result,
    TlsColumn::Resumed,
    TlsColumn::Verify,
    TlsColumn::Peer,
    TlsColumn::Sni,
    TlsColumn::CipherSuite,
];

fn handshakes(db: &Connection, id: i64) -> Result<Vec<TlsRow>, StoreError> {
    let shakes = Known::default().of(db, Whose::Process(id))?;
    Ok(tls::group(shakes.iter(), &TLS_COLUMNS, &HashMap::new(), &TlsLibraries::default()))
}

/// The libraries of a process, in the order in which they were seen; of several sightings, the first that tells when.
fn loaded(
    db: &Connection,
    libraries: &HashMap<i64, Library>,
    id: i64,
) -> Result<Vec<LoadedLibrary>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/profile_libraries.sql"))?;
    let mut rows = statement.query([id])?;
    let mut list: Vec<(i64, LoadedLibrary)> = Vec::new();
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let how = how(&row.get::<_, String>(1)?);
        let deleted: bool = row.get(3)?;
        if let Some((_, known)) = list.iter_mut().find(|(n, _)| *n == number) {
            known.deleted |= deleted;
            continue;
        }
        let library = libraries.get(&number).cloned().unwrap_or_default();
        let (name, name_hex) = shown(library.name());
        let (path, path_hex) = shown(&library.path);
        let load_time = row.get::<_, Option<i64>>(2)?.map(Time).filter(|_| how == "load");
        let Library { family, version, soname, build_id, .. } = library;
        let entry = LoadedLibrary {
            name,
            name_hex,
            path,
            path_hex,
            load_time,
            how,
            family,
            version,
            soname,
            build_id,
            deleted,
        };
        list.push((number, entry));
    }
    Ok(list.into_iter().map(|(_, entry)| entry).collect())
}

fn how(text: &str) -> &'static str {
    match text {
        "load" => "load",
        "inherited" => "inherited",
        _ => "baseline",
    }
}

fn open_files(db: &Connection, id: i64) -> Result<Vec<OpenFile>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/profile_open_files.sql"))?;
    let mut rows = statement.query([id])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let (path, path_hex) = shown(&stored_bytes(row, 0)?.unwrap_or_default());
        list.push(OpenFile { path, path_hex, file_type: row.get(1)?, mode: mode(row.get(2)?) });
    }
    Ok(list)
}

fn descendants(db: &Connection, id: i64) -> Result<Vec<i64>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/profile_descendants.sql"))?;
    Ok(statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
