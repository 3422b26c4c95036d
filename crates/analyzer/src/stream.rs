//! One capture on its way through the pipeline: blocks come in, records wait in the window, context is told at once.
//!
//! Invariants:
//! - Host, clock, probes, baseline and names are told as soon as they are read; events wait for their turn.
//! - What was recorded by another boot or another run has its own clock: it starts when all before it has gone.
//! - Damage becomes a loss among the events, at the place in time where something is missing.

use std::collections::{BTreeMap, HashSet};

use crypto_tracer_format::record::{
    self, BaselineProcess, Builder, Clock, Kind, Mark, MarkKind, Record, Records, kinds,
};
use crypto_tracer_format::redact::Redactor;
use crypto_tracer_format::segment::BlockEntry;

use crate::AnalyzeError;
use crate::clock::Clocks;
use crate::coverage::{InputCoverage, LossTotal};
use crate::decode::{self, Scratch};
use crate::deliver::deliver;
use crate::event;
use crate::identify::{Identify, Program};
use crate::identity::{self, HostId, ProcessId, SegmentId};
use crate::input::{Blocks, Chunk, Gap};
use crate::kernel_crypto;
use crate::order::Window;
use crate::sink::{Note, NoteBody, Range, Segment, Sink, Span, Take};
use crate::wanted::{is_segment_head, is_wanted};

/// What all captures of a run share.
#[derive(Debug, Default)]
pub struct Shared {
    pub identify: Identify,
    pub redact: Redactor,
    pub scratch: Scratch,
    pub losses: BTreeMap<(u16, u16), LossTotal>,
    /// Bits of redaction that all segments have in common.
    pub redaction: Option<u32>,
    pub span: Option<Span>,
    next_segment: u32,
    /// Boot and beginning of the segments that were read: one that comes again is left out.
    segments: HashSet<(String, u64)>,
}

/// One capture.
pub struct Stream {
    blocks: Box<dyn Blocks>,
    window: Window,
    clocks: Clocks,
    /// The segment being read; `None` before the first host record.
    at: Option<At>,
    capture_id: Option<[u8; 16]>,
    number: Option<u32>,
    input: usize,
    /// A block, and where in it another run begins, that waits for the window to be empty.
    stash: Option<(Vec<u8>, usize)>,
    gaps: Vec<Gap>,
    ended: bool,
    /// First and last time on this run's clock.
    times: Option<(u64, u64)>,
    without_clock: bool,
    malformed: u64,
    places: Vec<(usize, u64, SegmentId)>,
    /// Only times are asked for: blocks without host and clock records are hopped over.
    survey: bool,
}

/// Where in a capture the reader is.
#[derive(Clone, Debug)]
struct At {
    host: HostId,
    boot_id: String,
    segment: SegmentId,
    take: Take,
}

/// Segments that are remembered, to tell repetitions.
const SEGMENTS: usize = 1 << 16;
impl Shared {
    /// Of a run that is to begin.
    pub fn new(redact: Redactor) -> Shared {
        Shared { redact, ..Shared::default() }
    }
}

impl Stream {
    /// Over the blocks of a capture.
    pub fn new(blocks: Box<dyn Blocks>) -> Stream {
        let mut window = Window::default();
        window.hold(true);
        Stream {
            blocks,
            window,
            clocks: Clocks::default(),
            at: None,
            capture_id: None,
            number: None,
            input: 0,
            stash: None,
            gaps: Vec::new(),
            ended: false,
            times: None,
            without_clock: false,
            malformed: 0,
            places: Vec::new(),
            survey: false,
        }
    }

    /// As [`Stream::new`], but only to learn the span: no events will come.
    pub fn survey(blocks: Box<dyn Blocks>) -> Stream {
        Stream { survey: true, ..Stream::new(blocks) }
    }

    /// The time in UTC of the next event that may go; the outer `None`: none may.
    pub fn ready(&self) -> Option<Option<i64>> {
        self.window.ready().map(|time_ns| self.clocks.wall(time_ns))
    }

    /// Whether nothing more will come.
    pub fn is_done(&self) -> bool {
        self.ended && self.stash.is_none() && self.window.is_empty()
    }

    /// What was read, and what not; to be called once, at the end.
    pub fn coverage(&self) -> (Vec<InputCoverage>, bool) {
        let mut inputs = self.blocks.coverage();
        for damage in inputs.iter_mut().flat_map(|input| &mut input.damage) {
            damage.after_wall_ns = damage.after_ns.and_then(|t| self.clocks.wall(t));
            damage.before_wall_ns = damage.before_ns.and_then(|t| self.clocks.wall(t));
        }
        if let Some(last) = inputs.last_mut() {
            last.malformed += self.malformed;
            last.out_of_order += self.window.out_of_order();
        }
        (inputs, self.without_clock)
    }

