//! A database as a source: the events again, as the captures told them.
//!
//! Invariants:
//! - Events come in the order of their run. Runs that overlap in time are merged by UTC, as captures are.
//! - An event borrows its bytes from SQLite's row; memory holds a bounded number of processes and states.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use crypto_tracer_format::catalogue::{FileType, files};
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

use super::convert::{bytes, unsigned};
use super::recall::{StoredCall, StoredHandshake, StoredRequest};
use super::{Database, StoreError};
use crate::AnalyzeError;
use crate::coverage::{Coverage, Damage, InputCoverage, LossTotal};
use crate::event::{
    Actor, Body, Event, EventType, FileId, FileOpen, LibLoad, Loss, ProcessExec, ProcessExit,
};
use crate::identity::{Exit, Host, HostId, Process, ProcessId, SegmentId, State, StateId};
use crate::sink::{Range, Sink, Source, Span};

/// So many states are remembered at a time.
const MAX_STATES: usize = 50_000;

/// A database that feeds sinks.
#[derive(Debug)]
pub struct DatabaseSource {
    database: Database,
}

impl DatabaseSource {
    /// Opens a database that [`ingest`](super::ingest()) made.
    ///
    /// # Errors
    /// [`StoreError`] as [`Database::open`] has it.
    pub fn open(path: &Path) -> Result<DatabaseSource, StoreError> {
        Ok(DatabaseSource { database: Database::open_with_events(path)? })
    }

