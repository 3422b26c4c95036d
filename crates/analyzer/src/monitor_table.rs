//! Events in columns, line by line: a table that can be followed while it grows.
//!
//! Invariants:
//! - One event, one line. No byte of a capture reaches the terminal as a control: C0, DEL, C1, bytes that aren't UTF-8, and
//!   characters that change the direction of text are written as `\xNN` or `\u{N}`.

use crypto_tracer_format::catalogue::{files::basename, libraries::family_of};

use serde_json::{Map, Value};

use crate::argv;
use crate::event::{ApiCall, Body, Event, TlsHandshake};
use crate::json::time::Stamps;
use crate::names::{self, Architecture};
use crate::render::named_args;
use crate::tls::registry::{CIPHER_SUITES, GROUPS, VERSIONS};

/// Writes events as lines.
#[derive(Debug, Default)]
pub struct TableWriter {
    stamps: Stamps,
    stamp: Vec<u8>,
    name: Vec<u8>,
}

/// Width of the process column: 15 bytes is what the kernel keeps.
const NAME: usize = 15;

impl TableWriter {
    /// The heads of the columns.
    pub fn put_header(&mut self, out: &mut Vec<u8>) {
        let line = format!(
            "{:<26}  {:>7}  {:<NAME$}  {:<7}  {:<9}  {}\n",
            "TIME (UTC)", "PID", "PROCESS", "EVENT", "RESULT", "DETAIL"
        );
        out.extend_from_slice(line.as_bytes());
    }

    /// One event.
    pub fn put(&mut self, out: &mut Vec<u8>, event: &Event<'_>, architecture: Architecture) {
        self.stamp.clear();
        match event.wall_ns {
            Some(wall_ns) => {
                self.stamps.put(&mut self.stamp, wall_ns);
                self.stamp.pop();
                self.stamp.iter_mut().filter(|b| **b == b'T').for_each(|b| *b = b' ');
            }
            None => {
                let (seconds, micros) = (event.time_ns / 1_000_000_000, event.time_ns / 1000 % 1_000_000);
                self.stamp.extend_from_slice(format!("boot+{seconds}.{micros:06}").as_bytes());
            }
        }
        self.name.clear();
        let pid = event.actor.map(|a| a.state.tgid.to_string()).unwrap_or_default();
        put_plain(&mut self.name, event.actor.map_or(&[], |a| &a.state.name));
        let (word, result) = word_and_result(&event.body);
        let line = format!(
            "{:<26}  {pid:>7}  {:<NAME$}  {word:<7}  {result:<9}  ",
            String::from_utf8_lossy(&self.stamp),
            String::from_utf8_lossy(&self.name),
        );
        out.extend_from_slice(line.as_bytes());
        put_detail(out, &event.body, architecture);
        while out.last() == Some(&b' ') {
            out.pop();
        }
        out.push(b'\n');
    }
}

fn word_and_result(body: &Body<'_>) -> (&'static str, String) {
    match body {
        Body::FileOpen(open) => {
            ("open", if open.result < 0 { names::result_name(open.result) } else { "ok".into() })
        }
        Body::LibLoad(_) => ("library", String::new()),
        Body::ProcessFork => ("fork", String::new()),
        Body::ProcessExec(_) => ("exec", String::new()),
        Body::ProcessExit(exit) if exit.signal != 0 => ("exit", names::signal_name(exit.signal)),
        Body::ProcessExit(exit) => ("exit", exit.exit_code.to_string()),
        // Of many functions there is none, or none that tells anything.
        Body::ApiCall(call) if call.result == "unknown" => ("call", "-".into()),
        Body::ApiCall(call) => ("call", short(call.result)),
        Body::TlsHandshake(tls) => ("TLS", short(tls.result)),
        Body::KernelCrypto(asked) if asked.result < 0 => ("kernel", asked.result_name()),
        Body::KernelCrypto(_) => ("kernel", "ok".into()),
        Body::Loss(_) => ("LOSS", String::new()),
    }
}

/// A result as the column has it.
fn short(result: &str) -> String {
    match result {
        "success" => "ok".to_owned(),
        "failure" => "failed".to_owned(),
        other => other.to_owned(),
    }
}

