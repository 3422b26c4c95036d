//! A record whose turn has come: made into an event of its process, and handed over.
//!
//! Invariants:
//! - What an event changes of its process is applied before it is handed over, so that an exec shows the new program.
//! - Counted calls have the time of the last of them, and come when their counter was read: up to about a second later.
//! - A handshake that a record ends follows that record's own event, with the same time.

use crypto_tracer_format::record::{self, Header, Kind, Record, kinds};

use crate::AnalyzeError;
use crate::api;
use crate::clock::Clocks;
use crate::decode;
use crate::event::{Actor, Body, Event};
use crate::identify::{Identify, Program};
use crate::identity::{Exit, HostId, ProcessId};
use crate::kernel_crypto;
use crate::order::Next;
use crate::sink::Sink;
use crate::stream::Shared;
use crate::tls::handshakes::{Ended, Handshakes, Message};
use crate::tls::library::Call;
use crate::tls::message;

/// Kinds of losses that are told apart.
const LOSSES: usize = 1024;

/// What a record's delivery needs besides the record.
pub struct Context<'a> {
    /// The host that is told of.
    pub host: HostId,
    /// Its clocks.
    pub clocks: &'a Clocks,
    /// Handshakes of the same run.
    pub handshakes: &'a mut Handshakes,
    /// What all captures share.
    pub shared: &'a mut Shared,
    /// Where events go.
    pub sink: &'a mut dyn Sink,
}

/// Makes the event of a record and hands it over. `false`: the record is malformed.
///
/// # Errors
/// What the sink could not do.
pub fn deliver(record: &Record<'_>, next: &Next, context: &mut Context<'_>) -> Result<bool, AnalyzeError> {
    match record.kind() {
        Some(Kind::Loss) => deliver_loss(record, next, context),
        Some(Kind::ApiCall | Kind::ApiCount) => deliver_call(record, next, context),
        Some(Kind::TlsHello) => deliver_message(record, next, context),
        _ => deliver_event(record, next, context),
    }
}

/// Ends the handshakes that have waited for their library until now.
///
/// # Errors
/// What the sink could not do.
pub fn due(now_ns: u64, context: &mut Context<'_>) -> Result<(), AnalyzeError> {
    let mut ended = Vec::new();
    context.handshakes.expire(now_ns, &mut ended);
    context.tell(&ended)
}

/// Ends the oldest handshake that the run left open.
///
/// # Errors
/// What the sink could not do.
pub fn left_open(now_ns: u64, context: &mut Context<'_>) -> Result<(), AnalyzeError> {
    let mut ended = Vec::new();
    context.handshakes.end_oldest(now_ns, &mut ended);
    context.tell(&ended)
}

fn deliver_loss(record: &Record<'_>, next: &Next, context: &mut Context<'_>) -> Result<bool, AnalyzeError> {
    let Ok(loss) = decode::loss(record, context.clocks) else { return Ok(false) };
    // Numbers that nobody gave a meaning to are counted together, once there are too many.
    let losses = &mut context.shared.losses;
    let key = (loss.fact, loss.reason);
    let key = if losses.len() < LOSSES || losses.contains_key(&key) { key } else { (0, 0) };
    let total = losses.entry(key).or_default();
    total.records = total.records.saturating_add(loss.count);
    total.gaps += 1;
    let time_ns = record.header().time_ns;
    context.sink.event(&Event {
        host: context.host,
        segment: next.segment,
        time_ns,
        wall_ns: context.clocks.wall(time_ns),
        actor: None,
        body: Body::Loss(loss),
    })?;
    Ok(true)
}

