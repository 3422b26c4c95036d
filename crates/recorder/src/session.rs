//! A recording, from the check of privileges to the closed capture.
//!
//! Invariants:
//! - Everything is attached before the baseline is scanned, so that nothing falls between the two.
//! - Each pass of the loop is bounded; between passes duration and signals are looked at.
//! - A mark `Complete` at T is written only after both rings were empty at a time after T.
//! - Nothing is lost in silence: the kernel's counters are read at least once a second, and at the end.

use crate::baseline::{Baseline, ProcessIdentity, ScanOptions};
use crate::clocks::{self, HostFacts, now_ns};
use crate::error::RecordError;
use crate::filters::Filters;
use crate::known::Processes;
use crate::loads::Loads;
use crate::options::{Hooks, Progress, RecordOptions, Report, Stop};
use crate::output::{Output, OutputError, OutputOptions};
use crate::perf::Mappings;
use crate::privileges;
use crate::probes::ladder::{self, Attempt, Choice};
use crate::probes::object::Loaded;
use crate::probes::{self, LIB_LOAD_PROBE, LIB_LOAD_REMEDY};
use crate::stop::{self, Signals};
use crate::writer::Writer;
use crypto_tracer_format::record::{
    Fact, FileOpen, Kind, LossReason, MarkKind, ProbeState, ProbeStatus, ProcessExec, ProcessFork, Record,
};
use crypto_tracer_format::redact::{Policy, Redactor};
use crypto_tracer_format::segment::CloseReason;
use libbpf_rs::{MapCore, MapFlags, RingBuffer, RingBufferBuilder};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Records taken from the ring in one go.
const BATCH: usize = 8192;
/// Bytes that may wait in memory while the baseline is scanned.
const STAGED_BYTES: usize = 64 << 20;
/// Size of the perf ring of each processor, in bytes.
const PERF_BYTES: usize = 512 << 10;
/// A block is closed at this size, if not by time.
const BLOCK_BYTES: usize = 512 << 10;
/// A record may be this old before it reaches the ring.
const IN_FLIGHT_NS: u64 = 20_000_000;
/// How long the recorder sleeps at most, unless the output asks for less.
const SLEEP: Duration = Duration::from_millis(250);
const EACH_SECOND: Duration = Duration::from_secs(1);
const EACH_MINUTE: Duration = Duration::from_secs(60);

/// Records until the duration is over, a signal comes, or the output is closed.
///
/// # Errors
/// See [`RecordError`]. What was written before an error is a capture that can be read.
pub fn record(options: &RecordOptions, hooks: &mut dyn Hooks) -> Result<Report, RecordError> {
    privileges::check()?;
    let host = HostFacts::read();
    check_kernel(&host.release)?;
    let mut baseline = Baseline::new();
    let mut filters = Filters::resolve(options, &mut baseline)?;
    for warning in &filters.warnings {
        hooks.warning(warning);
    }
    let wanted: Vec<Fact> =
        if options.facts.is_empty() { probes::facts().collect() } else { options.facts.clone() };
    let buffer_bytes = buffer_bytes(options.buffer_bytes)?;
    let mut config = filters.config().map_err(|e| RecordError::Filter {
        option: "--watch",
        value: options.watch.join(" "),
        why: e.to_string(),
    })?;
    config.own_tgid = std::process::id();
    config.wake_bytes = buffer_bytes / 4;

    // Who a process is, the recorder learns from its fork, exec and exit, whether they are recorded or not.
    let signals = Signals::take().map_err(|source| RecordError::System { what: "signalfd", source })?;
    let tracepoints = ladder::tracepoints();
    let mut attached: Vec<Fact> = wanted.clone();
    attached.extend([Fact::ProcessFork, Fact::ProcessExec, Fact::ProcessExit]);
    let choice = ladder::choose(&attached, &config, &tracepoints, options.only_probe.as_deref(), false);
    let (rings, lib_load) = open_rings(wanted.contains(&Fact::LibLoad));
    let attempts: Vec<Attempt> = statuses(&choice, lib_load, &wanted);
    let works = |a: &Attempt| a.state == ProbeState::Attached;
    if !attempts.iter().any(works) {
        return Err(RecordError::NothingAttached(reasons(&attempts)));
    }
    let output = Output::open(OutputOptions {
        output: options.output.clone(),
        force: options.force,
        host: host.hostname.clone(),
        writer: options.recorder.clone(),
        level: options.level,
        block_bytes: BLOCK_BYTES,
        flush_after: options.flush,
        sync: options.sync,
        rotate_size: options.rotate_size,
        rotate_time: options.rotate_time,
        keep: options.keep,
    })?;
    let loaded = ladder::attach_all(&choice, &config, &filters.tables(), buffer_bytes, &tracepoints)
        .map_err(|e| RecordError::NothingAttached(e.to_string()))?;
    let events = loaded
        .handle("events")
        .ok_or_else(|| RecordError::NothingAttached("the ring buffer is missing".into()))?;
    let staged = Rc::new(RefCell::new(Vec::with_capacity(1 << 20)));
    let staging = Rc::clone(&staged);
    let mut builder = RingBufferBuilder::new();
    builder.add(&events, move |bytes| {
        staging.borrow_mut().extend_from_slice(bytes);
        0
    })?;
    let ring = builder.build()?;
    report_probes(&attempts, &wanted, hooks);
    if tracepoints.private_mount {
        hooks.detail(
            "tracefs is not mounted on this host: it was read in a mount namespace of the recorder's own",
        );
    }
    if let Err(e) = privileges::drop_to_late_needs(output.in_foreign_folder()) {
        hooks.detail(&format!("privileges are kept: {e}"));
    }

    let redactor = Redactor::new(Policy { paths: options.redact, users: options.redact });
    let shown = output.shown();
    let everything = all_processes(&mut baseline);
    follow_more(&mut filters, &loaded, &everything);
    let session = Session {
        options,
        host,
        attempts,
        recorded: wanted.iter().copied().collect(),
        processes: Processes::new(&options.names, options.follow_children),
        filters,
        baseline,
        writer: Writer::new(output, redactor),
        loaded,
        ring,
        staged,
        rings,
        loads: Loads::default(),
        kernel_losses: HashMap::new(),
        losses_read_ns: now_ns(),
        malformed: 0,
        started: Instant::now(),
        clock_written: Instant::now(),
        losses_read: Instant::now(),
        completed_ns: 0,
    };
    hooks.ready(&shown);
    // Where there is no service manager, this does nothing.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    session.run(&signals, hooks)
}

