//! The sink that fills a database.
//!
//! Invariants:
//! - Nothing is allocated for an event: strings are interned, rows and counters are numbers.
//! - Everything that is written in one run is one transaction, committed when the source has finished.
//! - A segment that the database has whole is skipped; one that it has in part is read and replaces that part.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crypto_tracer_format::catalogue::libraries;
use rusqlite::{Connection, OptionalExtension, params};

use super::calls::Calls;
use super::convert::{Raw, signed};
use super::handshakes::Handshakes;
use super::mappings::Mappings;
use super::open::{self, Building, Database};
use super::rollup::Rollups;
use super::rows::Rows;
use super::{StoreError, intern::Interned, replace};
use crate::AnalyzeError;
use crate::coverage::Coverage;
use crate::event::{Event, FileId};
use crate::identity::{Host, HostId, Process, ProcessId, SegmentId, State, StateId};
use crate::sink::{Note, Range, Segment, Sink, Source, Take};

const PROCESS_INSERT: &str = include_str!("../../sql/process_insert.sql");
const PROCESS_UPDATE: &str = include_str!("../../sql/process_update.sql");

/// So many libraries are remembered; more are looked up again.
const MAX_LIBRARIES: usize = 50_000;

/// What [`ingest`] is to do.
#[derive(Clone, Debug)]
pub struct IngestOptions {
    /// The database: made if it is not there, else added to.
    pub database: PathBuf,
}

/// What a run added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Segments that were not there.
    pub added: u64,
    /// Segments that were there in part and are now there with what was added.
    pub replaced: u64,
    /// Segments that were there already.
    pub known: u64,
    /// Events of the segments added or replaced.
    pub events: u64,
    /// What was read, and what was missing.
    pub coverage: Coverage,
}

/// Reads the captures that were named on the command line into a database. See [`crate::open()`] for `redact`.
///
/// # Errors
/// [`StoreError::NotACapture`] for a database among them, and as [`ingest`].
pub fn ingest_captures(
    arguments: &[PathBuf],
    redact: bool,
    options: &IngestOptions,
) -> Result<Ingested, AnalyzeError> {
    match arguments.iter().find(|path| open::is_database(path)) {
        Some(path) => Err(StoreError::NotACapture(path.clone()).into()),
        None => ingest(&mut *crate::open(arguments, redact)?, options),
    }
}

/// Reads captures into a database.
///
/// # Errors
/// [`AnalyzeError`]; a new database isn't left behind then, and an existing one is as it was.
pub fn ingest(source: &mut dyn Source, options: &IngestOptions) -> Result<Ingested, AnalyzeError> {
    let path = options.database.as_path();
    if path.exists() { add(source, path) } else { make(source, path) }
}

fn make(source: &mut dyn Source, path: &Path) -> Result<Ingested, AnalyzeError> {
    let (connection, building) = Building::begin(path)?;
    let mut sink = Ingest::new(connection, true)?;
    let fed = source.feed(Range::default(), &mut sink);
    let (connection, done) = sink.close();
    match fed {
        Ok(_) => {
            building.finish(connection)?;
            Ok(done)
        }
        Err(e) => {
            building.abandon(connection);
            Err(e)
        }
    }
}

fn add(source: &mut dyn Source, path: &Path) -> Result<Ingested, AnalyzeError> {
    let mut sink = Ingest::new(open::existing(path)?, true)?;
    source.feed(Range::default(), &mut sink)?;
    Ok(sink.close().1)
}

/// A segment of this run.
#[derive(Debug)]
pub(super) struct Begun {
    pub id: i64,
    pub input: usize,
    pub facts: i64,
    pub events: u64,
    pub times: Option<(i64, i64)>,
    pub walls: Option<(i64, i64)>,
    /// Where lists of this segment go on.
    pub position: i64,
}

/// The sink. See [`ingest`]; views feed a temporary one.
#[derive(Debug)]
pub struct Ingest {
    pub(super) db: Connection,
    pub(super) keep_events: bool,
    pub(super) run: i64,
    /// Rows up to these were there before this run.
    pub(super) old_processes: i64,
    pub(super) first_event: i64,
    pub(super) interned: Interned,
    pub(super) rows: Rows,
    pub(super) rollups: Rollups,
    pub(super) mappings: Mappings,
    pub(super) calls: Calls,
    pub(super) handshakes: Handshakes,
    hosts: Vec<Option<(i64, Host)>>,
    pub(super) segments: Vec<Option<Begun>>,
    /// Inputs of which a segment was skipped.
    pub(super) skipped_inputs: BTreeSet<usize>,
    processes: Vec<Option<i64>>,
    states: Vec<Option<i64>>,
    /// The process that has a pid now.
    pub(super) by_pid: HashMap<(HostId, u32), i64>,
    libraries: HashMap<(i64, i64, FileId), i64>,
    pub(super) done: Ingested,
}

