//! What a capture is told of functions and files: which are probed, and which are not and why.
//!
//! Invariant: records are whole; names that don't fit are cut.

use crate::clocks::{self, now_ns};
use crypto_tracer_format::catalogue::api::{Catalogue, Recorded};
use crypto_tracer_format::record::{ApiFunction, ApiLibrary, ApiRecorded, Fact, ProbeState, ProbeStatus};

/// The name under which a capture tells what is not probed.
const LEFT_OUT: &str = "uprobe:left_out";

/// A probed file.
#[derive(Debug)]
pub(super) struct Library {
    pub(super) record: ApiLibrary,
    pub(super) family: usize,
    pub(super) path: Vec<u8>,
    /// Functions, and why they are not probed.
    pub(super) left_out: Vec<(String, String)>,
    pub(super) errno: i32,
}

/// A function of the catalogue, by its number.
pub(super) fn put_function(out: &mut Vec<u8>, catalogue: &Catalogue, id: u32) {
    let Some((_, family, f)) = catalogue.numbered().find(|(number, ..)| *number == id) else { return };
    let recorded = match f.record {
        Recorded::Event => ApiRecorded::Event,
        Recorded::Count => ApiRecorded::Count,
    };
    clocks::put(out, now_ns(), |b| ApiFunction {
        id,
        recorded: recorded.number(),
        bulk: f.bulk.into(),
        family: b.string(family.family.as_bytes()),
        name: b.string(f.name.as_bytes()),
        topic: b.string(f.topic.word().as_bytes()),
        args: b.string(f.describe_args().as_bytes()),
        success: b.string(f.success.word().as_bytes()),
        reserved: 0,
    });
}

/// A file, with what is left out of it.
pub(super) fn put_library(out: &mut Vec<u8>, library: &Library, catalogue: &Catalogue) {
    let family = catalogue.families().get(library.family).map_or("", |f| &f.family);
    let names: Vec<&str> = library.left_out.iter().map(|(name, _)| name.as_str()).collect();
    clocks::put(out, now_ns(), |b| ApiLibrary {
        family: b.string(family.as_bytes()),
        path: b.string(&library.path),
        left_out: b.string(names.join(" ").as_bytes()),
        ..library.record
    });
    if library.left_out.is_empty() {
        return;
    }
    let why: Vec<String> = library.left_out.iter().map(|(name, why)| format!("{name} ({why})")).collect();
    let reason = format!("{}: {}", String::from_utf8_lossy(&library.path), why.join(", "));
    put_left_out(out, library.errno, &reason);
}

/// What is not probed.
pub(super) fn put_left_out(out: &mut Vec<u8>, errno: i32, reason: &str) {
    clocks::put(out, now_ns(), |b| ProbeStatus {
        fact: Fact::ApiCall.number(),
        state: ProbeState::NotSupported.number(),
        errno,
        probe: b.string(LEFT_OUT.as_bytes()),
        reason: b.string(reason.as_bytes()),
    });
}
