//! The end of a run: what is told twice is kept once.
//!
//! Invariants:
//! - Of a segment that was read again, the reading that tells more stays, and all rows of the other go.
//! - A process that an earlier run knows already is one process: rows of this run come to name the old one.
//! - A run that adds nothing leaves the database as it was, byte for byte.

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use super::convert::signed;
use super::ingest::{Begun, Ingest};
use crate::coverage::{Coverage, InputCoverage};

/// Brings a run to its end and commits it.
pub(super) fn settle(run: &mut Ingest, coverage: &Coverage) -> Result<(), StoreError> {
    let first_run = run.run == 1;
    let mut dropped = 0;
    let mut stayed = Vec::new();
    run.db.execute_batch("CREATE TEMP TABLE dropped (segment INTEGER PRIMARY KEY)")?;
    for begun in run.segments.iter().flatten() {
        let complete = coverage.inputs.get(begun.input).is_some_and(InputCoverage::is_whole);
        end_segment(&run.db, begun, complete)?;
        match rival(&run.db, begun.id)? {
            None => run.done.added += 1,
            Some((old, told, whole)) => {
                dropped += 1;
                let better = begun.facts > told || (begun.facts == told && complete && !whole);
                drop_segment(&run.db, if better { old } else { begun.id })?;
                if !better {
                    run.done.known += 1;
                    continue;
                }
                run.done.replaced += 1;
            }
        }
        run.done.events += begun.events;
        stayed.push((begun.id, begun.input));
    }
    if stayed.is_empty() && !first_run {
        run.db.execute_batch("ROLLBACK; DROP TABLE IF EXISTS temp.dropped")?;
        return Ok(());
    }
    add_inputs(run, coverage, &stayed)?;
    add_run(run, coverage)?;
    if run.old_processes > 0 {
        merge_processes(run)?;
    }
    if dropped > 0 {
        run.db.execute_batch(include_str!("../../sql/drop_segments.sql"))?;
        if run.keep_events {
            run.db.execute_batch(include_str!("../../sql/drop_states.sql"))?;
        }
    }
    run.db.execute_batch("DROP TABLE temp.dropped; COMMIT")?;
    Ok(())
}

/// What is known of a segment when all of it was read.
fn end_segment(db: &Connection, begun: &Begun, complete: bool) -> Result<(), StoreError> {
    db.prepare_cached(include_str!("../../sql/segment_end.sql"))?.execute(params![
        begun.id,
        begun.times.map(|t| t.0),
        begun.times.map(|t| t.1),
        begun.walls.map(|t| t.0),
        begun.walls.map(|t| t.1),
        begun.facts,
        complete
    ])?;
    Ok(())
}

/// An earlier reading of the same segment: its row, what it told, and whether it was whole.
fn rival(db: &Connection, segment: i64) -> Result<Option<(i64, i64, bool)>, StoreError> {
    let mut find = db.prepare_cached(include_str!("../../sql/segment_rival.sql"))?;
    Ok(find.query_row([segment], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?)
}

fn drop_segment(db: &Connection, segment: i64) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO temp.dropped VALUES (?)")?.execute([segment])?;
    Ok(())
}

/// Inputs that something was kept of, and those that held nothing but damage.
fn add_inputs(run: &Ingest, coverage: &Coverage, stayed: &[(i64, usize)]) -> Result<(), StoreError> {
    for (position, input) in coverage.inputs.iter().enumerate() {
        let segments: Vec<i64> = stayed.iter().filter(|(_, i)| *i == position).map(|(id, _)| *id).collect();
        let read = run.segments.iter().flatten().any(|b| b.input == position);
        let barren = !read && !run.skipped_inputs.contains(&position) && !input.is_whole();
        if segments.is_empty() && !barren {
            continue;
        }
        let id = run.db.prepare_cached(include_str!("../../sql/input_insert.sql"))?.insert(params![
            run.run,
            position as i64,
            signed(input.bytes),
            signed(input.blocks),
            signed(input.records),
            signed(input.malformed),
            signed(input.out_of_order),
            signed(input.segments),
            signed(input.damage_more),
            input.failure,
            input.closed
        ])?;
        for (position, damage) in input.damage.iter().enumerate() {
            run.db.prepare_cached(include_str!("../../sql/damage_insert.sql"))?.execute(params![
                id,
                position as i64,
                damage.what,
                signed(damage.offset),
                signed(damage.bytes),
                damage.blocks.map(signed),
                damage.records.map(signed),
                damage.after_wall_ns,
                damage.before_wall_ns
            ])?;
        }
        for (kind, count) in &input.unknown_kinds {
            let mut insert = run.db.prepare_cached(include_str!("../../sql/unknown_insert.sql"))?;
            insert.execute(params![id, kind, signed(*count)])?;
        }
        for segment in segments {
            run.db.prepare_cached("UPDATE segments SET input = ?1 WHERE id = ?2")?.execute([id, segment])?;
        }
    }
    Ok(())
}

fn add_run(run: &Ingest, coverage: &Coverage) -> Result<(), StoreError> {
    run.db.execute(
        include_str!("../../sql/run_insert.sql"),
        params![
            run.run,
            run.first_event,
            run.rows.next() - 1,
            coverage.span.map(|s| s.first_wall_ns),
            coverage.span.map(|s| s.last_wall_ns),
            coverage.without_clock,
            coverage.redaction
        ],
    )?;
    Ok(())
}

fn merge_processes(run: &Ingest) -> Result<(), StoreError> {
    run.db.execute_batch("CREATE TEMP TABLE boundary (process INTEGER)")?;
    run.db.execute("INSERT INTO temp.boundary VALUES (?)", [run.old_processes])?;
    run.db.execute_batch(include_str!("../../sql/merge_processes.sql"))?;
    run.db.execute_batch("DROP TABLE temp.boundary")?;
    Ok(())
}
