//! `sql`: a question of the user's own to the database.
//!
//! Invariants:
//! - Reading only: the authorizer refuses everything else.
//! - Memory is bounded, whatever a query makes: no value and no row is longer than [`LONGEST`], and rows are not gathered.

use std::collections::HashSet;
use std::io::Write;

use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};

use super::{Material, Outcome, ViewError};
use crate::AnalyzeError;
use crate::documents::shown;
use crate::render::{Format, Rows};
use crate::store::StoreError;

/// Most bytes of a value, and of the values of a row.
const LONGEST: usize = 16 * 1024 * 1024;

/// What `sql` is to ask.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// One statement.
    pub statement: String,
}

/// Asks, and writes the rows: a table, JSON (an array of objects) or CSV (RFC 4180).
///
/// # Errors
/// [`ViewError::Sql`] for what isn't one statement that only reads, makes too long a row, or, as JSON, has two columns of one name.
pub fn sql(
    material: &Material,
    options: &SqlOptions,
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    let db = material.db();
    let wrong = |e: rusqlite::Error| AnalyzeError::from(ViewError::Sql(explain(&e)));
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST as i32).map_err(wrong)?;
    let mut statement = db.prepare(&options.statement).map_err(wrong)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    if columns.is_empty() {
        return Err(ViewError::Sql("expected one SELECT, but the statement gives no rows".to_owned()).into());
    }
    if matches!(format, Format::Json | Format::JsonPretty) {
        let mut names = HashSet::new();
        if let Some(twice) = columns.iter().find(|name| !names.insert(name.as_str())) {
            let why = format!(
                "two columns are called {twice:?}, and JSON needs names that differ: name one with AS"
            );
            return Err(ViewError::Sql(why).into());
        }
    }
    let count = columns.len();
    let mut writer = Rows::begin(columns, format, out).map_err(AnalyzeError::Output)?;
    let mut rows = statement.query([]).map_err(wrong)?;
    let mut written = 0;
    let mut values = Vec::new();
    while let Some(row) = rows.next().map_err(wrong)? {
        values.clear();
        let mut bytes = 0;
        for column in 0..count {
            let value = row.get_ref(column).map_err(wrong)?;
            bytes += match value {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
                _ => 0,
            };
            if bytes > LONGEST {
                return Err(ViewError::Sql(format!("a row is longer than {LONGEST} bytes")).into());
            }
            values.push(match value {
                ValueRef::Text(bytes) => Value::Text(shown(bytes).0),
                other => Value::try_from(other).map_err(|e| StoreError::Sqlite(e.into()))?,
            });
        }
        writer.row(&values).map_err(AnalyzeError::Output)?;
        written += 1;
    }
    writer.finish().map_err(AnalyzeError::Output)?;
    Ok(Outcome { coverage: material.coverage().clone(), written })
}

fn explain(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::MultipleStatement => "expected one statement, but got several".to_owned(),
        e if e.sqlite_error_code() == Some(rusqlite::ErrorCode::AuthorizationForStatementDenied) => {
            "the database is only read here: expected a SELECT".to_owned()
        }
        e if e.sqlite_error_code() == Some(rusqlite::ErrorCode::ReadOnly) => {
            "the database is only read here: expected a SELECT".to_owned()
        }
        e if e.sqlite_error_code() == Some(rusqlite::ErrorCode::TooBig) => {
            format!("a value is longer than {LONGEST} bytes")
        }
        e => e.to_string(),
    }
}
