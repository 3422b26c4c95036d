//! One event as one JSON object: the fields of docs/schema/event.schema.json.
//!
//! Invariants:
//! - The output depends on the event, its state and its host only: from a capture and from a database, the same bytes.
//! - A field that isn't known is left out, never filled with something that looks known.

mod crypto;

use crypto_tracer_format::catalogue::{files::basename, libraries::family_of};
use crypto_tracer_format::record::{lib_bits, open_bits, process_bits};

use super::time::Stamps;
use super::{put_hex, put_number, put_string, put_text, put_true};
use crate::argv;
use crate::event::{Body, Event, FileOpen, LibLoad, Loss, ProcessExec, ProcessExit};
use crate::identity::{Host, HostId, State, StateId};
use crate::names::{self, Architecture};

/// How many states' texts are remembered; a power of two.
const STATES: usize = 256;

/// Writes events as JSON.
#[derive(Debug, Default)]
pub struct EventWriter {
    stamps: Stamps,
    hosts: Vec<HostText>,
    /// `,"pid":…` to `"process":"…"` of states, by the low bits of their number.
    states: Vec<(Option<StateId>, Vec<u8>)>,
    scratch: Vec<u8>,
}

#[derive(Debug, Default, Clone)]
struct HostText {
    /// `,"host":"…"`, or nothing.
    field: Vec<u8>,
    architecture: Architecture,
}

impl EventWriter {
    /// Takes note of a host.
    pub fn host(&mut self, host: &Host) {
        let index = host.id.0 as usize;
        if self.hosts.len() <= index {
            self.hosts.resize(index + 1, HostText::default());
        }
        let mut field = Vec::new();
        if !host.hostname.is_empty() {
            put_text(&mut field, "host", host.hostname.as_bytes());
        }
        self.hosts[index] = HostText { field, architecture: Architecture::of(&host.machine) };
    }

    /// Which flags the host uses.
    pub fn architecture(&self, host: HostId) -> Architecture {
        self.hosts.get(host.0 as usize).map(|h| h.architecture).unwrap_or_default()
    }

    /// Appends the event, from `{` to `}`.
    pub fn put(&mut self, out: &mut Vec<u8>, event: &Event<'_>) {
        out.extend_from_slice(b"{\"event_type\":\"");
        out.extend_from_slice(event.body.type_name().as_bytes());
        out.push(b'"');
        self.put_time(out, "timestamp", event.wall_ns, event.time_ns);
        if let Some(actor) = event.actor {
            self.put_state(out, actor.state);
        }
        match &event.body {
            Body::FileOpen(open) => self.put_open(out, open, self.architecture(event.host)),
            Body::LibLoad(load) => put_load(out, load),
            Body::ProcessFork => {}
            Body::ProcessExec(exec) => self.put_exec(out, exec),
            Body::ProcessExit(exit) => put_exit(out, exit),
            Body::ApiCall(call) => crypto::put_call(out, call),
            Body::TlsHandshake(tls) => crypto::put_handshake(out, tls),
            Body::KernelCrypto(asked) => asked.put_json(out),
            Body::Loss(loss) => self.put_loss(out, loss),
        }
        if let Some(host) = self.hosts.get(event.host.0 as usize) {
            out.extend_from_slice(&host.field);
        }
        out.push(b'}');
    }

    /// A moment; where its time in UTC isn't known, `null`, and the capture's own clock beside it.
    fn put_time(&mut self, out: &mut Vec<u8>, name: &str, wall_ns: Option<i64>, time_ns: u64) {
        super::put_name(out, name);
        match wall_ns {
            Some(wall_ns) => {
                out.push(b'"');
                self.stamps.put(out, wall_ns);
                out.push(b'"');
            }
            None => {
                out.extend_from_slice(b"null,\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"_boot_ns\":");
                out.extend_from_slice(itoa::Buffer::new().format(time_ns).as_bytes());
            }
        }
    }