    /// Reads the next block, or goes on with one that had to wait.
    ///
    /// # Errors
    /// What the input or the sink could not do.
    pub fn pump(
        &mut self,
        shared: &mut Shared,
        range: Range,
        sink: &mut dyn Sink,
    ) -> Result<(), AnalyzeError> {
        if let Some((bytes, from)) = self.stash.take() {
            self.note_span(shared);
            self.window.restart();
            self.window.hold(true);
            self.clocks = Clocks::default();
            self.at = None;
            return self.absorb(shared, bytes, from, sink);
        }
        if self.ended {
            return Ok(());
        }
        let (clocks, times, survey) = (&self.clocks, &mut self.times, self.survey);
        let mut want = |entry: &BlockEntry| match survey {
            true if is_segment_head(entry) => true,
            true => {
                widen(times, entry.first_ns, entry.last_ns);
                false
            }
            false => is_wanted(entry, clocks, range),
        };
        let chunk = self.blocks.next(&mut want);
        self.gaps.extend(self.blocks.take_gaps().into_iter().filter(|_| !survey));
        let Some(Chunk { bytes, input, capture_id, number }) = chunk else {
            self.ended = true;
            self.tell_gaps();
            self.note_span(shared);
            self.window.end();
            return Ok(());
        };
        self.input = input;
        self.number = number;
        let other_run = self.capture_id.is_some() && capture_id.is_some() && self.capture_id != capture_id;
        self.capture_id = capture_id.or(self.capture_id);
        if other_run && self.at.is_some() {
            self.window.end();
            self.stash = Some((bytes, 0));
            return Ok(());
        }
        self.absorb(shared, bytes, 0, sink)
    }

    /// Takes the first and last time of this run into the span of all.
    fn note_span(&mut self, shared: &mut Shared) {
        self.without_clock |= !self.clocks.is_known() && self.times.is_some();
        let Some((first, last)) = self.times.take() else { return };
        let (Some(first), Some(last)) = (self.clocks.wall(first), self.clocks.wall(last)) else { return };
        let span = shared.span.get_or_insert(Span { first_wall_ns: first, last_wall_ns: last });
        span.first_wall_ns = span.first_wall_ns.min(first);
        span.last_wall_ns = span.last_wall_ns.max(last);
    }

    fn absorb(
        &mut self,
        shared: &mut Shared,
        bytes: Vec<u8>,
        from: usize,
        sink: &mut dyn Sink,
    ) -> Result<(), AnalyzeError> {
        self.places.clear();
        let mut rest = from;
        let mut other_run = None;
        for record in Records::new(bytes.get(from..).unwrap_or_default()) {
            let Ok(record) = record else {
                self.malformed += 1;
                break;
            };
            let offset = rest;
            rest += record.bytes().len();
            match record.kind() {
                Some(Kind::Host) if self.is_other_boot(&record, shared) => {
                    other_run = Some(offset);
                    break;
                }
                Some(kind) => self.take(kind, &record, offset, shared, sink)?,
                None if self.at.as_ref().is_some_and(|at| at.take == Take::Read) => {
                    widen(&mut self.times, record.header().time_ns, record.header().time_ns);
                }
                None => {}
            }
        }
        if !self.places.is_empty() {
            let block = match other_run {
                Some(_) => self.window.begin_block(bytes.clone()),
                None => self.window.begin_block(bytes),
            };
            for (offset, time_ns, segment) in self.places.drain(..) {
                self.window.push(block, offset, time_ns, segment);
            }
            self.window.end_block(block);
            if let Some(offset) = other_run {
                self.stash = Some((self.window.block(block).to_vec(), offset));
            }
        } else if let Some(offset) = other_run {
            self.stash = Some((bytes, offset));
        }
        if self.stash.is_some() {
            self.window.end();
        } else if self.clocks.is_known() {
            self.window.hold(false);
        }
        self.tell_gaps();
        Ok(())
    }

    fn is_other_boot(&self, record: &Record<'_>, shared: &Shared) -> bool {
        match (&self.at, decode::host(record, &shared.redact)) {
            (Some(at), Ok(host)) => at.boot_id != host.boot_id,
            _ => false,
        }
    }

