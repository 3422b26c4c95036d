//! What records say, in the analyzer's terms: bodies of events and notes.
//!
//! Invariants:
//! - Strings are redacted here, once, before anything else sees them.
//! - A record whose strings lie outside it is an error, never half an event.

use std::borrow::Cow;

use crypto_tracer_format::catalogue::{FileType, files};
use crypto_tracer_format::record::{
    BaselineMapping, BaselineOpenFile, BaselineSummary, Cgroup, Clock, Fact, FileOpen, Header, Host, LibLoad,
    Library, Loss, Mark, MarkKind, ProbeState, ProbeStatus, ProcessExec, ProcessExit, Record, RecordError,
    User, lib_bits,
};

use crate::api::Tables;
use crate::clock::Clocks;
use crate::event::{self, FileId};
use crate::identity;
use crate::paths;
use crate::sink::NoteBody;
use crypto_tracer_format::redact::Redactor;

/// Bytes of a host's name, kernel and so on that are kept; the kernel allows 64.
const HOST_TEXT: usize = 256;

/// Buffers that strings are made in; used again for every record.
#[derive(Debug, Default)]
pub struct Scratch {
    joined: Vec<u8>,
    pub(crate) first: Vec<u8>,
    second: Vec<u8>,
    third: Vec<u8>,
}

/// Keeps a string: borrowed as it was, or in the buffer if it was changed.
pub(crate) fn keep<'a>(text: Cow<'a, [u8]>, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    match text {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => {
            *buffer = text;
            buffer
        }
    }
}

/// The host.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn host(record: &Record<'_>, redact: &Redactor) -> Result<identity::Host, RecordError> {
    let host: Host = record.payload()?;
    let text = |at| {
        let cut = |s: &[u8]| String::from_utf8_lossy(s.get(..HOST_TEXT).unwrap_or(s)).into_owned();
        record.str(at).map(cut)
    };
    Ok(identity::Host {
        id: identity::HostId(0),
        boot_id: text(host.boot_id)?,
        hostname: text(host.hostname)?,
        kernel: text(host.kernel)?,
        machine: text(host.machine)?,
        os: text(host.os)?,
        recorder: text(host.recorder)?,
        options: String::from_utf8_lossy(&redact.message(record.str(host.options)?)).into_owned(),
        redaction: host.redaction,
        cpus: host.cpus,
        clock_id: host.clock_id,
        schema: (host.schema_major, host.schema_minor),
    })
}

/// A file open.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn file_open<'a>(
    record: &Record<'a>,
    redact: &Redactor,
    scratch: &'a mut Scratch,
) -> Result<event::FileOpen<'a>, RecordError> {
    let open: FileOpen = record.payload()?;
    let (dir, given) = (record.str(open.dir)?, record.str(open.path)?);
    let Scratch { joined, first, second, .. } = scratch;
    let shown = paths::shown(dir, given, joined);
    let path = keep(redact.path(shown), first);
    let given = keep(redact.relative(dir, given), second);
    Ok(event::FileOpen {
        path,
        given: (given != path && !given.is_empty()).then_some(given),
        result: open.result,
        flags: open.flags,
        mode: open.mode,
        file_type: files::file_type(path).unwrap_or(FileType::Unknown),
        bits: open.bits,
    })
}

/// A library's mapping.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn lib_load<'a>(
    record: &Record<'a>,
    redact: &Redactor,
    scratch: &'a mut Scratch,
) -> Result<event::LibLoad<'a>, RecordError> {
    let load: LibLoad = record.payload()?;
    let (path, bits) = mapped(record.str(load.path)?, load.bits);
    Ok(event::LibLoad {
        path: keep(redact.path(path), &mut scratch.first),
        file: FileId { dev_major: load.dev_major, dev_minor: load.dev_minor, ino: load.ino },
        addr: load.addr,
        len: load.len,
        offset: load.offset,
        bits,
    })
}

fn mapped(path: &[u8], bits: u32) -> (&[u8], u32) {
    match paths::without_deleted(path) {
        (path, true) => (path, bits | lib_bits::DELETED),
        (path, false) => (path, bits),
    }
}

/// A new program, and what it says of the parent: tgid and start.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn process_exec<'a>(
    record: &Record<'a>,
    redact: &Redactor,
    scratch: &'a mut Scratch,
) -> Result<(event::ProcessExec<'a>, (u32, u64)), RecordError> {
    let exec: ProcessExec = record.payload()?;
    let Scratch { first, second, third, .. } = scratch;
    let body = event::ProcessExec {
        exe: keep(redact.path(record.str(exec.exe)?), first),
        filename: keep(redact.path(record.str(exec.filename)?), second),
        argv: keep(redact.argv(record.str(exec.argv)?), third),
        argv_len: exec.argv_len,
        bits: exec.bits,
    };
    Ok((body, (exec.ppid, exec.parent_start_ns)))
}

/// The end of a process.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn process_exit(record: &Record<'_>) -> Result<event::ProcessExit, RecordError> {
    let exit: ProcessExit = record.payload()?;
    Ok(event::ProcessExit {
        exit_code: exit.exit_code,
        signal: exit.signal,
        core_dumped: exit.core_dumped != 0,
    })
}

