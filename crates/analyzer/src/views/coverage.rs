//! The part of a document that says what it rests on.

use std::collections::BTreeSet;

use crypto_tracer_format::record::{Fact, redaction};
use rusqlite::Connection;

use super::hosts::HostRow;
use crate::documents::{BaselineCoverage, Coverage, Damage, LeftOut, Loss, NotObserved, Probe, Time, shown};
use crate::event;
use crate::store::{StoreError, stored_bytes};

/// Why a fact was not observed, where nothing tells.
const NO_PROBE: &str = "the capture names no probe for it";

/// What is known, and known to be missing, of a host.
pub(super) fn of(db: &Connection, host: &HostRow) -> Result<Coverage, StoreError> {
    let losses = losses(db, host.id)?;
    let mut damage = damage(db, host.id)?;
    damage.extend(unclosed(db, host.id)?);
    let unknown_records = number(db, include_str!("../../sql/coverage_unknown.sql"), host.id)?;
    let malformed = number(db, include_str!("../../sql/coverage_malformed.sql"), host.id)?;
    if malformed > 0 {
        damage.push(Damage {
            what: format!("{malformed} records could not be understood"),
            bytes: 0,
            from: None,
            to: None,
        });
    }
    let baseline = baseline(db, host.id)?;
    let (probes, mut not_observed) = probes(db, host.id, baseline.is_some())?;
    let is_old = number(db, include_str!("../../sql/coverage_schema_minor.sql"), host.id)? == 0;
    let mut later = Vec::new();
    if is_old {
        not_observed.retain(|missing| match is_later(missing) {
            true => {
                let reason = "the release that recorded does not know of it".to_owned();
                later.push(NotObserved { fact: missing.fact.clone(), reason });
                false
            }
            false => true,
        });
    }
    let complete = losses.is_empty()
        && damage.is_empty()
        && not_observed.is_empty()
        && unknown_records == 0
        && baseline.is_none_or(|b| b.denied == 0);
    not_observed.append(&mut later);
    let recorder_losses = losses.iter().filter(|l| l.fact != event_capture());
    Ok(Coverage {
        complete,
        from: host.walls.map(|w| w.0),
        to: host.end(),
        segments: host.segments,
        options: texts(db, include_str!("../../sql/coverage_options.sql"), host.id)?,
        redaction: redactions(number(db, include_str!("../../sql/coverage_redaction.sql"), host.id)?),
        lost_records: recorder_losses.map(|l| l.count).fold(0, u64::saturating_add),
        losses,
        damage,
        unknown_records,
        probes,
        not_observed,
        left_out: left_out(db, host.id)?,
        baseline,
    })
}

/// The name of a loss that is damage of the capture, not of the recording.
fn event_capture() -> &'static str {
    event::Loss {
        fact: event::Loss::CAPTURE,
        reason: 0,
        count: 0,
        from_ns: 0,
        to_ns: 0,
        from_wall_ns: None,
        to_wall_ns: None,
    }
    .fact_name()
}

