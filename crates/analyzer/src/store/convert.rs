//! Between the bytes of the traced system and SQLite's values.
//!
//! Invariant: each string has one form only (TEXT if it is UTF-8, else BLOB), so that UNIQUE and = see equal strings as equal.

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// A string of the traced system on its way into the database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(pub &'a [u8]);

impl ToSql for Raw<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match std::str::from_utf8(self.0) {
            Ok(_) => ValueRef::Text(self.0),
            Err(_) => ValueRef::Blob(self.0),
        }))
    }
}

/// A string of the traced system on its way out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Owned(pub Vec<u8>);

impl FromSql for Owned {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Owned(bytes.to_vec())),
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// Reads a column that holds a string, or NULL.
pub(crate) fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Vec<u8>>> {
    Ok(row.get::<_, Option<Owned>>(column)?.map(|o| o.0))
}

/// A number that SQLite keeps as a signed one: the same 64 bits.
pub(crate) fn signed(n: u64) -> i64 {
    n.cast_signed()
}

/// Back from [`signed`].
pub(crate) fn unsigned(n: i64) -> u64 {
    n.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back() {
        for n in [0, 1, u64::MAX, 1 << 63] {
            assert_eq!(unsigned(signed(n)), n);
        }
    }
}