    fn put_state(&mut self, out: &mut Vec<u8>, state: &State) {
        if self.states.is_empty() {
            self.states.resize(STATES, (None, Vec::new()));
        }
        let (id, text) = &mut self.states[state.id.0 as usize & (STATES - 1)];
        if *id != Some(state.id) {
            *id = Some(state.id);
            text.clear();
            put_state_fields(text, state);
        }
        out.extend_from_slice(text);
    }

    fn put_open(&mut self, out: &mut Vec<u8>, open: &FileOpen<'_>, architecture: Architecture) {
        put_text(out, "file", open.path);
        if let Some(given) = open.given {
            put_text(out, "file_given", given);
        }
        out.extend_from_slice(b",\"flags\":\"");
        names::put_open_flags(out, open.flags, architecture);
        out.push(b'"');
        if open.flags & names::O_CREAT != 0 {
            out.extend_from_slice(format!(",\"mode\":\"{:04o}\"", open.mode).as_bytes());
        }
        out.extend_from_slice(b",\"file_type\":\"");
        out.extend_from_slice(open.file_type.name().as_bytes());
        out.extend_from_slice(b"\",\"result\":\"");
        names::put_result(out, open.result);
        out.push(b'"');
        if open.bits & (open_bits::PATH_CUT | open_bits::DIR_CUT | open_bits::DIR_UNKNOWN) != 0 {
            put_true(out, "file_incomplete");
        }
    }

    fn put_exec(&mut self, out: &mut Vec<u8>, exec: &ProcessExec<'_>) {
        if !exec.exe.is_empty() {
            put_text(out, "exe", exec.exe);
        }
        if !exec.filename.is_empty() && exec.filename != exec.exe {
            put_text(out, "filename", exec.filename);
        }
        if exec.bits & process_bits::ARGV_UNREADABLE == 0 {
            self.scratch.clear();
            argv::put_command_line(&mut self.scratch, exec.argv);
            super::put_name(out, "cmdline");
            put_string(out, &String::from_utf8_lossy(&self.scratch));
            if std::str::from_utf8(exec.argv).is_err() {
                put_hex(out, "cmdline", exec.argv);
            }
        }
        if exec.bits & process_bits::ARGV_CUT != 0 {
            put_true(out, "cmdline_truncated");
        }
    }

    fn put_loss(&mut self, out: &mut Vec<u8>, loss: &Loss) {
        put_text(out, "fact", loss.fact_name().as_bytes());
        put_text(out, "reason", loss.reason_name().as_bytes());
        if loss.count != 0 {
            put_number(out, "count", loss.count);
        }
        self.put_time(out, "from", loss.from_wall_ns, loss.from_ns);
        if loss.to_ns != Loss::OPEN {
            self.put_time(out, "to", loss.to_wall_ns, loss.to_ns);
        }
    }
}

fn put_state_fields(out: &mut Vec<u8>, state: &State) {
    put_number(out, "pid", state.tgid);
    for (name, number) in [("ppid", state.ppid), ("uid", state.uid), ("gid", state.gid)] {
        if let Some(number) = number {
            put_number(out, name, number);
        }
    }
    put_text(out, "process", &state.name);
    if let Some(container) = &state.container {
        put_text(out, "container", container.as_bytes());
    }
}

fn put_load(out: &mut Vec<u8>, load: &LibLoad<'_>) {
    put_text(out, "library", load.path);
    put_text(out, "library_name", basename(load.path));
    if let Some(family) = family_of(load.path) {
        put_text(out, "library_family", family.name.as_bytes());
    }
    if load.bits & lib_bits::DELETED != 0 {
        put_true(out, "deleted");
    }
}

/// A process that a signal ended has the exit code that a shell shows, 128 + signal: 0 would look like success.
fn put_exit(out: &mut Vec<u8>, exit: &ProcessExit) {
    match exit.signal {
        0 => put_number(out, "exit_code", exit.exit_code),
        signal => {
            put_number(out, "exit_code", 128 + i64::from(signal));
            put_text(out, "signal", names::signal_name(signal).as_bytes());
        }
    }
    if exit.core_dumped {
        put_true(out, "core_dumped");
    }
}
