//! The hosts of a database, and the time that was captured of each.

use rusqlite::Connection;

use crate::documents::{HostPart, Time};
use crate::store::StoreError;

/// A boot of a host.
#[derive(Clone, Debug)]
pub(super) struct HostRow {
    pub id: i64,
    pub hostname: String,
    pub boot_id: Option<String>,
    pub kernel: Option<String>,
    pub machine: Option<String>,
    pub os: Option<String>,
    /// First and last moment, capture's clock.
    pub times: Option<(i64, i64)>,
    /// First and last moment, UTC.
    pub walls: Option<(Time, Time)>,
    /// How long was captured, without the gaps between segments.
    pub captured_ns: i64,
    pub segments: u64,
}

impl HostRow {
    pub(super) fn part(&self) -> HostPart {
        HostPart {
            hostname: self.hostname.clone(),
            kernel: self.kernel.clone(),
            machine: self.machine.clone(),
            os: self.os.clone(),
            boot_id: self.boot_id.clone(),
        }
    }

    pub(super) fn end(&self) -> Option<Time> {
        self.walls.map(|w| w.1)
    }

    pub(super) fn duration_seconds(&self) -> u64 {
        u64::try_from(self.captured_ns / 1_000_000_000).unwrap_or(0)
    }
}

/// All hosts, by name and then by time.
pub(super) fn hosts(db: &Connection) -> Result<Vec<HostRow>, StoreError> {
    let mut statement = db.prepare(include_str!("../../sql/view_hosts.sql"))?;
    let rows = statement.query_map([], |row| {
        let pair = |a: Option<i64>, b: Option<i64>| a.zip(b);
        let text =
            |index| Ok::<_, rusqlite::Error>(Some(row.get::<_, String>(index)?).filter(|t| !t.is_empty()));
        Ok(HostRow {
            id: row.get(0)?,
            hostname: row.get(1)?,
            boot_id: text(2)?,
            kernel: text(3)?,
            machine: text(4)?,
            os: text(5)?,
            times: pair(row.get(6)?, row.get(7)?),
            walls: pair(row.get(8)?, row.get(9)?).map(|(a, b)| (Time(a), Time(b))),
            segments: row.get::<_, i64>(10)?.cast_unsigned(),
            captured_ns: captured(db, row.get(0)?)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The length of the union of a host's segments.
fn captured(db: &Connection, host: i64) -> rusqlite::Result<i64> {
    let mut statement = db.prepare_cached(include_str!("../../sql/view_segment_times.sql"))?;
    let spans = statement.query_map([host], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
    let mut total: i64 = 0;
    let mut reached = i64::MIN;
    for span in spans {
        let (from, to) = span?;
        let from = from.max(reached);
        if to > from {
            total = total.saturating_add(to.saturating_sub(from));
            reached = to;
        }
    }
    Ok(total)
}