    fn hosts(&self) -> Result<Vec<Host>, StoreError> {
        let mut statement = self.database.connection.prepare(include_str!("../../sql/hosts.sql"))?;
        let rows = statement.query_map([], |row| {
            Ok(Host {
                id: HostId(row.get(0)?),
                boot_id: row.get(1)?,
                hostname: row.get(2)?,
                kernel: row.get(3)?,
                machine: row.get(4)?,
                os: row.get(5)?,
                cpus: row.get(6)?,
                clock_id: row.get(7)?,
                schema: (row.get(8)?, row.get(9)?),
                recorder: row.get(10)?,
                options: row.get(11)?,
                redaction: row.get(12)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The order of all events: that of the only run, or merged by time where runs overlap.
    fn order(&self) -> Result<&'static str, StoreError> {
        let overlap: bool =
            self.database
                .connection
                .query_row(include_str!("../../sql/runs_overlap.sql"), [], |r| r.get(0))?;
        Ok(if overlap {
            include_str!("../../sql/events_by_time.sql")
        } else {
            include_str!("../../sql/events.sql")
        })
    }

    fn replay(&self, range: Range, sink: &mut dyn Sink) -> Result<(), AnalyzeError> {
        for host in self.hosts()? {
            sink.host(&host)?;
        }
        let mut actors = Actors::default();
        let mut scratch = Scratch::default();
        let mut statement = self.database.connection.prepare(self.order()?).map_err(StoreError::from)?;
        let mut rows =
            statement.query(params![range.since_wall_ns, range.until_wall_ns]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let state: Option<u32> = row.get(3).map_err(StoreError::from)?;
            let actor = state.map(|id| actors.find(&self.database, id, sink)).transpose()?;
            let body = self.body(row, &mut scratch)?;
            let event = head(row, actor, body)?;
            sink.event(&event)?;
        }
        Ok(())
    }

    fn body<'a>(&self, row: &'a Row<'_>, scratch: &'a mut Scratch) -> Result<Body<'a>, StoreError> {
        let db = &self.database.connection;
        let number: i64 = row.get(2)?;
        let event_type = u8::try_from(number).ok().and_then(EventType::from_number);
        let bits = || Ok::<u32, StoreError>(row.get::<_, Option<u32>>(10)?.unwrap_or(0));
        Ok(match event_type {
            Some(EventType::FileOpen) => {
                let path = text(row, 6)?.unwrap_or_default();
                Body::FileOpen(FileOpen {
                    path,
                    given: text(row, 11)?,
                    result: row.get(7)?,
                    flags: row.get(8)?,
                    mode: row.get::<_, Option<u32>>(9)?.unwrap_or(0),
                    file_type: files::file_type(path).unwrap_or(FileType::Unknown),
                    bits: bits()?,
                })
            }
            Some(EventType::LibLoad) => {
                let (file, addr, len, offset) = self.load(row.get(12)?)?;
                Body::LibLoad(LibLoad {
                    path: text(row, 6)?.unwrap_or_default(),
                    file,
                    addr,
                    len,
                    offset,
                    bits: bits()?,
                })
            }
            Some(EventType::ProcessFork) => Body::ProcessFork,
            Some(EventType::ProcessExec) => {
                scratch.program.read(&self.database, row.get(12)?)?;
                let program = &scratch.program;
                Body::ProcessExec(ProcessExec {
                    exe: &program.exe,
                    filename: &program.filename,
                    argv: &program.argv,
                    argv_len: program.argv_len,
                    bits: program.bits,
                })
            }
            Some(EventType::ProcessExit) => Body::ProcessExit(ProcessExit {
                exit_code: row.get(7)?,
                signal: row.get(8)?,
                core_dumped: row.get::<_, Option<u32>>(9)?.is_some(),
            }),
            Some(EventType::Loss) => Body::Loss(self.loss(row.get(12)?)?),
            Some(EventType::ApiCall) => {
                scratch.call.read(db, row.get(12)?)?;
                Body::ApiCall(scratch.call.body(bits()?))
            }
            Some(EventType::TlsHandshake) => {
                scratch.handshake.read(db, row.get(12)?)?;
                Body::TlsHandshake(scratch.handshake.body())
            }
            Some(EventType::KernelCrypto) => {
                let length = row.get::<_, Option<u32>>(8)?.unwrap_or(0);
                scratch.request.read(db, row.get(12)?)?;
                Body::KernelCrypto(scratch.request.body(length, row.get(7)?))
            }
            None => {
                return Err(StoreError::Value { what: "the event type", value: number });
            }
        })
    }

    fn load(&self, id: i64) -> Result<(FileId, u64, u64, u64), StoreError> {
        let mut find = self.database.connection.prepare_cached(include_str!("../../sql/load.sql"))?;
        Ok(find.query_row([id], |r| {
            let file = FileId { dev_major: r.get(0)?, dev_minor: r.get(1)?, ino: unsigned(r.get(2)?) };
            Ok((file, unsigned(r.get(3)?), unsigned(r.get(4)?), unsigned(r.get(5)?)))
        })?)
    }

    fn loss(&self, id: i64) -> Result<Loss, StoreError> {
        let mut find = self.database.connection.prepare_cached(include_str!("../../sql/loss.sql"))?;
        Ok(find.query_row([id], |r| {
            Ok(Loss {
                fact: r.get(0)?,
                reason: r.get(1)?,
                count: unsigned(r.get(2)?),
                from_ns: unsigned(r.get(3)?),
                to_ns: unsigned(r.get(4)?),
                from_wall_ns: r.get(5)?,
                to_wall_ns: r.get(6)?,
            })
        })?)
    }
}

impl Source for DatabaseSource {
    fn span(&mut self) -> Result<Span, AnalyzeError> {
        let span = span(&self.database)?;
        span.ok_or_else(|| AnalyzeError::Unreadable {
            name: self.database.path.display().to_string(),
            why: "it holds no events with a time in UTC".to_owned(),
        })
    }

    fn feed(&mut self, range: Range, sink: &mut dyn Sink) -> Result<Coverage, AnalyzeError> {
        self.replay(range, sink)?;
        let coverage = coverage(&self.database)?;
        sink.finish(&coverage)?;
        Ok(coverage)
    }
}

/// The fields that all events have.
fn head<'a>(row: &Row<'_>, actor: Option<Actor<'a>>, body: Body<'a>) -> Result<Event<'a>, StoreError> {
    Ok(Event {
        host: HostId(row.get(13)?),
        segment: SegmentId(row.get(1)?),
        time_ns: unsigned(row.get(4)?),
        wall_ns: row.get(5)?,
        actor,
        body,
    })
}