fn all_processes(baseline: &mut Baseline) -> Vec<ProcessIdentity> {
    let mut all = Vec::new();
    baseline.identities(&mut |who| {
        if !who.kernel_thread && who.tgid != std::process::id() {
            all.push(who);
        }
    });
    all
}

/// Children that were there before the programs watched for new ones.
fn follow_more(filters: &mut Filters, loaded: &Loaded, all: &[ProcessIdentity]) {
    let new = filters.follow(all);
    if let (false, Some(pids)) = (new.is_empty(), loaded.handle("pids")) {
        for pid in new {
            // A full table is counted by the kernel program for the children to come; here it only means fewer of them.
            let _ = pids.update(&pid.to_ne_bytes(), &[1], MapFlags::ANY);
        }
    }
}

fn check_kernel(release: &str) -> Result<(), RecordError> {
    let lacks = |lacking| Err(RecordError::Kernel { release: release.to_owned(), lacking });
    if !new_enough(release) {
        return lacks("recording needs 5.8 or newer (the BPF ring buffer)");
    }
    if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
        return lacks(
            "recording needs its type information (CONFIG_DEBUG_INFO_BTF, /sys/kernel/btf/vmlinux)",
        );
    }
    Ok(())
}

/// The BPF ring buffer came with 5.8.
pub(crate) fn new_enough(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8)
}

/// A power of two of pages.
fn buffer_bytes(asked: u64) -> Result<u32, RecordError> {
    let size = asked.max(u64::from(ladder::page_bytes())).checked_next_power_of_two();
    size.and_then(|s| u32::try_from(s).ok()).filter(|s| *s <= 1 << 30).ok_or_else(|| RecordError::Filter {
        option: "--buffer",
        value: asked.to_string(),
        why: "expected at most 1 GiB".into(),
    })
}

/// The perf rings, and how that went.
pub(crate) fn open_rings(requested: bool) -> (Option<Mappings>, Attempt) {
    let attempt = |state, errno, reason: String| Attempt {
        fact: Fact::LibLoad,
        probe: LIB_LOAD_PROBE,
        state,
        errno,
        reason,
    };
    if !requested {
        return (None, attempt(ProbeState::NotRequested, 0, "the user left this fact out".into()));
    }
    match Mappings::open(PERF_BYTES) {
        Ok(rings) => (Some(rings), attempt(ProbeState::Attached, 0, String::new())),
        Err(e) => {
            let errno = e.raw_os_error().unwrap_or(libc::EINVAL);
            (
                None,
                attempt(ladder::state_of(errno), errno, format!("opening failed ({e}); {LIB_LOAD_REMEDY}")),
            )
        }
    }
}

/// In the order of facts; a fact that only the recorder itself needs is told as not requested.
fn statuses(choice: &Choice, lib_load: Attempt, wanted: &[Fact]) -> Vec<Attempt> {
    let mut all = choice.attempts.clone();
    for attempt in all.iter_mut().filter(|a| !wanted.contains(&a.fact)) {
        attempt.state = ProbeState::NotRequested;
        attempt.errno = 0;
        attempt.reason = "the user left this fact out".into();
    }
    all.push(lib_load);
    all.sort_by_key(|a| a.fact.number());
    all
}

