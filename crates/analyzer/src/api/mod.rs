//! Calls of libraries' functions: from records, and what each segment says of functions and files, to events.
//!
//! Invariants:
//! - A number of a function or a file means something within its segment alone. One that the segment doesn't explain makes
//!   the record malformed, never half an event.
//! - Memory is bounded: the tables of the last [`SEGMENTS`] segments, with at most [`BYTES`].

mod args;
mod call;
mod names;
pub mod purpose;

pub use call::{api_call, api_count};

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crypto_tracer_format::catalogue::api::{NamedArgument, Success, Topic};
use crypto_tracer_format::record::{ApiFunction, ApiLibrary, ApiRecorded, Record, RecordError};
use crypto_tracer_format::redact::Redactor;

use crate::event::FileId;
use crate::identity::SegmentId;
use crate::sink::NoteBody;
use args::Argument;
use purpose::Families;

/// Segments whose tables are kept: records that wait for their turn may be of an earlier one.
const SEGMENTS: usize = 64;
/// Bytes that all tables hold.
const BYTES: usize = 64 << 20;
/// Arguments of a function that are read.
const ARGUMENTS: usize = 16;

/// A function, as its segment describes it.
#[derive(Debug)]
pub struct Function {
    family: Box<[u8]>,
    name: Box<[u8]>,
    topic: Box<[u8]>,
    success: Success,
    args: Vec<Argument>,
}

impl Function {
    fn topic(&self) -> Option<Topic> {
        std::str::from_utf8(&self.topic).ok().and_then(Topic::of_word)
    }

    fn bytes(&self) -> usize {
        let args: usize = self.args.iter().map(|arg| arg.name.len() + size_of::<Argument>()).sum();
        // The family also stands among those whose purposes are recorded.
        size_of::<Function>() + 2 * self.family.len() + self.name.len() + self.topic.len() + args
    }
}

/// A file, as its segment describes it.
#[derive(Debug)]
pub struct LibraryFile {
    /// Its path, as it was first seen.
    pub path: Box<[u8]>,
    /// Device and inode.
    pub file: FileId,
    /// Whether its calls say what certificates are verified for.
    pub tells_purpose: bool,
}

/// What the segments said of functions and files.
#[derive(Debug, Default)]
pub struct Tables {
    segments: BTreeMap<SegmentId, Table>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Table {
    functions: HashMap<u32, Arc<Function>>,
    libraries: HashMap<u32, Arc<LibraryFile>>,
    purposes: Families,
    bytes: usize,
}

impl Tables {
    /// Takes a function's description, and gives it back as a note. `None`: it is recorded in a way that this release
    /// doesn't know.
    ///
    /// # Errors
    /// [`RecordError`] where the record is malformed.
    pub fn function<'a>(
        &mut self,
        record: &Record<'a>,
        segment: SegmentId,
    ) -> Result<Option<NoteBody<'a>>, RecordError> {
        let function: ApiFunction = record.payload()?;
        let (family, name, topic) =
            (record.str(function.family)?, record.str(function.name)?, record.str(function.topic)?);
        let (args, success) = (record.str(function.args)?, record.str(function.success)?);
        let Some(recorded) = ApiRecorded::from_number(function.recorded) else { return Ok(None) };
        let known = Function {
            family: family.into(),
            name: name.into(),
            topic: topic.into(),
            success: std::str::from_utf8(success).ok().and_then(Success::of_word).unwrap_or_default(),
            args: arguments(args),
        };
        let bytes = known.bytes();
        let table = self.table(segment, bytes);
        if recorded == ApiRecorded::Event {
            table.purposes.note(&known);
        }
        table.functions.insert(function.id, Arc::new(known));
        Ok(Some(NoteBody::ApiFunction { recorded, family, name, topic }))
    }

    /// Takes a file's description, and gives it back as a note.
    ///
    /// # Errors
    /// [`RecordError`] where the record is malformed.
    pub fn library<'a>(
        &mut self,
        record: &Record<'a>,
        segment: SegmentId,
        redact: &Redactor,
        buffer: &'a mut Vec<u8>,
    ) -> Result<NoteBody<'a>, RecordError> {
        let library: ApiLibrary = record.payload()?;
        let (family, left_out) = (record.str(library.family)?, record.str(library.left_out)?);
        buffer.clear();
        buffer.extend_from_slice(&redact.path(record.str(library.path)?));
        let file = FileId { dev_major: library.dev_major, dev_minor: library.dev_minor, ino: library.ino };
        let table = self.table(segment, size_of::<LibraryFile>() + buffer.len());
        let tells_purpose = purpose::is_probed(left_out);
        let known = LibraryFile { path: buffer.as_slice().into(), file, tells_purpose };
        table.libraries.insert(library.id, Arc::new(known));
        Ok(NoteBody::ApiLibrary {
            path: buffer,
            file,
            bits: library.bits,
            family,
            functions: library.functions,
            left_out,
        })
    }

    /// What the segment says of a function and a file.
    fn find(
        &self,
        segment: SegmentId,
        function: u32,
        library: u32,
    ) -> Option<(Arc<Function>, Arc<LibraryFile>)> {
        let table = self.segments.get(&segment)?;
        Some((table.functions.get(&function)?.clone(), table.libraries.get(&library)?.clone()))
    }

    /// The families of the segment whose purposes are recorded.
    fn purposes(&self, segment: SegmentId) -> Option<&Families> {
        self.segments.get(&segment).map(|table| &table.purposes)
    }

    /// The segment's table, which is about to hold so many bytes more.
    fn table(&mut self, segment: SegmentId, more: usize) -> &mut Table {
        self.bytes += more;
        while self.segments.len() >= SEGMENTS || self.bytes > BYTES {
            // The oldest goes; of a single one that is too large, all that it held so far.
            let Some((_, table)) = self.segments.pop_first() else { break };
            self.bytes = self.bytes.saturating_sub(table.bytes);
        }
        let table = self.segments.entry(segment).or_default();
        table.bytes += more;
        table
    }
}

/// Reads the arguments' descriptions; of names only those that documents can hold as they are.
fn arguments(text: &[u8]) -> Vec<Argument> {
    let Ok(text) = std::str::from_utf8(text) else { return Vec::new() };
    let mut read: Vec<Argument> = Vec::new();
    for NamedArgument { slot, name, kind } in NamedArgument::parse_all(text) {
        let is_plain = !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if is_plain && read.len() < ARGUMENTS && read.iter().all(|arg| *arg.name != *name) {
            read.push(Argument { slot, name: name.into(), kind });
        }
    }
    read
}

#[cfg(test)]
mod tests;