    /// One record: events wait, all else is told.
    fn take(
        &mut self,
        kind: Kind,
        record: &Record<'_>,
        offset: usize,
        shared: &mut Shared,
        sink: &mut dyn Sink,
    ) -> Result<(), AnalyzeError> {
        let time_ns = record.header().time_ns;
        if kind == Kind::Host {
            match decode::host(record, &shared.redact) {
                Ok(host) => self.begin_segment(host, time_ns, shared, sink)?,
                Err(_) => self.malformed += 1,
            }
        } else if self.at.is_none() {
            self.begin_segment(identity::Host::default(), time_ns, shared, sink)?;
        }
        let Some(at) = self.at.clone() else { return Ok(()) };
        if at.take == Take::Skip {
            return Ok(());
        }
        widen(&mut self.times, time_ns, time_ns);
        match kind {
            Kind::Host => Ok(()),
            _ if self.survey && kind != Kind::Clock => Ok(()),
            Kind::FileOpen
            | Kind::LibLoad
            | Kind::ProcessFork
            | Kind::ProcessExec
            | Kind::ProcessExit
            | Kind::KernelCrypto
            | Kind::Loss => {
                self.places.push((offset, time_ns, at.segment));
                Ok(())
            }
            Kind::BaselineProcess | Kind::BaselineMapping | Kind::BaselineOpenFile => {
                self.take_scan(kind, record, &at, shared, sink)
            }
            _ => self.take_note(kind, record, &at, shared, sink),
        }
    }

    fn begin_segment(
        &mut self,
        host: identity::Host,
        began_ns: u64,
        shared: &mut Shared,
        sink: &mut dyn Sink,
    ) -> Result<(), AnalyzeError> {
        let bits = host.redaction | shared.redact.bits();
        shared.redaction = Some(shared.redaction.map_or(bits, |b| b & bits));
        let id = SegmentId(shared.next_segment);
        shared.next_segment = shared.next_segment.wrapping_add(1);
        let host = shared.identify.host(host);
        sink.host(host)?;
        let segment = Segment {
            id,
            input: self.input,
            host: host.id,
            boot_id: host.boot_id.clone(),
            began_ns,
            capture_id: self.capture_id,
            number: self.number,
        };
        let is_named = !segment.boot_id.is_empty() && shared.segments.len() < SEGMENTS;
        let take = match is_named && !shared.segments.insert((segment.boot_id.clone(), began_ns)) {
            true => Take::Skip,
            false => sink.segment(&segment)?,
        };
        self.at = Some(At { host: segment.host, boot_id: segment.boot_id, segment: id, take });
        Ok(())
    }

    /// What a scan saw of a process.
    fn take_scan(
        &mut self,
        kind: Kind,
        record: &Record<'_>,
        at: &At,
        shared: &mut Shared,
        sink: &mut dyn Sink,
    ) -> Result<(), AnalyzeError> {
        let header = record.header();
        let id = shared.identify.process(at.host, header, &self.clocks);
        let scratch = &mut shared.scratch;
        let body = match kind {
            Kind::BaselineProcess => {
                if self.take_process(record, id, shared).is_err() {
                    self.malformed += 1;
                }
                return shared.identify.tell(id, sink);
            }
            Kind::BaselineMapping => decode::mapping(record, &shared.redact, scratch, id),
            _ => decode::open_file(record, &shared.redact, scratch, id),
        };
        let Ok(mut body) = body else {
            self.malformed += 1;
            return Ok(());
        };
        match &mut body {
            NoteBody::Mapping { path, file, repeated, .. } => {
                *repeated = shared.identify.is_repeated(id, (0u8, *path, *file));
            }
            NoteBody::OpenFile { path, fd, flags, repeated, .. } => {
                *repeated = shared.identify.is_repeated(id, (1u8, *path, *fd, *flags));
            }
            _ => {}
        }
        shared.identify.tell(id, sink)?;
        sink.note(&self.note(at, header.time_ns, body))
    }

    fn take_process(
        &self,
        record: &Record<'_>,
        id: ProcessId,
        shared: &mut Shared,
    ) -> Result<(), record::RecordError> {
        let process: BaselineProcess = record.payload()?;
        let (exe, argv) = (record.str(process.exe)?, record.str(process.argv)?);
        let unreadable = |bit| process.bits & bit != 0;
        let (exe, argv) = (shared.redact.path(exe), shared.redact.argv(argv));
        let program = Program {
            parent: Some((process.ppid, 0)),
            exe: (!unreadable(kinds::process_bits::EXE_UNREADABLE)).then_some(&*exe),
            argv: (!unreadable(kinds::process_bits::ARGV_UNREADABLE)).then_some(&*argv),
            argv_len: process.argv_len,
            bits: process.bits,
            cgroup: Some(record.str(process.cgroup_path)?),
        };
        shared.identify.program(id, record.header().time_ns, &program);
        shared.identify.update(id, |p| p.in_baseline = true);
        Ok(())
    }

