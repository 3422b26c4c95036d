//! A record whose turn has come: made into an event of its process, and handed over.
//!
//! Invariant: what an event changes of its process is applied before it is handed over, so that an exec shows the new program.

use crypto_tracer_format::record::{self, Header, Kind, Record, kinds};

use crate::AnalyzeError;
use crate::clock::Clocks;
use crate::decode;
use crate::event::{Actor, Body, Event};
use crate::identify::{Identify, Program};
use crate::identity::{Exit, HostId, ProcessId};
use crate::kernel_crypto;
use crate::order::Next;
use crate::sink::Sink;
use crate::stream::Shared;

/// Kinds of losses that are told apart.
const LOSSES: usize = 1024;

/// Makes the event of a record and hands it over. `false`: the record is malformed.
///
/// # Errors
/// What the sink could not do.
pub fn deliver(
    record: &Record<'_>,
    next: &Next,
    host: HostId,
    clocks: &Clocks,
    shared: &mut Shared,
    sink: &mut dyn Sink,
) -> Result<bool, AnalyzeError> {
    let header = record.header();
    let wall_ns = clocks.wall(header.time_ns);
    let Shared { identify, redact, scratch, losses, .. } = shared;
    let event =
        |actor, body| Event { host, segment: next.segment, time_ns: header.time_ns, wall_ns, actor, body };
    let kind = record.kind();
    if kind == Some(Kind::Loss) {
        let Ok(loss) = decode::loss(record, clocks) else { return Ok(false) };
        // Numbers that nobody gave a meaning to are counted together, once there are too many.
        let key = (loss.fact, loss.reason);
        let key = if losses.len() < LOSSES || losses.contains_key(&key) { key } else { (0, 0) };
        let total = losses.entry(key).or_default();
        total.records = total.records.saturating_add(loss.count);
        total.gaps += 1;
        sink.event(&event(None, Body::Loss(loss)))?;
        return Ok(true);
    }
    let body = match kind {
        Some(Kind::FileOpen) => decode::file_open(record, redact, scratch).map(Body::FileOpen),
        Some(Kind::LibLoad) => decode::lib_load(record, redact, scratch).map(Body::LibLoad),
        Some(Kind::ProcessExit) => decode::process_exit(record).map(Body::ProcessExit),
        Some(Kind::ProcessFork) => Ok(Body::ProcessFork),
        Some(Kind::KernelCrypto) => match kernel_crypto::decode(record, redact, scratch) {
            Some(crypto) => Ok(Body::KernelCrypto(crypto)),
            None => return Ok(false),
        },
        _ => decode::process_exec(record, redact, scratch).map(|(exec, _)| Body::ProcessExec(exec)),
    };
    let Ok(body) = body else { return Ok(false) };
    let id = identify.process(host, header, clocks);
    change(record, header, &body, id, wall_ns, identify);
    let Some((process, state)) = identify.actor(id, header, sink)? else { return Ok(true) };
    sink.event(&event(Some(Actor { process, state }), body))?;
    Ok(true)
}

/// What an event changes of its process.
fn change(
    record: &Record<'_>,
    header: &Header,
    body: &Body<'_>,
    id: ProcessId,
    wall_ns: Option<i64>,
    identify: &mut Identify,
) {
    match body {
        Body::ProcessFork => {
            if let Ok(fork) = record.payload::<record::ProcessFork>() {
                identify.inherit(id, (fork.ppid, fork.parent_start_ns), header.time_ns);
            }
        }
        Body::ProcessExec(exec) => {
            let parent = record.payload::<record::ProcessExec>().map(|e| (e.ppid, e.parent_start_ns)).ok();
            let unreadable = exec.bits & kinds::process_bits::ARGV_UNREADABLE != 0;
            let program = Program {
                parent,
                exe: Some(exec.exe),
                argv: Some(if unreadable { b"" } else { exec.argv }),
                argv_len: exec.argv_len,
                bits: exec.bits,
                cgroup: None,
            };
            identify.program(id, header.time_ns, &program);
            identify.forget_seen(id, header.time_ns);
            identify.update(id, |p| p.start_seen = true);
        }
        Body::ProcessExit(exit) => identify
            .exit(id, Exit { time_ns: header.time_ns, wall_ns, code: exit.exit_code, signal: exit.signal }),
        Body::FileOpen(_)
        | Body::LibLoad(_)
        | Body::ApiCall(_)
        | Body::TlsHandshake(_)
        | Body::KernelCrypto(_)
        | Body::Loss(_) => {}
    }
}
