//! A running recording: the loop between the rings and the capture.
//!
//! Invariants:
//! - Each pass of the loop is bounded; between passes duration and signals are looked at.
//! - A mark `Complete` at T is written only after both rings were empty at a time after T.
//! - Nothing is lost in silence: the kernel's counters are read at least once a second, and at the end.

use crate::api::Api;
use crate::api::counts::Whose;
use crate::baseline::{Baseline, ProcessIdentity, ScanOptions};
use crate::clocks::{self, HostFacts, now_ns};
use crate::error::RecordError;
use crate::events::both;
use crate::filters::Filters;
use crate::host_crypto::HostCryptoFacts;
use crate::known::Processes;
use crate::loads::Loads;
use crate::objects::Objects;
use crate::options::{Hooks, Progress, RecordOptions, Report, Stop};
use crate::output::{OutputError, Patience};
use crate::perf::Mappings;
use crate::probes::ladder::Attempt;
use crate::probes::object::Loaded;
use crate::start::{all_processes, follow_more};
use crate::stop::{self, Signals};
use crate::wire::Wire;
use crate::wire::part::SocketKey;
use crate::writer::Writer;
use crypto_tracer_format::record::{Fact, LossReason, MarkKind, ProbeStatus, Record};
use crypto_tracer_format::segment::CloseReason;
use libbpf_rs::{MapCore, MapFlags, MapHandle, RingBuffer};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Records taken from the ring in one go.
const BATCH: usize = 8192;
/// Bytes that may wait in memory while the baseline is scanned.
const STAGED_BYTES: usize = 64 << 20;
/// A record may be this old before it reaches the ring.
const IN_FLIGHT_NS: u64 = 20_000_000;
/// How long the recorder sleeps at most, unless the output asks for less.
const SLEEP: Duration = Duration::from_millis(250);
const EACH_SECOND: Duration = Duration::from_secs(1);
const EACH_MINUTE: Duration = Duration::from_secs(60);

/// See the module.
pub(crate) struct Session<'a> {
    pub(crate) options: &'a RecordOptions,
    pub(crate) host: HostFacts,
    pub(crate) host_crypto: HostCryptoFacts,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) recorded: HashSet<Fact>,
    pub(crate) filters: Filters,
    pub(crate) processes: Processes,
    pub(crate) baseline: Baseline,
    pub(crate) writer: Writer,
    pub(crate) ring: RingBuffer<'static>,
    pub(crate) staged: Rc<RefCell<Vec<u8>>>,
    pub(crate) rings: Option<Mappings>,
    pub(crate) patience: Patience,
    pub(crate) loaded: Loaded,
    pub(crate) loads: Loads,
    pub(crate) objects: Objects,
    pub(crate) wire: Wire,
    /// The kernel's connections.
    pub(crate) sockets: Option<MapHandle>,
    pub(crate) api: Option<Api>,
    /// Memory for a call whose objects are named.
    pub(crate) named: Vec<u8>,
    pub(crate) kernel_losses: HashMap<(Fact, LossReason), u64>,
    pub(crate) losses_read_ns: u64,
    pub(crate) malformed: u64,
    pub(crate) started: Instant,
    pub(crate) clock_written: Instant,
    pub(crate) losses_read: Instant,
    pub(crate) calls_read: Instant,
    pub(crate) completed_ns: u64,
    /// When something was written last, marks of completeness not counted.
    pub(crate) written_ns: u64,
}