impl Ingest {
    /// A sink into an open database, with or without the table of events.
    pub(crate) fn new(db: Connection, keep_events: bool) -> Result<Ingest, StoreError> {
        let most = |table| -> Result<i64, StoreError> {
            let column = if table == "events" { "seq" } else { "id" };
            let sql = format!("SELECT coalesce(max({column}), 0) FROM {table}");
            Ok(db.query_row(&sql, [], |row| row.get(0))?)
        };
        let (run, old_processes, first_event) = (most("runs")? + 1, most("processes")?, most("events")? + 1);
        Ok(Ingest {
            keep_events,
            run,
            old_processes,
            first_event,
            interned: Interned::default(),
            rows: Rows::new(first_event),
            rollups: Rollups::default(),
            mappings: Mappings::default(),
            calls: Calls::default(),
            handshakes: Handshakes::default(),
            hosts: Vec::new(),
            segments: Vec::new(),
            skipped_inputs: BTreeSet::new(),
            processes: Vec::new(),
            states: Vec::new(),
            by_pid: HashMap::new(),
            libraries: HashMap::new(),
            done: Ingested::default(),
            db,
        })
    }

    /// A sink into a temporary database, for views: what sums the events up, and each of them if asked for.
    pub(crate) fn temporary(keep_events: bool) -> Result<Ingest, StoreError> {
        Ingest::new(open::temporary()?, keep_events)
    }

    /// The temporary database, to be read only from now on.
    pub(crate) fn into_database(self) -> Result<Database, StoreError> {
        Database::temporary(self.db)
    }

    /// The database, and what was added to it.
    fn close(self) -> (Connection, Ingested) {
        (self.db, self.done)
    }

    pub(super) fn host_id(&self, id: HostId) -> Result<i64, StoreError> {
        known(&self.hosts, id.0).map(|h| h.0).ok_or(StoreError::Order { what: "host", number: id.0 })
    }

    pub(super) fn process_id(&self, id: ProcessId) -> Result<i64, StoreError> {
        known(&self.processes, id.0).copied().ok_or(StoreError::Order { what: "process", number: id.0 })
    }

    pub(super) fn state_id(&self, id: StateId) -> Result<i64, StoreError> {
        known(&self.states, id.0).copied().ok_or(StoreError::Order { what: "state", number: id.0 })
    }

    /// Notes that a segment told something, and returns its row.
    pub(super) fn tell(
        &mut self,
        id: SegmentId,
        time_ns: u64,
        wall: Option<i64>,
    ) -> Result<&mut Begun, StoreError> {
        let segment = self.segments.get_mut(id.0 as usize).and_then(Option::as_mut);
        let segment = segment.ok_or(StoreError::Order { what: "segment", number: id.0 })?;
        segment.facts += 1;
        // What lies before the segment (names without a time, opens that began before) doesn't tell when it was captured.
        if segment.times.is_none_or(|(began, _)| signed(time_ns) >= began) {
            segment.times = widened(segment.times, Some(signed(time_ns)));
            segment.walls = widened(segment.walls, wall);
        }
        Ok(segment)
    }

    pub(super) fn library(&mut self, host: i64, path: &[u8], file: FileId) -> Result<i64, StoreError> {
        let path_id = self.interned.path(&self.db, path)?;
        if let Some(id) = self.libraries.get(&(host, path_id, file)) {
            return Ok(*id);
        }
        let key = params![host, path_id, file.dev_major, file.dev_minor, signed(file.ino)];
        let found = self.db.prepare_cached(include_str!("../../sql/library_find.sql"))?;
        let found = { found }.query_row(key, |row| row.get(0)).optional()?;
        let id = match found {
            Some(id) => id,
            None => {
                let family = libraries::family_of(path).map(|f| f.name);
                let mut insert = self.db.prepare_cached(include_str!("../../sql/library_insert.sql"))?;
                insert.insert(params![
                    host,
                    path_id,
                    file.dev_major,
                    file.dev_minor,
                    signed(file.ino),
                    family
                ])?
            }
        };
        if self.libraries.len() >= MAX_LIBRARIES {
            self.libraries.clear();
        }
        self.libraries.insert((host, path_id, file), id);
        Ok(id)
    }

    fn add_segment(&mut self, segment: &Segment) -> Result<Take, StoreError> {
        let (host, described) = known(&self.hosts, segment.host.0)
            .ok_or(StoreError::Order { what: "host", number: segment.host.0 })?;
        let mut find = self.db.prepare_cached(include_str!("../../sql/segment_find.sql"))?;
        let whole: Option<bool> =
            find.query_row(params![host, signed(segment.began_ns)], |row| row.get(0)).optional()?;
        if whole == Some(true) {
            self.done.known += 1;
            self.skipped_inputs.insert(segment.input);
            return Ok(Take::Skip);
        }
        let id = self.db.prepare_cached(include_str!("../../sql/segment_insert.sql"))?.insert(params![
            self.run,
            host,
            signed(segment.began_ns),
            segment.capture_id,
            segment.number,
            described.recorder,
            described.options,
            described.redaction
        ])?;
        let begun = Begun {
            id,
            input: segment.input,
            facts: 0,
            events: 0,
            times: widened(None, Some(signed(segment.began_ns))),
            walls: None,
            position: 0,
        };
        put(&mut self.segments, segment.id.0, begun);
        Ok(Take::Read)
    }