fn deliver_event(record: &Record<'_>, next: &Next, context: &mut Context<'_>) -> Result<bool, AnalyzeError> {
    let Context { host, clocks, handshakes, shared, sink } = context;
    let header = record.header();
    let wall_ns = clocks.wall(header.time_ns);
    let Shared { identify, redact, scratch, .. } = &mut **shared;
    let body = match record.kind() {
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
    let id = identify.process(*host, header, clocks);
    let forked_from = change(record, header, &body, id, wall_ns, identify);
    let mut ended = Vec::new();
    match (&body, forked_from) {
        (Body::ProcessExit(_), _) => {
            handshakes.exit(id, header.time_ns, &mut ended);
            handshakes.library.forget(id);
        }
        (Body::ProcessExec(_), _) => handshakes.library.forget(id),
        (_, Some(parent)) => handshakes.library.inherit(id, parent),
        _ => {}
    }
    if let Some((process, state)) = identify.actor(id, header, *sink)? {
        let actor = Some(Actor { process, state });
        let time_ns = header.time_ns;
        sink.event(&Event { host: *host, segment: next.segment, time_ns, wall_ns, actor, body })?;
    }
    context.tell(&ended)?;
    Ok(true)
}

fn deliver_call(record: &Record<'_>, next: &Next, context: &mut Context<'_>) -> Result<bool, AnalyzeError> {
    let Context { host, clocks, handshakes, shared, sink } = context;
    let header = record.header();
    let Shared { identify, redact, tables, .. } = &mut **shared;
    let call = match record.kind() {
        Some(Kind::ApiCall) => api::api_call(record, next.segment, tables, redact),
        _ => api::api_count(record, next.segment, tables),
    };
    let Ok(Some(mut call)) = call else { return Ok(false) };
    let id = identify.process(*host, header, clocks);
    if let Some(verifies) = call.verifies {
        call.verified_for(verifies, handshakes.library.take_purpose(id, call.object));
    }
    if let Some((process, state)) = identify.actor(id, header, *sink)? {
        sink.event(&Event {
            host: *host,
            segment: next.segment,
            time_ns: call.time_ns,
            wall_ns: clocks.wall(call.time_ns),
            actor: Some(Actor { process, state }),
            body: Body::ApiCall(call.body()),
        })?;
    }
    if let Some(telling) = &call.telling {
        handshakes.library.note(&Call {
            process: id,
            time_ns: header.time_ns,
            object: call.object,
            parent: call.parent,
            file: &call.library,
            telling,
        });
    }
    let mut ended = Vec::new();
    if call.telling.as_ref().is_some_and(|t| t.verified.is_some() && t.purpose.is_none()) {
        handshakes.asked(id, call.object, header.time_ns, &mut ended);
    }
    if let Some(success) = call.handshake {
        handshakes.answer(id, call.object, success, header.time_ns, &mut ended);
    }
    context.tell(&ended)?;
    Ok(true)
}

fn deliver_message(
    record: &Record<'_>,
    next: &Next,
    context: &mut Context<'_>,
) -> Result<bool, AnalyzeError> {
    let header = record.header();
    let Ok(Some(decoded)) = message::decode(record, &context.shared.redact) else { return Ok(false) };
    let process = context.shared.identify.process(context.host, header, context.clocks);
    let message = Message { header, process, segment: next.segment, content: &decoded };
    let mut ended = Vec::new();
    let made_sense = context.handshakes.take(&message, &mut ended);
    context.tell(&ended)?;
    Ok(made_sense)
}

impl Context<'_> {
    /// Hands over handshakes that ended.
    fn tell(&mut self, ended: &[Ended]) -> Result<(), AnalyzeError> {
        for handshake in ended {
            let header = &handshake.header;
            let identify = &mut self.shared.identify;
            let id = identify.process(self.host, header, self.clocks);
            let Some((process, state)) = identify.actor(id, header, self.sink)? else { continue };
            self.sink.event(&Event {
                host: self.host,
                segment: handshake.segment,
                time_ns: handshake.time_ns,
                wall_ns: self.clocks.wall(handshake.time_ns),
                actor: Some(Actor { process, state }),
                body: Body::TlsHandshake(handshake.body()),
            })?;
        }
        Ok(())
    }
}

/// What an event changes of its process. Gives back the parent that a process was forked from.
fn change(
    record: &Record<'_>,
    header: &Header,
    body: &Body<'_>,
    id: ProcessId,
    wall_ns: Option<i64>,
    identify: &mut Identify,
) -> Option<ProcessId> {
    match body {
        Body::ProcessFork => {
            let fork = record.payload::<record::ProcessFork>().ok()?;
            return identify.inherit(id, (fork.ppid, fork.parent_start_ns), header.time_ns);
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
    None
}
