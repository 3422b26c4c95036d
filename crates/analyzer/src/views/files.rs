//! `files`: which files were opened, or could not be, and by whom.

use std::collections::BTreeMap;
use std::io::Write;

use rusqlite::{Connection, Params, Statement};

use super::hosts::{HostRow, hosts};
use super::{Material, Outcome, coverage, write_all};
use crate::AnalyzeError;
use crate::documents::{Failure, FileAccess, FileEntry, FileUser, FilesDocument, FilesSummary, Time, shown};
use crate::names::result_name;
use crate::render::Format;
use crate::store::{MODE_PATH_ONLY, MODE_READ, MODE_WRITE, StoreError, stored_bytes};
use crypto_tracer_format::matching::glob;

/// What `files` is to show.
#[derive(Clone, Debug, Default)]
pub struct FilesOptions {
    /// Only files whose path matches: `*` any characters, `?` one.
    pub path: Option<String>,
}

/// Writes a document for each host.
///
/// # Errors
/// What the database or the output could not do.
pub fn files(
    material: &Material,
    options: &FilesOptions,
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    let documents = documents(material, options)?;
    write_all(material, &documents, format, out)
}

/// The documents.
pub(crate) fn documents(
    material: &Material,
    options: &FilesOptions,
) -> Result<Vec<FilesDocument>, AnalyzeError> {
    let db = material.db();
    hosts(db)?.iter().map(|host| Ok(document(db, host, options)?)).collect()
}

fn document(db: &Connection, host: &HostRow, options: &FilesOptions) -> Result<FilesDocument, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/files.sql"))?;
    let mut accesses = collect(&mut statement, [host.id])?;
    let mut users = users(db, host.id)?;
    // Files that were only ever found open.
    let mut statement = db.prepare_cached(include_str!("../../sql/files_found_open.sql"))?;
    let mut rows = statement.query([host.id])?;
    while let Some(row) = rows.next()? {
        let path = stored_bytes(row, 0)?.unwrap_or_default();
        let (file_type, modes) = (row.get(1)?, row.get(2)?);
        accesses.entry(path).or_insert_with_key(|path| access(path, file_type, modes));
    }
    let mut files = Vec::new();
    let mut summary = FilesSummary::default();
    for (path, access) in accesses {
        if options.path.as_ref().is_some_and(|pattern| !glob(pattern.as_bytes(), &path)) {
            continue;
        }
        let processes = users.remove(&path).unwrap_or_default();
        let failures: u64 = access.failures.iter().map(|f| f.count).sum();
        summary.total_files += 1;
        summary.accesses += access.access_count;
        summary.failures += failures;
        summary.never_opened +=
            u64::from(access.access_count == 0 && failures > 0 && !processes.iter().any(|p| p.found_open));
        files.push(FileEntry { access, processes });
    }
    Ok(FilesDocument {
        files_version: "1.0",
        generated_at: host.end(),
        host: host.part(),
        files,
        summary,
        coverage: coverage::of(db, host)?,
    })
}

/// Who used each file, in the order of the first use.
fn users(db: &Connection, host: i64) -> Result<BTreeMap<Vec<u8>, Vec<FileUser>>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/files_users.sql"))?;
    let mut rows = statement.query([host])?;
    let mut users: BTreeMap<Vec<u8>, Vec<FileUser>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let path = stored_bytes(row, 0)?.unwrap_or_default();
        let (name, name_hex) = shown(&stored_bytes(row, 2)?.unwrap_or_default());
        users.entry(path).or_default().push(FileUser {
            pid: row.get(1)?,
            name,
            name_hex,
            access_count: row.get::<_, i64>(3)?.cast_unsigned(),
            failure_count: row.get::<_, i64>(4)?.cast_unsigned(),
            found_open: row.get(5)?,
        });
    }
    Ok(users)
}

/// Rows of (path, type, errno, count, first, last, modes), sorted by path and error, as one entry for each path.
pub(super) fn collect(
    statement: &mut Statement<'_>,
    params: impl Params,
) -> Result<BTreeMap<Vec<u8>, FileAccess>, StoreError> {
    let mut files: BTreeMap<Vec<u8>, FileAccess> = BTreeMap::new();
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        let path = stored_bytes(row, 0)?.unwrap_or_default();
        let (file_type, errno, modes): (String, i32, i64) = (row.get(1)?, row.get(2)?, row.get(6)?);
        let count = row.get::<_, i64>(3)?.cast_unsigned();
        let first = row.get::<_, Option<i64>>(4)?.map(Time);
        let last = row.get::<_, Option<i64>>(5)?.map(Time);
        let entry = files.entry(path).or_insert_with_key(|path| access(path, file_type, modes));
        if errno == 0 {
            entry.access_count = count;
            (entry.first_access, entry.last_access) = (first, last);
            entry.mode = mode(modes);
        } else {
            if entry.access_count == 0 && entry.failures.is_empty() {
                entry.mode = mode(modes);
            }
            entry.failures.push(Failure {
                error: result_name(errno.saturating_neg()),
                errno,
                count,
                first,
                last,
            });
        }
    }
    Ok(files)
}

fn access(path: &[u8], file_type: String, modes: i64) -> FileAccess {
    let (path, path_hex) = shown(path);
    FileAccess {
        path,
        path_hex,
        file_type,
        access_count: 0,
        first_access: None,
        last_access: None,
        mode: mode(modes),
        failures: Vec::new(),
    }
}

/// For what a file was opened.
pub(super) fn mode(modes: i64) -> &'static str {
    match (modes & MODE_READ != 0, modes & MODE_WRITE != 0, modes & MODE_PATH_ONLY != 0) {
        (true, true, _) => "read_write",
        (false, true, _) => "write",
        (false, false, true) => "path",
        _ => "read",
    }
}