    fn add_host(&mut self, host: &Host) -> Result<(), StoreError> {
        let id: i64 = self.db.prepare_cached(include_str!("../../sql/host.sql"))?.query_row(
            params![
                host.boot_id,
                host.hostname,
                host.kernel,
                host.machine,
                host.os,
                host.cpus,
                host.clock_id,
                host.schema.0,
                host.schema.1,
                host.recorder,
                host.options,
                host.redaction
            ],
            |row| row.get(0),
        )?;
        put(&mut self.hosts, host.id.0, (id, host.clone()));
        Ok(())
    }

    fn add_process(&mut self, p: &Process) -> Result<(), StoreError> {
        let host = self.host_id(p.host)?;
        let exe = self.interned.path_option(&self.db, p.exe.as_deref())?;
        let command = self.interned.command(&self.db, p.argv.as_deref())?;
        let known = known(&self.processes, p.id.0).copied();
        let sql = if known.is_some() { PROCESS_UPDATE } else { PROCESS_INSERT };
        self.db.prepare_cached(sql)?.execute(params![
            known,
            host,
            p.tgid,
            signed(p.start_ticks()),
            signed(p.start_ns),
            p.start_wall_ns,
            p.ppid,
            signed(p.parent_start_ns),
            Raw(&p.name),
            exe,
            command,
            p.argv_len,
            p.bits,
            p.uid,
            p.gid,
            p.cgroup.as_deref().map(Raw),
            p.container.as_deref(),
            signed(p.first_seen_ns),
            p.first_seen_wall_ns,
            p.in_baseline,
            p.start_seen,
            p.exit.map(|e| signed(e.time_ns)),
            p.exit.and_then(|e| e.wall_ns),
            p.exit.map(|e| e.code),
            p.exit.map(|e| e.signal)
        ])?;
        if known.is_none() {
            let id = self.db.last_insert_rowid();
            put(&mut self.processes, p.id.0, id);
            self.by_pid.insert((p.host, p.tgid), id);
        }
        Ok(())
    }

    fn add_state(&mut self, state: &State) -> Result<(), StoreError> {
        if known(&self.states, state.id.0).is_some() {
            return Ok(());
        }
        let process = self.process_id(state.process)?;
        let id = self.db.prepare_cached(include_str!("../../sql/state_insert.sql"))?.insert(params![
            process,
            state.ppid,
            state.uid,
            state.gid,
            Raw(&state.name),
            state.container.as_deref()
        ])?;
        put(&mut self.states, state.id.0, id);
        Ok(())
    }

    fn end(&mut self, coverage: &Coverage) -> Result<(), StoreError> {
        self.rows.flush(&self.db)?;
        self.mappings.finish(&self.db)?;
        self.rollups.flush(&self.db)?;
        self.calls.flush(&self.db)?;
        self.handshakes.flush(&self.db)?;
        self.done.coverage = coverage.clone();
        replace::settle(self, coverage)
    }
}

impl Sink for Ingest {
    fn segment(&mut self, segment: &Segment) -> Result<Take, AnalyzeError> {
        Ok(self.add_segment(segment)?)
    }

    fn host(&mut self, host: &Host) -> Result<(), AnalyzeError> {
        Ok(self.add_host(host)?)
    }

    fn process(&mut self, process: &Process) -> Result<(), AnalyzeError> {
        Ok(self.add_process(process)?)
    }

    fn state(&mut self, state: &State) -> Result<(), AnalyzeError> {
        Ok(self.add_state(state)?)
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), AnalyzeError> {
        Ok(self.add_event(event)?)
    }

    fn note(&mut self, note: &Note<'_>) -> Result<(), AnalyzeError> {
        Ok(self.add_note(note)?)
    }

    fn finish(&mut self, coverage: &Coverage) -> Result<(), AnalyzeError> {
        Ok(self.end(coverage)?)
    }
}

fn known<T>(list: &[Option<T>], number: u32) -> Option<&T> {
    list.get(number as usize)?.as_ref()
}

fn put<T>(list: &mut Vec<Option<T>>, number: u32, value: T) {
    let at = number as usize;
    if list.len() <= at {
        list.resize_with(at + 1, || None);
    }
    list[at] = Some(value);
}

fn widened(range: Option<(i64, i64)>, time: Option<i64>) -> Option<(i64, i64)> {
    match (range, time) {
        (Some((first, last)), Some(t)) => Some((first.min(t), last.max(t))),
        (range, time) => range.or(time.map(|t| (t, t))),
    }
}