    fn take_note(
        &mut self,
        kind: Kind,
        record: &Record<'_>,
        at: &At,
        shared: &mut Shared,
        sink: &mut dyn Sink,
    ) -> Result<(), AnalyzeError> {
        let time_ns = record.header().time_ns;
        if kind == Kind::Mark {
            // One in every drain pass: it is for the window alone.
            if record.payload::<Mark>().is_ok_and(|m| m.mark == MarkKind::Complete.number()) {
                self.window.complete(time_ns);
                return Ok(());
            }
        }
        if let Ok(clock) = record.payload::<Clock>() {
            self.clocks.note(time_ns, clock.realtime_ns);
        }
        let scratch = &mut shared.scratch;
        let body = match kind {
            Kind::Library => decode::library(record, &shared.redact, scratch).map(Some),
            Kind::HostCrypto => kernel_crypto::host_note(record),
            _ => decode::plain_note(record, &shared.redact, scratch),
        };
        match body {
            Ok(Some(body)) => {
                if let NoteBody::Cgroup { id, path } = body {
                    shared.identify.cgroup(at.host, id, path);
                }
                sink.note(&self.note(at, time_ns, body))
            }
            Ok(None) => Ok(()),
            Err(_) => {
                self.malformed += 1;
                Ok(())
            }
        }
    }

    fn note<'a>(&self, at: &At, time_ns: u64, body: NoteBody<'a>) -> Note<'a> {
        Note { host: at.host, segment: at.segment, time_ns, wall_ns: self.clocks.wall(time_ns), body }
    }

    /// Puts what the reader missed among the events, as a loss. Waits for a host to say it of; an input without any record
    /// has no events, and its damage is in the coverage.
    fn tell_gaps(&mut self) {
        if self.gaps.is_empty() || self.stash.is_some() {
            return;
        }
        let Some(at) = self.at.clone() else { return };
        let gaps = std::mem::take(&mut self.gaps);
        if at.take == Take::Skip {
            return;
        }
        for gap in gaps {
            let from_ns = gap.from_ns.unwrap_or_else(|| gap.to_ns.unwrap_or(self.window.newest_ns()));
            let loss = record::Loss {
                fact: event::Loss::CAPTURE,
                reason: event::Loss::DAMAGED,
                count: gap.records.unwrap_or(0),
                from_ns,
                to_ns: gap.to_ns.unwrap_or(event::Loss::OPEN),
                ..record::Loss::default()
            };
            let mut bytes = Vec::new();
            if Builder::new(&mut bytes).finish(&decode::header_at(from_ns), &loss).is_ok() {
                let block = self.window.begin_block(bytes);
                self.window.push(block, 0, from_ns, at.segment);
                self.window.end_block(block);
            }
        }
    }

    /// Hands the next event to the sink.
    ///
    /// # Errors
    /// What the sink could not do.
    pub fn deliver(&mut self, shared: &mut Shared, sink: &mut dyn Sink) -> Result<(), AnalyzeError> {
        let Some(next) = self.window.pop() else { return Ok(()) };
        let host = self.at.as_ref().map(|at| at.host).unwrap_or_default();
        let bytes = self.window.block(next.block).get(next.offset..).unwrap_or_default();
        let told = match Record::split_first(bytes) {
            Ok((record, _)) => deliver(&record, &next, host, &self.clocks, shared, sink)?,
            Err(_) => false,
        };
        self.malformed += u64::from(!told);
        self.window.done(next.block);
        Ok(())
    }

    /// Lets go of processes that ended long ago.
    ///
    /// # Errors
    /// What the sink could not do.
    pub fn forget(&mut self, shared: &mut Shared, sink: &mut dyn Sink) -> Result<(), AnalyzeError> {
        match &self.at {
            Some(at) => shared.identify.forget(self.window.released_ns(), at.host, sink),
            None => Ok(()),
        }
    }
}

/// Takes a stretch of time into another. 0 is no time.
fn widen(times: &mut Option<(u64, u64)>, first_ns: u64, last_ns: u64) {
    if first_ns != 0 {
        let (first, last) = times.get_or_insert((first_ns, last_ns));
        (*first, *last) = ((*first).min(first_ns), (*last).max(last_ns));
    }
}