/// A loss.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn loss(record: &Record<'_>, clocks: &Clocks) -> Result<event::Loss, RecordError> {
    let loss: Loss = record.payload()?;
    Ok(event::Loss {
        fact: loss.fact,
        reason: loss.reason,
        count: loss.count,
        from_ns: loss.from_ns,
        to_ns: loss.to_ns,
        from_wall_ns: clocks.wall(loss.from_ns),
        to_wall_ns: clocks.wall(loss.to_ns),
    })
}

/// A library in a process, from a scan; the process and `repeated` are the caller's to fill in.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn mapping<'a>(
    record: &Record<'a>,
    redact: &Redactor,
    scratch: &'a mut Scratch,
    process: identity::ProcessId,
) -> Result<NoteBody<'a>, RecordError> {
    let map: BaselineMapping = record.payload()?;
    let (path, bits) = mapped(record.str(map.path)?, map.bits);
    Ok(NoteBody::Mapping {
        process,
        path: keep(redact.path(path), &mut scratch.first),
        file: FileId { dev_major: map.dev_major, dev_minor: map.dev_minor, ino: map.ino },
        bits,
        repeated: false,
    })
}

/// An open file of a process, from a scan; the process and `repeated` are the caller's to fill in.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn open_file<'a>(
    record: &Record<'a>,
    redact: &Redactor,
    scratch: &'a mut Scratch,
    process: identity::ProcessId,
) -> Result<NoteBody<'a>, RecordError> {
    let open: BaselineOpenFile = record.payload()?;
    let (path, bits) = mapped(record.str(open.path)?, open.bits);
    Ok(NoteBody::OpenFile {
        process,
        path: keep(redact.path(path), &mut scratch.first),
        fd: open.fd,
        flags: open.flags,
        bits,
        repeated: false,
    })
}

/// A library file.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn library<'a>(
    record: &Record<'a>,
    redact: &Redactor,
    scratch: &'a mut Scratch,
) -> Result<NoteBody<'a>, RecordError> {
    let lib: Library = record.payload()?;
    let (path, bits) = mapped(record.str(lib.path)?, lib.bits);
    Ok(NoteBody::Library {
        path: keep(redact.path(path), &mut scratch.first),
        file: FileId { dev_major: lib.dev_major, dev_minor: lib.dev_minor, ino: lib.ino },
        size: lib.size,
        mtime_ns: lib.mtime_ns,
        bits,
        soname: record.str(lib.soname)?,
        version: record.str(lib.version)?,
        build_id: record.str(lib.build_id)?,
    })
}

/// A file whose functions are probed.
///
/// # Errors
/// [`RecordError`] where the record is malformed.
pub fn api_library<'a>(
    record: &Record<'a>,
    segment: identity::SegmentId,
    tables: &mut Tables,
    redact: &Redactor,
    scratch: &'a mut Scratch,
) -> Result<Option<NoteBody<'a>>, RecordError> {
    tables.library(record, segment, redact, &mut scratch.first).map(Some)
}

/// A note that needs nothing but its record. `None`: a mark of a kind that this release doesn't know.
///
/// # Errors
/// [`RecordError`] where the record is malformed or is no such note.
pub fn plain_note<'a>(
    record: &Record<'a>,
    redact: &Redactor,
    scratch: &'a mut Scratch,
) -> Result<Option<NoteBody<'a>>, RecordError> {
    use crypto_tracer_format::record::Kind;
    Ok(Some(match record.kind() {
        Some(Kind::Clock) => NoteBody::Clock { realtime_ns: record.payload::<Clock>()?.realtime_ns },
        Some(Kind::ProbeStatus) => {
            let status: ProbeStatus = record.payload()?;
            NoteBody::Probe {
                fact: Fact::from_number(status.fact),
                state: ProbeState::from_number(status.state),
                errno: status.errno,
                probe: record.str(status.probe)?,
                reason: keep(redact.message(record.str(status.reason)?), &mut scratch.first),
            }
        }
        Some(Kind::Cgroup) => {
            let cgroup: Cgroup = record.payload()?;
            NoteBody::Cgroup { id: cgroup.id, path: record.str(cgroup.path)? }
        }
        Some(Kind::User) => {
            let user: User = record.payload()?;
            let name = redact.user(user.id, record.str(user.name)?);
            NoteBody::User { id: user.id, name: keep(name, &mut scratch.first) }
        }
        Some(Kind::BaselineSummary) => {
            let summary: BaselineSummary = record.payload()?;
            NoteBody::Baseline {
                from_ns: summary.from_ns,
                processes: summary.processes,
                mappings: summary.mappings,
                open_files: summary.open_files,
                vanished: summary.vanished,
                denied: summary.denied,
                filtered: summary.filtered,
            }
        }
        _ => {
            let mark: Mark = record.payload()?;
            let Some(kind) = MarkKind::from_number(mark.mark) else { return Ok(None) };
            let text = keep(redact.message(record.str(mark.text)?), &mut scratch.first);
            NoteBody::Mark { mark: kind, text }
        }
    }))
}

/// A header for what no process did.
pub fn header_at(time_ns: u64) -> Header {
    Header { time_ns, ..Header::default() }
}