fn reasons(attempts: &[Attempt]) -> String {
    let tried = attempts.iter().filter(|a| a.state != ProbeState::NotRequested);
    tried.map(|a| format!("{}: {}", a.probe, a.reason)).collect::<Vec<_>>().join("\n")
}

fn report_probes(attempts: &[Attempt], wanted: &[Fact], hooks: &mut dyn Hooks) {
    for attempt in attempts {
        let sep = if attempt.reason.is_empty() { "" } else { ": " };
        hooks.detail(&format!(
            "{}: {} {}{sep}{}",
            attempt.fact.name(),
            attempt.probe,
            attempt.state.name(),
            attempt.reason
        ));
    }
    for fact in wanted {
        if !attempts.iter().any(|a| a.fact == *fact && a.state == ProbeState::Attached) {
            hooks.warning(&format!(
                "{} is not recorded: no probe for it works here (see `crypto-tracer doctor`)",
                fact.name()
            ));
        }
    }
}

struct Session<'a> {
    options: &'a RecordOptions,
    host: HostFacts,
    attempts: Vec<Attempt>,
    recorded: HashSet<Fact>,
    filters: Filters,
    processes: Processes,
    baseline: Baseline,
    writer: Writer,
    ring: RingBuffer<'static>,
    staged: Rc<RefCell<Vec<u8>>>,
    rings: Option<Mappings>,
    loaded: Loaded,
    loads: Loads,
    kernel_losses: HashMap<(Fact, LossReason), u64>,
    losses_read_ns: u64,
    malformed: u64,
    started: Instant,
    clock_written: Instant,
    losses_read: Instant,
    completed_ns: u64,
}

