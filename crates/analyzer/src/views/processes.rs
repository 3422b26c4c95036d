//! Processes as documents show them.

use rusqlite::{Connection, Row};

use crate::documents::{ProcessPart, Time, shown, shown_option};
use crate::store::{StoreError, stored_bytes};
use crypto_tracer_format::record::process_bits;

/// Of whom the statements `sql/*_rows.sql` tell. The numbers are the database's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    /// Of all processes of a host.
    Host(i64),
    /// Of a process.
    Process(i64),
}

impl Whose {
    /// As the statements take it.
    pub(super) fn params(self) -> [Option<i64>; 2] {
        match self {
            Whose::Host(id) => [Some(id), None],
            Whose::Process(id) => [None, Some(id)],
        }
    }
}

/// The process with a number of the database.
pub(super) fn part(db: &Connection, id: i64) -> Result<ProcessPart, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/view_process.sql"))?;
    let mut rows = statement.query([id])?;
    match rows.next()? {
        Some(row) => read(row),
        None => Err(StoreError::Value { what: "the process", value: id }),
    }
}

fn read(row: &Row<'_>) -> Result<ProcessPart, StoreError> {
    let (name, name_hex) = shown(&stored_bytes(row, 1)?.unwrap_or_default());
    let (exe, exe_hex) = shown_option(stored_bytes(row, 2)?.as_deref());
    let (cmdline, _) = shown_option(stored_bytes(row, 3)?.as_deref());
    // The arguments themselves, since joined ones can't be told apart in bytes.
    let argv = stored_bytes(row, 4)?;
    let (_, cmdline_hex) = shown_option(argv.as_deref());
    let bits: u32 = row.get(5)?;
    let time = |index| Ok::<_, StoreError>(row.get::<_, Option<i64>>(index)?.map(Time));
    let signal: Option<u32> = row.get::<_, Option<u32>>(14)?.filter(|s| *s != 0);
    Ok(ProcessPart {
        pid: row.get(0)?,
        name,
        name_hex,
        exe,
        exe_hex,
        cmdline,
        cmdline_hex,
        cmdline_cut: argv.is_some() && bits & process_bits::ARGV_CUT != 0,
        ppid: row.get(6)?,
        uid: row.get(7)?,
        gid: row.get(8)?,
        user: stored_bytes(row, 9)?.map(|b| shown(&b).0),
        container: row.get(10)?,
        start_time: time(11)?,
        end_time: time(12)?,
        exit_code: row.get::<_, Option<i32>>(13)?.filter(|_| signal.is_none()),
        signal,
        before_recording: row.get(15)?,
    })
}