impl Session<'_> {
    /// Until the duration is over, a signal comes, or the output is closed.
    ///
    /// # Errors
    /// The output refused.
    pub(crate) fn run(mut self, signals: &Signals, hooks: &mut dyn Hooks) -> Result<Report, RecordError> {
        let mut fds: Vec<libc::pollfd> = [signals.fd(), self.ring.epoll_fd()]
            .into_iter()
            .chain(self.rings.iter().flat_map(Mappings::fds))
            .map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
            .collect();
        let mut flow = self.begin_segment();
        if flow.is_continue() {
            // Whoever waits for this may now rely on the baseline too: what was there is in it, what comes is an event.
            self.started = Instant::now();
            self.patience.end_at(self.options.duration.map(|duration| self.started + duration));
            hooks.ready(&self.writer.output.shown());
            // Where there is no service manager, this does nothing.
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        }
        for warning in std::mem::take(&mut self.filters.warnings) {
            if flow.is_continue() {
                flow = self.mark(MarkKind::Warning, &warning);
            }
        }
        let mut shown = Instant::now();
        let mut stop = None;
        while flow.is_continue() && stop.is_none() {
            let whole = self.pass();
            if let Some(api) = &mut self.api {
                api.details.drain(..).for_each(|detail| hooks.detail(&detail));
            }
            flow = match whole {
                ControlFlow::Continue(more) => {
                    if !more {
                        stop::wait(&mut fds, self.sleep());
                    }
                    self.now_and_then()
                }
                ControlFlow::Break(()) => ControlFlow::Break(()),
            };
            if shown.elapsed() >= SLEEP {
                shown = Instant::now();
                hooks.progress(&self.progress());
            }
            stop = signals.came().or_else(|| {
                self.options.duration.filter(|d| self.started.elapsed() >= *d).map(|_| Stop::Duration)
            });
        }
        self.end(stop.or_else(|| signals.came()), hooks)
    }

    /// What every segment begins with.
    fn begin_segment(&mut self) -> ControlFlow<()> {
        let mut out = Vec::new();
        self.host.put(&mut out, self.writer.redaction(), self.options);
        clocks::put_clock(&mut out);
        for attempt in &self.attempts {
            clocks::put(&mut out, now_ns(), |b| ProbeStatus {
                fact: attempt.fact.number(),
                state: attempt.state.number(),
                errno: attempt.errno,
                probe: b.string(attempt.probe.as_bytes()),
                reason: b.string(attempt.reason.as_bytes()),
            });
        }
        self.host_crypto.put(&mut out);
        if let Some(api) = &mut self.api {
            api.begin_segment(&mut out);
        }
        clocks::put_mark(&mut out, now_ns(), MarkKind::Recording, "");
        self.writer.put(&out)?;
        self.clock_written = Instant::now();
        self.scan()
    }

    /// The baseline. The ring is emptied into memory meanwhile, so that it doesn't overflow.
    fn scan(&mut self) -> ControlFlow<()> {
        let mut all = all_processes(&mut self.baseline);
        // Parents first.
        all.sort_by_key(|who| (who.start_ns, who.tgid));
        follow_more(&mut self.filters, &self.loaded, &all);
        let mut chosen = HashSet::new();
        // Of processes that were told of since, the filters know nothing.
        let known = |who: &&ProcessIdentity| {
            let started = who.header(0).start_ticks();
            self.processes.get(who.tgid).is_some_and(|k| k.header.start_ticks() == started)
        };
        let admitted: Vec<&ProcessIdentity> =
            all.iter().filter(|who| self.filters.admits(who) || known(who)).collect();
        for who in admitted {
            let of = |file: &str| format!("/proc/{}/{file}", who.tgid);
            let (exe, argv) = if self.options.names.is_empty() {
                (Vec::new(), Vec::new())
            } else {
                let exe = std::fs::read_link(of("exe")).map(|p| p.into_os_string().into_encoded_bytes());
                (exe.unwrap_or_default(), std::fs::read(of("cmdline")).unwrap_or_default())
            };
            if self.processes.began(&who.header(0), who.ppid, &exe, &argv) {
                chosen.insert(who.tgid);
            }
        }
        let (writer, ring, staged) = (&mut self.writer, &self.ring, &self.staged);
        let options = ScanOptions {
            own_pid: std::process::id(),
            wanted: &|who| chosen.contains(&who.tgid),
            patterns: &self.filters.patterns,
            now: &now_ns,
        };
        let scanned = self.baseline.scan(&options, &mut |records| {
            if staged.borrow().len() < STAGED_BYTES {
                ring.consume_raw_n(BATCH);
            }
            writer.put(records)
        });
        match scanned {
            ControlFlow::Continue(_) => ControlFlow::Continue(()),
            ControlFlow::Break(()) => ControlFlow::Break(()),
        }
    }

    /// Takes what the rings hold, up to a batch; whether there may be more.
    fn pass(&mut self) -> ControlFlow<(), bool> {
        let began_ns = now_ns();
        if let Some(rings) = &mut self.rings {
            self.loads.drain(rings);
        }
        self.probe_new()?;
        let more = self.ring.consume_raw_n(BATCH) >= BATCH as i32;
        let staged = std::mem::take(&mut *self.staged.borrow_mut());
        let mut rest = staged.as_slice();
        let mut flow = ControlFlow::Continue(());
        while !rest.is_empty() {
            match Record::split_first(rest) {
                Ok((record, after)) => {
                    rest = after;
                    flow = both(flow, self.take(&record));
                }
                Err(_) => {
                    self.malformed += 1;
                    rest = after_malformed(rest);
                }
            }
        }
        // The same memory again, unless the baseline made it large.
        let mut empty = staged;
        empty.clear();
        empty.shrink_to(4 << 20);
        *self.staged.borrow_mut() = empty;
        flow?;
        if !more {
            self.loads_before(u64::MAX)?;
            self.calls_of_ended()?;
            self.processes.pass_ended();
            let complete_ns = began_ns.saturating_sub(IN_FLIGHT_NS);
            if std::mem::take(&mut self.writer.dirty) {
                self.written_ns = now_ns();
            }
            // Until a mark is younger than all that was written: what a pass finds is younger than the mark of that pass,
            // and a reader of a pipe would not see the end of a burst before the next one.
            if self.written_ns >= self.completed_ns && complete_ns > self.completed_ns {
                self.completed_ns = complete_ns;
                let mut out = Vec::new();
                clocks::put_mark(&mut out, complete_ns, MarkKind::Complete, "");
                self.writer.put(&out)?;
                self.writer.dirty = false;
            }
        }
        ControlFlow::Continue(more)
    }

    /// Clocks, losses, rotation, flushing.
    fn now_and_then(&mut self) -> ControlFlow<()> {
        if self.losses_read.elapsed() >= EACH_SECOND {
            self.read_losses()?;
            self.read_calls(Whose::All)?;
        }
        if self.clock_written.elapsed() >= EACH_MINUTE {
            self.put_clock()?;
        }
        if let Some(reason) = self.writer.output.rotation_due(Instant::now()) {
            self.read_losses()?;
            self.put_clock()?;
            let result = self.writer.output.rotate(reason);
            let warnings = match result {
                Ok(closed) => closed.warnings,
                Err(e) => return self.writer.check(Err(e)),
            };
            self.begin_segment()?;
            for warning in warnings {
                self.mark(MarkKind::Warning, &warning.to_string())?;
            }
        }
        let result = self.writer.output.tick(Instant::now());
        self.writer.check(result)
    }

    fn put_clock(&mut self) -> ControlFlow<()> {
        let mut out = Vec::new();
        clocks::put_clock(&mut out);
        self.clock_written = Instant::now();
        self.writer.put(&out)
    }

    pub(crate) fn mark(&mut self, mark: MarkKind, text: &str) -> ControlFlow<()> {
        let mut out = Vec::new();
        clocks::put_mark(&mut out, now_ns(), mark, text);
        self.writer.put(&out)
    }

    /// Writes what was lost since the last time.
    fn read_losses(&mut self) -> ControlFlow<()> {
        let (from_ns, to_ns) = (self.losses_read_ns, now_ns());
        for (fact, reason, total) in self.loaded.losses() {
            let before = self.kernel_losses.insert((fact, reason), total).unwrap_or_default();
            // What is attached only for the recorder's own sake is missed where filters rely on it.
            if self.recorded.contains(&fact) || !self.options.names.is_empty() || self.filters.any() {
                self.writer.loss(fact, reason, total.saturating_sub(before), from_ns, to_ns)?;
            }
        }
        let lost = std::mem::take(&mut self.loads.lost);
        self.writer.loss(Fact::LibLoad, LossReason::BufferFull, lost, from_ns, to_ns)?;
        let malformed = std::mem::take(&mut self.loads.malformed);
        self.writer.loss(Fact::LibLoad, LossReason::Malformed, malformed, from_ns, to_ns)?;
        let malformed = std::mem::take(&mut self.malformed);
        self.writer.loss(Fact::FileOpen, LossReason::Malformed, malformed, from_ns, to_ns)?;
        let sockets = self.sockets.as_ref();
        self.wire.forget_old(to_ns, |socket| is_followed(sockets, socket));
        let forgotten = std::mem::take(&mut self.wire.forgotten);
        self.writer.loss(Fact::TlsHandshake, LossReason::MapFull, forgotten, from_ns, to_ns)?;
        self.losses_read = Instant::now();
        self.losses_read_ns = to_ns;
        ControlFlow::Continue(())
    }

    /// How long nothing needs to be done unless something comes.
    fn sleep(&self) -> Duration {
        let flush = self.options.flush.unwrap_or(SLEEP);
        let left = self.options.duration.map_or(SLEEP, |d| d.saturating_sub(self.started.elapsed()));
        let waiting = self.writer.output.next_tick(Instant::now()).unwrap_or(SLEEP);
        let pipe = if self.options.output.as_os_str() == "-" { Duration::from_millis(20) } else { SLEEP };
        let flush = if self.options.flush.is_some() { flush } else { pipe };
        // A millisecond at least: a poll of zero would spin until the flush is due.
        SLEEP.min(flush).min(left).min(waiting).max(Duration::from_millis(1))
    }

    fn progress(&self) -> Progress {
        Progress {
            elapsed: self.started.elapsed(),
            events: self.writer.events,
            bytes: self.writer.output.written().bytes,
            lost: self.writer.lost,
        }
    }

    /// Detaches, takes what is left, closes the capture.
    fn end(mut self, stop: Option<Stop>, hooks: &mut dyn Hooks) -> Result<Report, RecordError> {
        // A reader is given up only after a signal, or when the duration is over.
        let stalled = matches!(self.writer.error, Some(OutputError::Stalled { .. }));
        let stop = stop.unwrap_or(if stalled { Stop::Duration } else { Stop::Closed });
        self.patience.end_now();
        for (fact, took) in self.loaded.detach() {
            hooks.detail(&format!("{fact}: detached after {:.1} ms", took.as_secs_f64() * 1e3));
        }
        let elapsed = self.started.elapsed();
        let reason = match stop {
            Stop::Duration => "the duration is over",
            Stop::Interrupted => "SIGINT",
            Stop::Terminated => "SIGTERM",
            Stop::Closed => "the output was closed",
        };
        // The ring takes nothing new now, so that this ends. A failed write breaks once; what is left is counted all the same.
        while self.pass() != ControlFlow::Continue(false) {}
        let _ = self.read_calls(Whose::Last);
        self.wire.end(|socket| is_followed(self.sockets.as_ref(), socket));
        if self.read_losses().is_break() {
            let _ = self.read_losses();
        }
        let _ = self.put_clock();
        let _ = self.mark(MarkKind::Stopped, reason);
        if self.writer.error.is_none() {
            let flushed = self.writer.output.flush();
            let _ = self.writer.check(flushed);
        }
        let mut progress = Progress { elapsed, ..self.progress() };
        let error = match self.writer.error.take() {
            None => match self.writer.output.finish(CloseReason::Stopped) {
                Ok((_, written)) => {
                    progress.bytes = written.bytes;
                    None
                }
                Err(e) => Some(e),
            },
            error => error,
        };
        match error {
            None => Ok(Report { stop, progress }),
            Some(e @ OutputError::Stalled { .. }) => {
                hooks.warning(&format!("{e}; the events in them count as lost"));
                Ok(Report { stop, progress })
            }
            Some(OutputError::ReaderGone) => Ok(Report { stop: Stop::Closed, progress }),
            Some(e) => Err(e.into()),
        }
    }
}

/// Whether the kernel's table still has this connection: the socket may be another one's by now.
fn is_followed(sockets: Option<&MapHandle>, (sock, since): &SocketKey) -> bool {
    let Some(sockets) = sockets else { return true };
    match sockets.lookup(&sock.to_ne_bytes(), MapFlags::ANY) {
        Ok(found) => {
            found.and_then(|state| state.first_chunk().copied()).map(u64::from_ne_bytes) == Some(*since)
        }
        // Then it isn't known.
        Err(_) => true,
    }
}

/// What follows a record that makes no sense, by the size that it states itself.
fn after_malformed(records: &[u8]) -> &[u8] {
    let size = records.get(4..8).and_then(|b| b.first_chunk::<4>()).map(|b| u32::from_le_bytes(*b) as usize);
    size.filter(|size| *size > 0).and_then(|size| records.get(size..)).unwrap_or_default()
}
