//! How databases are opened: temporary, new, to be added to, or a stranger's to be read.
//!
//! Invariants:
//! - A database that was not made in this run is checked before anything of it is believed.
//! - A reader can't change a database: read-only file, `query_only`, and an authorizer that allows reading alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::{Connection, OpenFlags};

use super::{StoreError, schema};

/// The pragmas that a statement of a user may ask for: those that tell about tables, and change nothing.
const HARMLESS_PRAGMAS: &[&str] = &[
    "table_info",
    "table_list",
    "table_xinfo",
    "index_list",
    "index_info",
    "user_version",
    "application_id",
];

/// A database that can be read.
#[derive(Debug)]
pub struct Database {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

impl Database {
    /// Opens a database that somebody made, perhaps a stranger.
    ///
    /// # Errors
    /// [`StoreError`] if it is none, of another version, changed or damaged.
    pub fn open(path: &Path) -> Result<Database, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(|e| sqlite(path, e))?;
        distrust(&mut connection).map_err(|e| sqlite(path, e))?;
        verify(&connection, path)?;
        Database::guard(connection, path.into())
    }

    /// Like [`Database::open`], and checks the tables of events too, which that leaves out because of their size.
    pub(crate) fn open_with_events(path: &Path) -> Result<Database, StoreError> {
        let mut database = Database::open(path)?;
        database.connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
        check_large(&database.connection, path)?;
        Database::guard(database.connection, database.path)
    }

    /// A database that this run made.
    pub(crate) fn temporary(connection: Connection) -> Result<Database, StoreError> {
        Database::guard(connection, PathBuf::new())
    }

    fn guard(mut connection: Connection, path: PathBuf) -> Result<Database, StoreError> {
        connection.pragma_update(None, "query_only", true)?;
        connection.authorizer(Some(read_only))?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Database { connection, path })
    }
}

/// Whether a file is a SQLite database, by its first bytes. What can't be opened is none: whoever reads it will say why.
pub fn is_database(path: &Path) -> bool {
    let mut head = [0; 16];
    // A pipe must not lose its first bytes to this question.
    path.is_file()
        && File::open(path).and_then(|mut f| f.read_exact(&mut head)).is_ok()
        && &head == b"SQLite format 3\0"
}

/// A private database without a name, in memory until it is larger than the page cache, gone when it is closed.
pub(crate) fn temporary() -> Result<Connection, StoreError> {
    let connection = Connection::open("")?;
    begin_new(&connection)?;
    Ok(connection)
}

/// Where a new database is built.
#[derive(Debug)]
pub(crate) struct Building {
    partial: PathBuf,
    path: PathBuf,
}

impl Building {
    /// Starts a new database beside `path`.
    pub(crate) fn begin(path: &Path) -> Result<(Connection, Building), StoreError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        remove_stale(&partial)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // It says as much as the captures, which are their owner's alone.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&partial).map_err(|source| StoreError::File {
            what: "create",
            path: partial.clone(),
            source,
        })?;
        let connection = Connection::open(&partial)?;
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        begin_new(&connection)?;
        Ok((connection, Building { partial, path: path.into() }))
    }

    /// Gives the whole database its name.
    pub(crate) fn finish(self, connection: Connection) -> Result<(), StoreError> {
        connection.close().map_err(|(_, e)| e)?;
        let failed = |what, source| StoreError::File { what, path: self.partial.clone(), source };
        OpenOptions::new()
            .write(true)
            .open(&self.partial)
            .and_then(|f| f.sync_all())
            .map_err(|e| failed("sync", e))?;
        std::fs::rename(&self.partial, &self.path).map_err(|e| failed("rename", e))
    }

    /// Removes what was begun.
    pub(crate) fn abandon(self, connection: Connection) {
        drop(connection);
        // The error that led here is the one to report.
        let _ = std::fs::remove_file(&self.partial);
    }
}

/// A database to which something will be added: checked whole, since it will be written. Its journal makes adding safe.
pub(crate) fn existing(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|e| sqlite(path, e))?;
    distrust(&mut connection).map_err(|e| sqlite(path, e))?;
    verify(&connection, path)?;
    check_large(&connection, path)?;
    cache(&connection)?;
    connection.execute_batch("BEGIN IMMEDIATE").map_err(|e| sqlite(path, e))?;
    Ok(connection)
}

/// What is left of a run that was killed is removed; what another process writes is not.
fn remove_stale(partial: &Path) -> Result<(), StoreError> {
    if !partial.exists() {
        return Ok(());
    }
    let locked = Connection::open_with_flags(partial, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|c| c.execute_batch("BEGIN EXCLUSIVE"))
        .is_err_and(|e| is_busy(&e));
    if locked {
        return Err(StoreError::Busy(partial.into()));
    }
    std::fs::remove_file(partial).map_err(|source| StoreError::File {
        what: "remove",
        path: partial.into(),
        source,
    })
}

fn begin_new(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "page_size", 16384)?;
    connection.execute_batch("PRAGMA journal_mode = OFF")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    cache(connection)?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    connection.execute_batch(schema::SCHEMA)?;
    Ok(())
}

fn cache(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "cache_size", -65536)?;
    // The references are ours and hold; checking each row would cost as much as writing it.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn distrust(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.query_row("PRAGMA mmap_size = 0", [], |_| Ok(())).or_else(|e| match e {
        rusqlite::Error::QueryReturnedNoRows => Ok(()),
        e => Err(e),
    })
}

fn verify(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    schema::check(connection, path).map_err(|e| named(path, e))?;
    for table in schema::small_tables(connection)? {
        quick_check(connection, &table, path)?;
    }
    Ok(())
}

fn check_large(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    schema::LARGE_TABLES.iter().try_for_each(|table| quick_check(connection, table, path))
}

fn quick_check(connection: &Connection, table: &str, path: &Path) -> Result<(), StoreError> {
    let found: String = connection
        .query_row(&format!("PRAGMA quick_check('{}')", table.replace('\'', "''")), [], |row| row.get(0))
        .map_err(|e| sqlite(path, e))?;
    if found != "ok" {
        return Err(StoreError::Damaged { path: path.into(), found });
    }
    Ok(())
}

fn read_only(context: AuthContext<'_>) -> Authorization {
    match context.action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Authorization::Allow,
        AuthAction::Function { function_name } if function_name != "load_extension" => Authorization::Allow,
        AuthAction::Pragma { pragma_name, .. } if HARMLESS_PRAGMAS.contains(&pragma_name) => {
            Authorization::Allow
        }
        _ => Authorization::Deny,
    }
}

fn named(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Sqlite(e) => sqlite(path, e),
        e => e,
    }
}

/// SQLite's errors in terms of the file.
fn sqlite(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path: path.into(), found: error.to_string() }
        }
        // Nothing is written here: SQLite wants to roll back.
        Some(ErrorCode::ReadOnly) => StoreError::Interrupted(path.into()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(path.into()),
        Some(ErrorCode::CannotOpen) => {
            let source = match File::open(path) {
                Err(e) => e,
                Ok(_) => io::Error::other(error),
            };
            StoreError::File { what: "open", path: path.into(), source }
        }
        _ => StoreError::Sqlite(error),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}
