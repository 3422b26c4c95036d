//! What is told as soon as it is read: scans, names, probes, marks.

use crypto_tracer_format::record::{self, BaselineProcess, Clock, Kind, Mark, MarkKind, Record, kinds};

use super::{At, Shared, Stream};
use crate::AnalyzeError;
use crate::decode;
use crate::identify::Program;
use crate::identity::ProcessId;
use crate::kernel_crypto;
use crate::sink::{Note, NoteBody, Sink};

impl Stream {
    /// What a scan saw of a process.
    pub(super) fn take_scan(
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

    pub(super) fn take_note(
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
            Kind::ApiFunction => shared.tables.function(record, at.segment),
            Kind::ApiLibrary => {
                decode::api_library(record, at.segment, &mut shared.tables, &shared.redact, scratch)
            }
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
}
