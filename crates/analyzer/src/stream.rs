//! One capture on its way through the pipeline: blocks come in, records wait in the window, context is told at once.
//!
//! Invariants:
//! - Host, clock, probes, baseline and names are told as soon as they are read; events wait for their turn.
//! - What was recorded by another boot or another run has its own clock: it starts when all before it has gone.
//! - Damage becomes a loss among the events, at the place in time where something is missing.

mod context;

use std::collections::{BTreeMap, HashSet};

use crypto_tracer_format::record::{self, Builder, Kind, Record, Records};
use crypto_tracer_format::redact::Redactor;
use crypto_tracer_format::segment::BlockEntry;

use crate::AnalyzeError;
use crate::api::Tables;
use crate::clock::Clocks;
use crate::coverage::{InputCoverage, LossTotal};
use crate::decode::{self, Scratch};
use crate::deliver::{self, Context};
use crate::event;
use crate::identify::Identify;
use crate::identity::{self, HostId, SegmentId};
use crate::input::{Blocks, Chunk, Gap};
use crate::order::Window;
use crate::sink::{Range, Segment, Sink, Span, Take};
use crate::tls::handshakes::Handshakes;
use crate::wanted::{is_segment_head, is_wanted, lies_behind};

/// What all captures of a run share.
#[derive(Debug, Default)]
pub struct Shared {
    pub identify: Identify,
    pub redact: Redactor,
    pub scratch: Scratch,
    /// What segments say of the functions and files that their calls name.
    pub tables: Tables,
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
    /// Handshakes of this run whose end wasn't read yet.
    handshakes: Handshakes,
    /// When the last handshake ended for having waited long enough.
    waited_ns: u64,
    /// Blocks after all that is asked for were left out: what is open then ends there, if at all.
    is_cut: bool,
    /// Only times are asked for: blocks without host and clock records are hopped over.
    survey: bool,
}

/// Where in a capture the reader is.
#[derive(Clone, Debug)]
struct At {
    host: HostId,
    boot_id: String,
    hostname: String,
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
            handshakes: Handshakes::default(),
            waited_ns: 0,
            is_cut: false,
            survey: false,
        }
    }

    /// As [`Stream::new`], but only to learn the span: no events will come.
    pub fn survey(blocks: Box<dyn Blocks>) -> Stream {
        Stream { survey: true, ..Stream::new(blocks) }
    }

    /// The time in UTC of the next event that may go; the outer `None`: none may.
    pub fn ready(&self) -> Option<Option<i64>> {
        let record_ns = self.window.ready();
        let due_ns = self.handshakes.due().filter(|due| record_ns.is_some() || self.window.is_settled(*due));
        let last_ns = self.has_left_open().then(|| self.last_ns());
        let time_ns = record_ns.into_iter().chain(due_ns).chain(last_ns).min()?;
        Some(self.clocks.wall(time_ns))
    }

    /// Whether nothing more will come.
    pub fn is_done(&self) -> bool {
        self.ended && self.stash.is_none() && self.window.is_empty() && !self.has_left_open()
    }

    /// The time of the last event of this run so far.
    fn last_ns(&self) -> u64 {
        self.window.released_ns().max(self.waited_ns)
    }

    /// Whether this run is over, and left handshakes open.
    fn has_left_open(&self) -> bool {
        let is_over = (self.ended || self.stash.is_some()) && self.window.is_empty();
        is_over && !self.is_cut && !self.handshakes.is_empty()
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
            self.handshakes = Handshakes::default();
            self.waited_ns = 0;
            self.at = None;
            return self.absorb(shared, bytes, from, sink);
        }
        if self.ended {
            return Ok(());
        }
        let (clocks, times, survey, is_cut) = (&self.clocks, &mut self.times, self.survey, &mut self.is_cut);
        let mut want = |entry: &BlockEntry| match survey {
            true if is_segment_head(entry) => true,
            true => {
                widen(times, entry.first_ns, entry.last_ns);
                false
            }
            false => {
                let wanted = is_wanted(entry, clocks, range);
                *is_cut |= !wanted && lies_behind(entry, clocks, range);
                wanted
            }
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
            // A host that doesn't say which boot it is goes by its name, as everywhere.
            (Some(at), Ok(host)) => {
                at.boot_id != host.boot_id || (host.boot_id.is_empty() && at.hostname != host.hostname)
            }
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
            | Kind::ApiCall
            | Kind::ApiCount
            | Kind::TlsHello
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
        let hostname = host.hostname.clone();
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
        self.at = Some(At { host: segment.host, boot_id: segment.boot_id, hostname, segment: id, take });
        Ok(())
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
        let host = self.at.as_ref().map(|at| at.host).unwrap_or_default();
        let last_ns = self.last_ns();
        let mut context =
            Context { host, clocks: &self.clocks, handshakes: &mut self.handshakes, shared, sink };
        let record_ns = self.window.ready();
        if let Some(due_ns) = context.handshakes.due()
            && record_ns.is_none_or(|record_ns| due_ns < record_ns)
            && (record_ns.is_some() || self.window.is_settled(due_ns))
        {
            self.waited_ns = due_ns;
            return deliver::due(due_ns, &mut context);
        }
        let Some(next) = self.window.pop() else {
            return deliver::left_open(last_ns, &mut context);
        };
        let bytes = self.window.block(next.block).get(next.offset..).unwrap_or_default();
        let told = match Record::split_first(bytes) {
            Ok((record, _)) => deliver::deliver(&record, &next, &mut context)?,
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
