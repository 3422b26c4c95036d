//! What becomes of each record of the kernel programs, and of each mapping of a library: whether it is wanted, and its way
//! to the writer.
//!
//! Invariants:
//! - An event comes behind the names of its user and its cgroup.
//! - A failed write breaks once; the events that come at the same time are taken all the same, so that they are counted.
//! - What a process has mapped is written before the record with which its program, or the process, ends.

use crate::api::call::name_objects;
use crate::clocks;
use crate::kernel_crypto;
use crate::loads::Load;
use crate::session::Session;
use crate::wire::part::PART_KIND;
use crypto_tracer_format::record::{Fact, FileOpen, Kind, ProcessExec, ProcessFork, Record, Records};
use std::ops::ControlFlow;

impl Session<'_> {
    /// One record of the kernel programs.
    pub(crate) fn take(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        let header = record.header();
        match record.kind() {
            Some(Kind::FileOpen) => {
                let open = record.payload::<FileOpen>().unwrap_or_default();
                let bytes = |at| record.str(at).unwrap_or_default();
                let wanted = self.processes.passes(header)
                    && self.filters.file_wanted(bytes(open.dir), bytes(open.path));
                self.event_if(wanted, Fact::FileOpen, record)
            }
            Some(Kind::ProcessFork | Kind::ProcessExec | Kind::ProcessExit) => {
                // Of a new program, the interpreter's mappings come before this record; crypto libraries come after it.
                let before = self.loads_before(header.time_ns);
                self.loads.forget(header.tgid);
                let (fact, wanted) = self.life(record);
                both(before, self.event_if(wanted, fact, record))
            }
            Some(Kind::ApiCall) => {
                let mut call = std::mem::take(&mut self.named);
                call.clear();
                call.extend_from_slice(record.bytes());
                name_objects(&mut call, &self.objects);
                let flow = self.calls(&call);
                self.named = call;
                flow
            }
            Some(Kind::KernelCrypto) => {
                let stripped = kernel_crypto::stripped(record);
                let record = stripped
                    .as_deref()
                    .map_or(Ok(*record), |stripped| Record::split_first(stripped).map(|(record, _)| record));
                let Ok(record) = record else { return self.not_understood() };
                self.event_if(self.processes.passes(header), Fact::KernelCrypto, &record)
            }
            None if header.kind == PART_KIND => self.handshake(record),
            _ => self.not_understood(),
        }
    }

    /// A process began, began a new program, or ended: which fact that is, and whether it is recorded.
    fn life(&mut self, record: &Record<'_>) -> (Fact, bool) {
        let header = record.header();
        let bytes = |at| record.str(at).unwrap_or_default();
        match record.kind() {
            Some(Kind::ProcessFork) => {
                let fork = record.payload::<ProcessFork>().unwrap_or_default();
                (Fact::ProcessFork, self.processes.forked(header, fork.ppid))
            }
            Some(Kind::ProcessExec) => {
                let exec = record.payload::<ProcessExec>().unwrap_or_default();
                let wanted = self.processes.began(header, exec.ppid, bytes(exec.exe), bytes(exec.argv));
                (Fact::ProcessExec, wanted)
            }
            _ => {
                self.filters.ended(header.tgid);
                if let Some(api) = &mut self.api {
                    api.ended.insert(header.tgid);
                }
                (Fact::ProcessExit, self.processes.exited(header))
            }
        }
    }

    /// Calls of functions: one, or those that were counted.
    pub(crate) fn calls(&mut self, records: &[u8]) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        for record in Records::new(records) {
            let written = match record {
                Ok(record) => self.event_if(self.processes.passes(record.header()), Fact::ApiCall, &record),
                Err(_) => self.not_understood(),
            };
            flow = both(flow, written);
        }
        flow
    }

    /// A part of a TLS handshake: the records that it completes.
    fn handshake(&mut self, part: &Record<'_>) -> ControlFlow<()> {
        // The end of a connection comes in any process.
        let header = part.header();
        if !self.recorded.contains(&Fact::TlsHandshake)
            || (header.tgid != 0 && !self.processes.passes(header))
        {
            return ControlFlow::Continue(());
        }
        let mut out = Vec::new();
        if !self.wire.take(part, &self.objects, self.writer.redactor(), &mut out) {
            self.malformed += 1;
        }
        let mut flow = ControlFlow::Continue(());
        for record in Records::new(&out).flatten() {
            flow = both(flow, self.event(&record));
        }
        flow
    }

    /// Writes the loads of libraries that came before this time.
    pub(crate) fn loads_before(&mut self, time_ns: u64) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        for load in self.loads.before(time_ns) {
            if self.recorded.contains(&Fact::LibLoad) {
                flow = both(flow, self.load(&load));
            }
        }
        flow
    }

    fn load(&mut self, load: &Load) -> ControlFlow<()> {
        let header = match self.processes.get(load.tgid) {
            Some(known) if self.processes.passes(&known.header) => known.header,
            Some(_) => return ControlFlow::Continue(()),
            // What the filters let through is known.
            None if self.filters.any() || load.tgid == std::process::id() => {
                return ControlFlow::Continue(());
            }
            None => match self.baseline.identity_of(load.tgid) {
                Some(who) => who.header(load.time_ns),
                None => clocks::header(load.time_ns),
            },
        };
        if header.start_ns == 0 && !self.options.names.is_empty() || !self.processes.passes(&header) {
            return ControlFlow::Continue(());
        }
        let writer = &mut self.writer;
        let mut emit = |records: &[u8]| writer.put(records);
        let described = self.baseline.library_loaded(load.tgid, load.time_ns, &load.mapping, &mut emit);
        let mut out = Vec::new();
        load.put(&header, &mut out);
        let written = match Record::split_first(&out) {
            // Of a process that is gone already it isn't known whose it was.
            Ok((record, _)) if header.start_ns == 0 => self.writer.event(&record),
            Ok((record, _)) => self.event(&record),
            Err(_) => self.not_understood(),
        };
        both(described, written)
    }

    fn event_if(&mut self, wanted: bool, fact: Fact, record: &Record<'_>) -> ControlFlow<()> {
        if wanted && self.recorded.contains(&fact) { self.event(record) } else { ControlFlow::Continue(()) }
    }

    /// Writes an event.
    fn event(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        let writer = &mut self.writer;
        let named = self.baseline.seen(record.header(), &mut |records| writer.put(records));
        both(named, self.writer.event(record))
    }

    fn not_understood(&mut self) -> ControlFlow<()> {
        self.malformed += 1;
        ControlFlow::Continue(())
    }
}

/// Breaks if either does.
pub(crate) fn both(one: ControlFlow<()>, other: ControlFlow<()>) -> ControlFlow<()> {
    one?;
    other
}