/// A string of a row, where it lies.
fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<Option<&'a [u8]>, StoreError> {
    match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(Some(bytes)),
        _ => Ok(None),
    }
}

/// What lies in other tables than `events`, for the event at hand.
#[derive(Debug, Default)]
struct Scratch {
    program: Program,
    call: StoredCall,
    handshake: StoredHandshake,
    request: StoredRequest,
}

/// A new program.
#[derive(Debug, Default)]
struct Program {
    exe: Vec<u8>,
    filename: Vec<u8>,
    argv: Vec<u8>,
    argv_len: u32,
    bits: u32,
}

impl Program {
    fn read(&mut self, database: &Database, id: i64) -> Result<(), StoreError> {
        let mut find = database.connection.prepare_cached(include_str!("../../sql/exec.sql"))?;
        *self = find.query_row([id], |r| {
            Ok(Program {
                exe: bytes(r, 0)?.unwrap_or_default(),
                filename: bytes(r, 1)?.unwrap_or_default(),
                argv: bytes(r, 2)?.unwrap_or_default(),
                argv_len: r.get(3)?,
                bits: r.get(4)?,
            })
        })?;
        Ok(())
    }
}

/// The states and processes that were handed out lately.
#[derive(Debug, Default)]
struct Actors {
    known: HashMap<u32, (State, Arc<Process>)>,
    processes: HashMap<u32, Arc<Process>>,
}

impl Actors {
    fn find(&mut self, database: &Database, id: u32, sink: &mut dyn Sink) -> Result<Actor<'_>, AnalyzeError> {
        if !self.known.contains_key(&id) {
            if self.known.len() >= MAX_STATES {
                self.known.clear();
                self.processes.clear();
            }
            let mut state = read_state(database, id)?;
            let process = match self.processes.get(&state.process.0) {
                Some(process) => Arc::clone(process),
                None => {
                    let process = Arc::new(read_process(database, state.process.0)?);
                    sink.process(&process)?;
                    self.processes.insert(state.process.0, Arc::clone(&process));
                    process
                }
            };
            state.tgid = process.tgid;
            sink.state(&state)?;
            self.known.insert(id, (state, process));
        }
        match self.known.get(&id) {
            Some((state, process)) => Ok(Actor { process, state }),
            None => Err(StoreError::Order { what: "state", number: id }.into()),
        }
    }
}

fn read_state(database: &Database, id: u32) -> Result<State, StoreError> {
    let mut find = database.connection.prepare_cached(include_str!("../../sql/state.sql"))?;
    Ok(find.query_row([id], |r| {
        Ok(State {
            id: StateId(id),
            process: ProcessId(r.get(0)?),
            tgid: 0,
            ppid: r.get(1)?,
            uid: r.get(2)?,
            gid: r.get(3)?,
            name: bytes(r, 4)?.unwrap_or_default().into(),
            container: r.get::<_, Option<String>>(5)?.map(Into::into),
        })
    })?)
}

fn read_process(database: &Database, id: u32) -> Result<Process, StoreError> {
    let mut find = database.connection.prepare_cached(include_str!("../../sql/process.sql"))?;
    Ok(find.query_row([id], |r| {
        let exit_ns: Option<i64> = r.get(21)?;
        let exit = match exit_ns {
            Some(time) => Some(Exit {
                time_ns: unsigned(time),
                wall_ns: r.get(22)?,
                code: r.get::<_, Option<i32>>(23)?.unwrap_or(0),
                signal: r.get::<_, Option<u32>>(24)?.unwrap_or(0),
            }),
            None => None,
        };
        Ok(Process {
            id: ProcessId(id),
            host: HostId(r.get(1)?),
            tgid: r.get(2)?,
            start_ns: unsigned(r.get(4)?),
            start_wall_ns: r.get(5)?,
            ppid: r.get(6)?,
            parent_start_ns: unsigned(r.get(7)?),
            name: bytes(r, 8)?.unwrap_or_default().into(),
            exe: bytes(r, 9)?.map(Into::into),
            argv: bytes(r, 10)?.map(Into::into),
            argv_len: r.get(11)?,
            bits: r.get(12)?,
            uid: r.get(13)?,
            gid: r.get(14)?,
            cgroup: bytes(r, 15)?.map(Into::into),
            container: r.get::<_, Option<String>>(16)?.map(Into::into),
            first_seen_ns: unsigned(r.get(17)?),
            first_seen_wall_ns: r.get(18)?,
            in_baseline: r.get(19)?,
            start_seen: r.get(20)?,
            exit,
        })
    })?)
}

