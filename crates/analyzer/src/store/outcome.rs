//! What came of a handshake, as the database keeps it: once for all handshakes that are alike.
//!
//! Invariant: what comes back is what went in, field by field; a text that is missing is empty.

use rusqlite::{Connection, OptionalExtension, Row};

use super::StoreError;
use super::convert::bytes;
use crate::event::Alert;

/// Columns of a statement that are an outcome's.
pub(super) const COLUMNS: usize = 19;

/// A row of the view `outcomes`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub client: bool,
    pub server_port: u16,
    pub version: Option<u16>,
    pub cipher_suite: Option<u16>,
    pub group: Option<u16>,
    pub signature_scheme: Option<u16>,
    pub resumed: Option<bool>,
    pub hello_retry: bool,
    pub ech: bool,
    pub alert: Option<Alert>,
    pub result: String,
    pub sni: Vec<u8>,
    pub alpn: Vec<u8>,
    pub ja4: Vec<u8>,
    pub verify: Vec<u8>,
    pub library: Vec<u8>,
    /// JSON.
    pub offered: Vec<u8>,
    /// JSON.
    pub certificates: Vec<u8>,
}

impl Outcome {
    /// The one with this number.
    pub(crate) fn find(db: &Connection, id: i64) -> Result<Outcome, StoreError> {
        let mut find = db.prepare_cached(include_str!("../../sql/negotiation.sql"))?;
        let found = find.query_row([id], Outcome::read).optional()?;
        found.ok_or(StoreError::Value { what: "the negotiation", value: id })
    }

    /// From the first [`COLUMNS`] of sql/negotiation.sql or sql/handshake.sql.
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Outcome> {
        let text = |column| Ok::<_, rusqlite::Error>(bytes(row, column)?.unwrap_or_default());
        Ok(Outcome {
            client: row.get(0)?,
            server_port: row.get(1)?,
            version: row.get(2)?,
            cipher_suite: row.get(3)?,
            group: row.get(4)?,
            signature_scheme: row.get(5)?,
            resumed: row.get(6)?,
            hello_retry: row.get(7)?,
            ech: row.get(8)?,
            alert: Alert::from_columns(row.get(9)?, row.get(10)?),
            result: row.get(11)?,
            sni: text(12)?,
            alpn: text(13)?,
            ja4: text(14)?,
            verify: text(15)?,
            library: text(16)?,
            offered: text(17)?,
            certificates: text(18)?,
        })
    }
}