fn losses(db: &Connection, host: i64) -> Result<Vec<Loss>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/coverage_losses.sql"))?;
    let rows = statement.query_map([host], |row| {
        Ok(Loss {
            fact: row.get(0)?,
            reason: row.get(1)?,
            count: row.get::<_, i64>(2)?.cast_unsigned(),
            from: row.get::<_, Option<i64>>(3)?.map(Time),
            to: row.get::<_, Option<i64>>(4)?.map(Time),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn damage(db: &Connection, host: i64) -> Result<Vec<Damage>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/coverage_damage.sql"))?;
    let rows = statement.query_map([host], |row| {
        Ok(Damage {
            what: row.get(0)?,
            bytes: row.get::<_, i64>(1)?.cast_unsigned(),
            from: row.get::<_, Option<i64>>(2)?.map(Time),
            to: row.get::<_, Option<i64>>(3)?.map(Time),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Captures that nobody closed and of which nothing else is said.
fn unclosed(db: &Connection, host: i64) -> Result<Vec<Damage>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/coverage_unclosed.sql"))?;
    let rows = statement.query_map([host], |row| {
        Ok(Damage {
            what: "the capture was not closed: it was cut, or the recorder was killed or still writes"
                .to_owned(),
            bytes: 0,
            from: row.get::<_, Option<i64>>(0)?.map(Time),
            to: None,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn baseline(db: &Connection, host: i64) -> Result<Option<BaselineCoverage>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/coverage_baseline.sql"))?;
    let found = statement.query_row([host], |row| {
        let get = |index| Ok::<u64, rusqlite::Error>(row.get::<_, i64>(index)?.cast_unsigned());
        Ok(BaselineCoverage {
            scans: get(0)?,
            processes: get(1)?,
            vanished: get(2)?,
            denied: get(3)?,
            filtered: get(4)?,
        })
    })?;
    Ok(Some(found).filter(|b| b.scans > 0))
}

/// The probes that were in use, and the facts that none observed.
fn probes(db: &Connection, host: i64, scanned: bool) -> Result<(Vec<Probe>, Vec<NotObserved>), StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/coverage_probes.sql"))?;
    let mut rows = statement.query([host])?;
    let mut used: Vec<Probe> = Vec::new();
    let mut others: Vec<(String, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (fact, state): (String, String) = (row.get(0)?, row.get(1)?);
        let probe = shown(&stored_bytes(row, 2)?.unwrap_or_default()).0;
        if state == crypto_tracer_format::record::ProbeState::Attached.name() {
            used.push(Probe { fact, probe });
        } else {
            let reason = shown(&stored_bytes(row, 3)?.unwrap_or_default()).0;
            let detail = if reason.is_empty() { state } else { format!("{state}: {reason}") };
            others.push((fact, if probe.is_empty() { detail } else { format!("{probe}: {detail}") }));
        }
    }
    let missing = Fact::ALL.iter().filter(|fact| match fact {
        Fact::Baseline => !scanned,
        fact => !used.iter().any(|p| p.fact == fact.name()),
    });
    let not_observed = missing
        .map(|fact| {
            let reasons: Vec<&str> =
                others.iter().filter(|(f, _)| f == fact.name()).map(|(_, reason)| reason.as_str()).collect();
            let reason = match reasons.is_empty() {
                true => NO_PROBE.to_owned(),
                false => reasons.join("; "),
            };
            NotObserved { fact: fact.name().to_owned(), reason }
        })
        .collect();
    Ok((used, not_observed))
}

/// Whether the capture says nothing of a fact that came with minor version 1 of the record schema.
fn is_later(missing: &NotObserved) -> bool {
    const LATER: [Fact; 3] = [Fact::ApiCall, Fact::TlsHandshake, Fact::KernelCrypto];
    missing.reason == NO_PROBE && LATER.iter().any(|fact| fact.name() == missing.fact)
}

/// Functions that can't be watched, by file.
fn left_out(db: &Connection, host: i64) -> Result<Vec<LeftOut>, StoreError> {
    let mut statement = db.prepare_cached(include_str!("../../sql/coverage_left_out.sql"))?;
    let mut rows = statement.query([host])?;
    let mut list = Vec::new();
    while let Some(row) = rows.next()? {
        let (library, library_hex) = shown(&stored_bytes(row, 0)?.unwrap_or_default());
        let functions = shown(&stored_bytes(row, 1)?.unwrap_or_default()).0;
        let functions: BTreeSet<&str> = functions.split_ascii_whitespace().collect();
        let functions = functions.into_iter().map(str::to_owned).collect();
        list.push(LeftOut { library, library_hex, functions });
    }
    Ok(list)
}

fn redactions(bits: u64) -> Vec<&'static str> {
    [
        (redaction::SECRETS, "secrets"),
        (redaction::PATHS, "paths"),
        (redaction::USERS, "users"),
        (redaction::NETWORK, "network"),
    ]
    .iter()
    .filter(|(bit, _)| bits & u64::from(*bit) != 0)
    .map(|(_, name)| *name)
    .collect()
}

fn number(db: &Connection, sql: &str, host: i64) -> Result<u64, StoreError> {
    let n: Option<i64> = db.prepare_cached(sql)?.query_row([host], |row| row.get(0))?;
    Ok(n.unwrap_or(0).cast_unsigned())
}

fn texts(db: &Connection, sql: &str, host: i64) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_map([host], |row| row.get(0))?.collect::<Result<_, _>>()?)
}
