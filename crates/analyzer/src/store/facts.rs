//! Events on their way into the database: a row each, a counter, and what follows from them.
//!
//! Invariant: nothing is allocated for an event whose strings are known.

use crypto_tracer_format::record::lib_bits;
use rusqlite::params;

use super::StoreError;
use super::convert::signed;
use super::ingest::Ingest;
use super::mappings::{How, Mapping};
use super::rollup::{self, Key};
use super::rows::EventRow;
use crate::event::{Body, Event, Loss};

impl Ingest {
    pub(super) fn add_event(&mut self, event: &Event<'_>) -> Result<(), StoreError> {
        let (time_ns, wall_ns) = (event.time_ns, event.wall_ns);
        let begun = self.tell(event.segment, time_ns, wall_ns)?;
        begun.events += 1;
        if matches!(event.body, Body::Loss(Loss { fact: Loss::CAPTURE, .. })) {
            // Damage tells nothing: of two readings of a segment, the one with less of it is not the poorer one.
            begun.facts -= 1;
        }
        let segment = begun.id;
        let mut row = EventRow {
            segment,
            event_type: event.body.event_type().number(),
            time_ns: signed(time_ns),
            wall_ns,
            ..EventRow::default()
        };
        let mut errno = 0;
        let mut modes = 0;
        let process = event.actor.map(|a| self.process_id(a.process.id)).transpose()?;
        row.state = event.actor.map(|a| self.state_id(a.state.id)).transpose()?;
        match event.body {
            Body::FileOpen(open) => {
                row.path = Some(self.interned.path(&self.db, open.path)?);
                row.given = self.interned.path_option(&self.db, open.given)?;
                row.result = Some(open.result.into());
                row.flags = Some(open.flags.into());
                row.mode = nonzero(open.mode);
                row.bits = nonzero(open.bits);
                errno = if open.result < 0 { open.result.saturating_neg() } else { 0 };
                modes = rollup::modes(open.flags);
            }
            Body::LibLoad(load) => {
                let host = self.host_id(event.host)?;
                row.path = Some(self.interned.path(&self.db, load.path)?);
                row.bits = nonzero(load.bits);
                let library = self.library(host, load.path, load.file)?;
                if let Some(process) = process {
                    let deleted = load.bits & lib_bits::DELETED != 0;
                    let new = Mapping {
                        library,
                        segment,
                        how: How::Load,
                        from_ns: time_ns,
                        from_wall_ns: wall_ns,
                        deleted,
                    };
                    self.mappings.add(&self.db, process, new)?;
                }
                if self.keep_events {
                    row.detail =
                        Some(self.db.prepare_cached(include_str!("../../sql/load_insert.sql"))?.insert(
                            params![
                                segment,
                                load.file.dev_major,
                                load.file.dev_minor,
                                signed(load.file.ino),
                                signed(load.addr),
                                signed(load.len),
                                signed(load.offset)
                            ],
                        )?);
                }
            }
            Body::ProcessFork => {
                let parent =
                    event.actor.and_then(|a| a.process.ppid).and_then(|p| self.by_pid.get(&(event.host, p)));
                if let (Some(&parent), Some(child)) = (parent, process) {
                    self.mappings.fork(parent, child, segment, time_ns, wall_ns);
                }
            }
            Body::ProcessExec(exec) => {
                if let Some(process) = process {
                    self.mappings.exec(&self.db, process, time_ns)?;
                    let exe = self.interned.path_option(&self.db, Some(exec.exe))?;
                    let filename = self.interned.path_option(&self.db, Some(exec.filename))?;
                    let command = self.interned.command(&self.db, Some(exec.argv))?;
                    row.detail =
                        Some(self.db.prepare_cached(include_str!("../../sql/exec_insert.sql"))?.insert(
                            params![
                                segment,
                                process,
                                signed(time_ns),
                                wall_ns,
                                exe,
                                filename,
                                command,
                                exec.argv_len,
                                exec.bits
                            ],
                        )?);
                }
            }
            Body::ProcessExit(exit) => {
                row.result = Some(exit.exit_code.into());
                row.flags = Some(exit.signal.into());
                row.mode = nonzero(exit.core_dumped.into());
                if let Some(process) = process {
                    self.mappings.exit(&self.db, process)?;
                }
            }
            Body::ApiCall(call) => self.add_api_call(event, &call, process, &mut row)?,
            Body::TlsHandshake(shake) => self.add_handshake(event, &shake, process, &mut row)?,
            Body::KernelCrypto(crypto) => {
                self.add_kernel_crypto(event, &crypto, process, &mut row)?;
                errno = i32::try_from(crypto.result.saturating_neg()).unwrap_or(0).max(0);
            }
            Body::Loss(loss) => row.detail = Some(self.add_loss(segment, &loss)?),
        }
        if let Some(process) = process {
            let key =
                Key { process, event_type: row.event_type, path: row.path.unwrap_or(0), errno, segment };
            self.rollups.count(&self.db, key, wall_ns, modes)?;
        }
        if self.keep_events {
            self.rows.push(&self.db, row)?;
        }
        Ok(())
    }

    fn add_loss(&self, segment: i64, loss: &Loss) -> Result<i64, StoreError> {
        Ok(self.db.prepare_cached(include_str!("../../sql/loss_insert.sql"))?.insert(params![
            segment,
            loss.fact,
            loss.fact_name(),
            loss.reason,
            loss.reason_name(),
            signed(loss.count),
            signed(loss.from_ns),
            signed(loss.to_ns),
            loss.from_wall_ns,
            loss.to_wall_ns
        ])?)
    }
}

fn nonzero(n: u32) -> Option<i64> {
    (n != 0).then_some(n.into())
}