fn span(database: &Database) -> Result<Option<Span>, StoreError> {
    let (first, last): (Option<i64>, Option<i64>) =
        database
            .connection
            .query_row(include_str!("../../sql/span.sql"), [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(first.zip(last).map(|(first_wall_ns, last_wall_ns)| Span { first_wall_ns, last_wall_ns }))
}

/// What the captures held and lacked, as it was when they were read.
pub(crate) fn coverage(database: &Database) -> Result<Coverage, StoreError> {
    let db = &database.connection;
    let mut coverage = Coverage { span: span(database)?, ..Coverage::default() };
    let mut statement = db.prepare(include_str!("../../sql/inputs.sql"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let mut input = InputCoverage {
            index: coverage.inputs.len(),
            name: format!("{} (input {})", database.path.display(), coverage.inputs.len() + 1),
            bytes: unsigned(row.get(1)?),
            blocks: unsigned(row.get(2)?),
            blocks_skipped: 0,
            records: unsigned(row.get(3)?),
            unknown_kinds: BTreeMap::new(),
            malformed: unsigned(row.get(4)?),
            out_of_order: unsigned(row.get(6)?),
            segments: unsigned(row.get(7)?),
            damage: Vec::new(),
            damage_more: unsigned(row.get(8)?),
            failure: row.get(9)?,
            closed: row.get(5)?,
        };
        let mut kinds = db.prepare_cached(include_str!("../../sql/unknown.sql"))?;
        let kinds =
            kinds.query_map([id], |r| Ok((r.get(0)?, unsigned(r.get(1)?))))?.collect::<Result<_, _>>()?;
        input.unknown_kinds = kinds;
        let mut damage = db.prepare_cached(include_str!("../../sql/damage.sql"))?;
        let damage = damage.query_map([id], |r| {
            Ok(Damage {
                what: r.get(0)?,
                offset: unsigned(r.get(1)?),
                bytes: unsigned(r.get(2)?),
                blocks: r.get::<_, Option<i64>>(3)?.map(unsigned),
                records: r.get::<_, Option<i64>>(4)?.map(unsigned),
                after_wall_ns: r.get(5)?,
                before_wall_ns: r.get(6)?,
                ..Damage::default()
            })
        })?;
        input.damage = damage.collect::<Result<_, _>>()?;
        coverage.inputs.push(input);
    }
    let mut losses = db.prepare(include_str!("../../sql/loss_totals.sql"))?;
    let losses = losses.query_map([], |r| {
        Ok(((r.get(0)?, r.get(1)?), LossTotal { records: unsigned(r.get(2)?), gaps: unsigned(r.get(3)?) }))
    })?;
    coverage.losses = losses.collect::<Result<_, _>>()?;
    let totals = db
        .query_row(include_str!("../../sql/run_totals.sql"), [], |r| {
            Ok((r.get::<_, Option<u32>>(0)?, r.get::<_, Option<u32>>(1)?))
        })
        .optional()?;
    if let Some((without_clock, redaction)) = totals {
        coverage.without_clock = without_clock.unwrap_or(0);
        coverage.redaction = redaction.unwrap_or(0);
    }
    Ok(coverage)
}