impl Session<'_> {
    fn run(mut self, signals: &Signals, hooks: &mut dyn Hooks) -> Result<Report, RecordError> {
        let mut fds: Vec<libc::pollfd> = [signals.fd(), self.ring.epoll_fd()]
            .into_iter()
            .chain(self.rings.iter().flat_map(Mappings::fds))
            .map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
            .collect();
        let mut flow = self.begin_segment();
        for warning in std::mem::take(&mut self.filters.warnings) {
            if flow.is_continue() {
                flow = self.mark(MarkKind::Warning, &warning);
            }
        }
        let mut shown = Instant::now();
        let mut stop = None;
        while flow.is_continue() && stop.is_none() {
            let whole = self.pass();
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
        self.end(stop)
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
        for who in all.iter().filter(|who| self.filters.admits(who)) {
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
        let more = self.ring.consume_raw_n(BATCH) >= BATCH as i32;
        let staged = std::mem::take(&mut *self.staged.borrow_mut());
        let mut rest = staged.as_slice();
        while !rest.is_empty() {
            match Record::split_first(rest) {
                Ok((record, after)) => {
                    rest = after;
                    self.take(&record)?;
                }
                Err(_) => {
                    self.malformed += 1;
                    break;
                }
            }
        }
        // The same memory again, unless the baseline made it large.
        let mut empty = staged;
        empty.clear();
        empty.shrink_to(4 << 20);
        *self.staged.borrow_mut() = empty;
        if !more {
            self.loads_before(u64::MAX)?;
            self.processes.pass_ended();
            let complete_ns = began_ns.saturating_sub(IN_FLIGHT_NS);
            if self.writer.dirty && complete_ns > self.completed_ns {
                self.completed_ns = complete_ns;
                let mut out = Vec::new();
                clocks::put_mark(&mut out, complete_ns, MarkKind::Complete, "");
                self.writer.put(&out)?;
                self.writer.dirty = false;
            }
        }
        ControlFlow::Continue(more)
    }

    /// One record of the kernel programs.
    fn take(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        let header = record.header();
        let bytes = |at| record.str(at).unwrap_or_default();
        let (fact, wanted) = match record.kind() {
            Some(Kind::FileOpen) => {
                let open = record.payload::<FileOpen>().unwrap_or_default();
                let wanted = self.processes.passes(header)
                    && self.filters.file_wanted(bytes(open.dir), bytes(open.path));
                (Fact::FileOpen, wanted)
            }
            Some(Kind::ProcessFork) => {
                self.loads_before(header.time_ns)?;
                let fork = record.payload::<ProcessFork>().unwrap_or_default();
                self.loads.forget(header.tgid);
                (Fact::ProcessFork, self.processes.forked(header, fork.ppid))
            }
            Some(Kind::ProcessExec) => {
                // Of the new program, the interpreter's mappings come before this record; crypto libraries come after it.
                self.loads_before(header.time_ns)?;
                let exec = record.payload::<ProcessExec>().unwrap_or_default();
                self.loads.forget(header.tgid);
                (
                    Fact::ProcessExec,
                    self.processes.began(header, exec.ppid, bytes(exec.exe), bytes(exec.argv)),
                )
            }
            Some(Kind::ProcessExit) => {
                self.loads_before(header.time_ns)?;
                self.loads.forget(header.tgid);
                (Fact::ProcessExit, self.processes.exited(header))
            }
            _ => {
                self.malformed += 1;
                return ControlFlow::Continue(());
            }
        };
        if !wanted || !self.recorded.contains(&fact) {
            return ControlFlow::Continue(());
        }
        let writer = &mut self.writer;
        self.baseline.seen(header, &mut |records| writer.put(records))?;
        writer.event(record)
    }

    /// Writes the loads of libraries that came before this time.
    fn loads_before(&mut self, time_ns: u64) -> ControlFlow<()> {
        for load in self.loads.before(time_ns) {
            let header = match self.processes.get(load.tgid) {
                Some(known) if self.processes.passes(&known.header) => known.header,
                Some(_) => continue,
                // What the filters let through is known.
                None if self.filters.any() || load.tgid == std::process::id() => continue,
                None => match self.baseline.identity_of(load.tgid) {
                    Some(who) => who.header(load.time_ns),
                    None => clocks::header(load.time_ns),
                },
            };
            if header.start_ns == 0 && !self.options.names.is_empty() || !self.processes.passes(&header) {
                continue;
            }
            let mut out = Vec::new();
            load.put(&header, &mut out);
            let writer = &mut self.writer;
            let mut emit = |records: &[u8]| writer.put(records);
            if header.start_ns != 0 {
                self.baseline.seen(&header, &mut emit)?;
            }
            let named = crypto_tracer_format::record::Header { tgid: load.tgid, ..header };
            self.baseline.library_loaded(&named, &load.payload, &load.path, &mut emit)?;
            if let Ok((record, _)) = Record::split_first(&out) {
                self.writer.event(&record)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Clocks, losses, rotation, flushing.
    fn now_and_then(&mut self) -> ControlFlow<()> {
        if self.losses_read.elapsed() >= EACH_SECOND {
            self.read_losses()?;
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

    fn mark(&mut self, mark: MarkKind, text: &str) -> ControlFlow<()> {
        let mut out = Vec::new();
        clocks::put_mark(&mut out, now_ns(), mark, text);
        self.writer.put(&out)
    }

    /// Writes what was lost since the last time.
    fn read_losses(&mut self) -> ControlFlow<()> {
        let (from_ns, to_ns) = (self.losses_read_ns, now_ns());
        for (fact, reason, total) in self.loaded.losses() {
            let before = self.kernel_losses.insert((fact, reason), total).unwrap_or_default();
            // What is attached only for the recorder's own sake isn't missed by anybody.
            if self.recorded.contains(&fact) {
                self.writer.loss(fact, reason, total.saturating_sub(before), from_ns, to_ns)?;
            }
        }
        let lost = std::mem::take(&mut self.loads.lost);
        self.writer.loss(Fact::LibLoad, LossReason::BufferFull, lost, from_ns, to_ns)?;
        let malformed = std::mem::take(&mut self.loads.malformed);
        self.writer.loss(Fact::LibLoad, LossReason::Malformed, malformed, from_ns, to_ns)?;
        let malformed = std::mem::take(&mut self.malformed);
        self.writer.loss(Fact::FileOpen, LossReason::Malformed, malformed, from_ns, to_ns)?;
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
    fn end(mut self, stop: Option<Stop>) -> Result<Report, RecordError> {
        let stop = stop.unwrap_or(Stop::Closed);
        self.loaded.detach();
        let elapsed = self.started.elapsed();
        let reason = match stop {
            Stop::Duration => "the duration is over",
            Stop::Interrupted => "SIGINT",
            Stop::Terminated => "SIGTERM",
            Stop::Closed => "the output was closed",
        };
        // The ring takes nothing new now, so that this ends.
        let mut flow = self.pass();
        while matches!(flow, ControlFlow::Continue(true)) {
            flow = self.pass();
        }
        if flow.is_continue() {
            let _ = self.read_losses().is_continue()
                && self.put_clock().is_continue()
                && self.mark(MarkKind::Stopped, reason).is_continue();
        }
        let mut progress = Progress { elapsed, ..self.progress() };
        match self.writer.error.take() {
            None => {
                let (_, written) = self.writer.output.finish(CloseReason::Stopped)?;
                progress.bytes = written.bytes;
                Ok(Report { stop, progress })
            }
            Some(OutputError::ReaderGone) => Ok(Report { stop: Stop::Closed, progress }),
            Some(e) => Err(e.into()),
        }
    }
}