fn put_detail(out: &mut Vec<u8>, body: &Body<'_>, architecture: Architecture) {
    match body {
        Body::FileOpen(open) => {
            put_plain(out, open.path);
            out.extend_from_slice(b"  [");
            names::put_open_flags(out, open.flags, architecture);
            out.push(b']');
        }
        Body::LibLoad(load) => {
            put_plain(out, load.path);
            if let Some(family) = family_of(load.path) {
                out.extend_from_slice(format!("  [{}]", family.name).as_bytes());
            }
        }
        Body::ProcessExec(exec) => {
            let mut line = Vec::new();
            argv::put_command_line(&mut line, exec.argv);
            put_plain(out, if line.is_empty() { exec.filename } else { &line });
        }
        Body::Loss(loss) => {
            let count =
                if loss.count == 0 { "an unknown number of".to_owned() } else { loss.count.to_string() };
            let text = format!("{count} records of {} are missing: {}", loss.fact_name(), loss.reason_name());
            out.extend_from_slice(text.as_bytes());
        }
        Body::ApiCall(call) => put_call(out, call),
        Body::TlsHandshake(tls) => put_handshake(out, tls),
        Body::KernelCrypto(asked) => asked.put_detail(out),
        Body::ProcessFork | Body::ProcessExit(_) => {}
    }
}

/// `SSL_CTX_set_verify verify_mode=SSL_VERIFY_PEER  [libssl.so.3]`
fn put_call(out: &mut Vec<u8>, call: &ApiCall<'_>) {
    put_plain(out, call.function);
    if let Some(count) = call.count {
        out.extend_from_slice(format!(" x{count}").as_bytes());
    }
    let args: Map<String, Value> = serde_json::from_slice(call.args).unwrap_or_default();
    if !args.is_empty() {
        out.push(b' ');
        put_plain(out, named_args(&args).as_bytes());
    }
    out.extend_from_slice(b"  [");
    put_plain(out, basename(call.library));
    out.push(b']');
}

/// `client of 192.0.2.1:443 example.com  TLSv1.3 TLS_AES_128_GCM_SHA256 X25519MLKEM768  [verify: ok]`
fn put_handshake(out: &mut Vec<u8>, tls: &TlsHandshake<'_>) {
    let role = if tls.client { "client of" } else { "server of" };
    out.extend_from_slice(format!("{role} {}", tls.peer).as_bytes());
    if !tls.sni.is_empty() {
        out.push(b' ');
        put_plain(out, tls.sni);
    }
    out.push(b' ');
    for (registry, number) in
        [(&VERSIONS, tls.version), (&CIPHER_SUITES, tls.cipher_suite), (&GROUPS, tls.group)]
    {
        if let Some(number) = number {
            out.extend_from_slice(format!(" {}", registry.name(number)).as_bytes());
        }
    }
    if let Some(alert) = tls.alert {
        let way = if alert.sent { "sent" } else { "received" };
        out.extend_from_slice(format!("  [alert {way}: {}]", alert.name()).as_bytes());
    }
    if !tls.verify.is_empty() {
        out.extend_from_slice(b"  [verify: ");
        put_plain(out, tls.verify);
        out.push(b']');
    }
}

/// Appends text that a terminal only shows.
pub fn put_plain(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => out.extend_from_slice(b"\\n"),
                '\t' => out.extend_from_slice(b"\\t"),
                '\r' => out.extend_from_slice(b"\\r"),
                c if c.is_ascii_control() => out.extend_from_slice(format!("\\x{:02x}", c as u32).as_bytes()),
                c if c.is_control() || turns_text(c) => {
                    out.extend_from_slice(format!("\\u{{{:x}}}", c as u32).as_bytes());
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        for byte in chunk.invalid() {
            out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
        }
    }
}

/// Characters that change the direction of text or break lines without being controls.
fn turns_text(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_are_safe() {
        for (text, want) in [
            (&b"plain"[..], "plain"),
            (b"a\x1b[2Jb", "a\\x1b[2Jb"),
            (b"a\nb\tc\r", "a\\nb\\tc\\r"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("é→\u{9b}2J".as_bytes(), "é→\\u{9b}2J"),
            ("\u{202e}gnp".as_bytes(), "\\u{202e}gnp"),
            (b"\x7f\0", "\\x7f\\x00"),
        ] {
            let mut out = Vec::new();
            put_plain(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
