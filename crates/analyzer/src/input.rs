//! Inputs: files, directories, standard input, databases.
//!
//! Invariants:
//! - Segments of one recording are one capture, in the order of their numbers, however they were named on the command line.
//! - Of an input that fails, everything before the failure is used, and the failure is in its coverage.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crypto_tracer_format::segment::{self, BlockEntry, CaptureReader, ReadOptions};

use crate::AnalyzeError;
use crate::coverage::{Damage, InputCoverage};

/// What a stream of blocks gives.
pub struct Chunk {
    /// Whole records.
    pub bytes: Vec<u8>,
    /// Which input they are from.
    pub input: usize,
    /// Id of the recording.
    pub capture_id: Option<[u8; 16]>,
    /// Number of the segment in the recording.
    pub number: Option<u32>,
}

/// Something that could not be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gap {
    /// Records lost, where known.
    pub records: Option<u64>,
    /// Not before this time.
    pub from_ns: Option<u64>,
    /// Not after this time.
    pub to_ns: Option<u64>,
}

/// Blocks of records, one after the other.
pub trait Blocks {
    /// The next block that is wanted; `None` at the end.
    fn next(&mut self, want: &mut dyn FnMut(&BlockEntry) -> bool) -> Option<Chunk>;
    /// What turned out to be missing since this was last asked.
    fn take_gaps(&mut self) -> Vec<Gap>;
    /// What was read of each input, and what not.
    fn coverage(&self) -> Vec<InputCoverage>;
}

/// A reader over a file or a pipe.
type Reader = CaptureReader<Box<dyn Read>>;

/// The standard input's name.
const STDIN: &str = "-";

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Input {
    /// Its place among the inputs.
    index: usize,
    path: PathBuf,
}

/// The captures that were named.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Each the files of one recording.
    captures: Vec<Vec<Input>>,
}

impl Inputs {
    /// Finds the captures that the arguments name.
    ///
    /// # Errors
    /// A file that isn't there, a directory without captures, or no argument at all.
    pub fn find(arguments: &[PathBuf]) -> Result<Inputs, AnalyzeError> {
        let mut paths = Vec::new();
        for argument in arguments {
            if argument.is_dir() {
                paths.extend(in_directory(argument)?);
            } else {
                paths.push(argument.clone());
            }
        }
        let mut seen = HashSet::new();
        paths.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
        if paths.is_empty() {
            return Err(AnalyzeError::NoInput);
        }
        let inputs: Vec<_> =
            paths.into_iter().enumerate().map(|(index, path)| Input { index, path }).collect();
        for input in &inputs {
            input.check()?;
        }
        Ok(Inputs { captures: grouped(inputs)? })
    }

    /// Opens all captures.
    pub fn open(&self) -> Vec<Box<dyn Blocks>> {
        let open = |inputs: &Vec<Input>| Box::new(Capture::new(inputs.clone())) as Box<dyn Blocks>;
        self.captures.iter().map(open).collect()
    }

    /// Whether all can be read twice.
    pub fn are_files(&self) -> bool {
        self.captures.iter().flatten().all(|input| input.path.is_file())
    }

    /// The first input's name.
    pub fn name(&self) -> String {
        self.captures.first().and_then(|c| c.first()).map(Input::name).unwrap_or_default()
    }
}

/// The captures in a directory, by name.
fn in_directory(directory: &Path) -> Result<Vec<PathBuf>, AnalyzeError> {
    let failed = |source| AnalyzeError::Input { path: directory.into(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_file() && is_capture_name(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    match paths.is_empty() {
        true => Err(AnalyzeError::EmptyDirectory(directory.into())),
        false => Ok(paths),
    }
}

/// `NAME.ctrace`, or `NAME.ctrace.partial` while it is being written.
fn is_capture_name(path: &Path) -> bool {
    let is = |path: &Path, ending| path.extension() == Some(OsStr::new(ending));
    is(path, "ctrace")
        || (is(path, "partial") && path.file_stem().is_some_and(|stem| is(Path::new(stem), "ctrace")))
}

/// The id of a recording, and its files with the numbers of their segments.
type Group = (Option<[u8; 16]>, Vec<(u32, Input)>);

/// Brings the files of one recording together, in the order of their segments.
fn grouped(inputs: Vec<Input>) -> Result<Vec<Vec<Input>>, AnalyzeError> {
    if inputs.len() == 1 {
        return Ok(vec![inputs]);
    }
    let mut groups: Vec<Group> = Vec::new();
    for input in inputs {
        let (id, number) = match input.capture()? {
            Some((id, number)) => (Some(id), number),
            None => (None, 0),
        };
        match groups.iter_mut().find(|(other, _)| id.is_some() && *other == id) {
            Some((_, group)) => group.push((number, input)),
            None => groups.push((id, vec![(number, input)])),
        }
    }
    let in_order = |(_, mut group): Group| {
        group.sort_by_key(|(number, _)| *number);
        group.into_iter().map(|(_, input)| input).collect()
    };
    Ok(groups.into_iter().map(in_order).collect())
}

impl Input {
    fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Whether it is there and can be read. A named pipe is not opened for the question: its writer would be cut off.
    fn check(&self) -> Result<(), AnalyzeError> {
        if self.path == Path::new(STDIN) {
            return Ok(());
        }
        let failed = |source| AnalyzeError::Input { path: self.path.clone(), source };
        if self.path.metadata().map_err(failed)?.is_file() {
            drop(self.open()?);
        }
        Ok(())
    }

    fn open(&self) -> Result<Option<File>, AnalyzeError> {
        if self.path == Path::new(STDIN) {
            return Ok(None);
        }
        let open = File::open(&self.path);
        open.map(Some).map_err(|source| AnalyzeError::Input { path: self.path.clone(), source })
    }

    /// A reader: one that hops over what isn't wanted, where the input can seek.
    fn reader(&self) -> Result<AnyReader, String> {
        let say = |e: &dyn std::fmt::Display| e.to_string();
        match self.open().map_err(|e| say(&e))? {
            Some(file) if self.path.is_file() => {
                CaptureReader::seekable(file, ReadOptions::default()).map(AnyReader::File)
            }
            Some(pipe) => CaptureReader::new(Box::new(pipe) as Box<dyn Read>).map(AnyReader::Pipe),
            None => CaptureReader::new(Box::new(io::stdin()) as Box<dyn Read>).map(AnyReader::Pipe),
        }
        .map_err(|e| say(&e))
    }

    /// Which segment of which recording it begins with, where it tells. A pipe is not asked: what was read of it would be gone.
    fn capture(&self) -> Result<Option<([u8; 16], u32)>, AnalyzeError> {
        if !self.path.is_file() {
            return Ok(None);
        }
        let Ok(mut reader) = self.reader() else { return Ok(None) };
        // The first block is enough, whole or not.
        Ok(reader.next(&mut |_| true).and_then(|(_, capture)| capture))
    }
}

enum AnyReader {
    File(CaptureReader<File>),
    Pipe(Reader),
}

/// Id of the recording and number of the segment.
type CaptureId = Option<([u8; 16], u32)>;

impl AnyReader {
    fn next(&mut self, want: &mut dyn FnMut(&BlockEntry) -> bool) -> Option<(Vec<u8>, CaptureId)> {
        self.try_next(want).ok().flatten()
    }

    fn try_next(
        &mut self,
        want: &mut dyn FnMut(&BlockEntry) -> bool,
    ) -> Result<Option<(Vec<u8>, CaptureId)>, segment::ReadError> {
        let block = match self {
            AnyReader::File(reader) => reader.next_block(want)?,
            AnyReader::Pipe(reader) => reader.next_block(want)?,
        };
        Ok(block.map(|b| (b.bytes().to_vec(), b.segment.and_then(|s| s.capture))))
    }

    fn coverage(&self) -> &segment::Coverage {
        match self {
            AnyReader::File(reader) => reader.coverage(),
            AnyReader::Pipe(reader) => reader.coverage(),
        }
    }
}

/// The files of one recording, one after the other.
struct Capture {
    /// Those to come, the next one last.
    waiting: Vec<Input>,
    open: Option<(Input, AnyReader)>,
    /// Damages of the open input that were taken as gaps.
    taken: usize,
    gaps: Vec<Gap>,
    done: Vec<InputCoverage>,
}

impl Capture {
    fn new(mut inputs: Vec<Input>) -> Capture {
        inputs.reverse();
        Capture { waiting: inputs, open: None, taken: 0, gaps: Vec::new(), done: Vec::new() }
    }

    fn note_gaps(&mut self) {
        let Some((_, reader)) = &self.open else { return };
        let damages = &reader.coverage().damages;
        let new = damages.get(self.taken..).unwrap_or_default();
        self.gaps.extend(new.iter().filter(|d| d.lost_records()).map(|d| Gap {
            records: d.records,
            from_ns: d.from_ns,
            to_ns: d.to_ns,
        }));
        self.taken = damages.len();
    }

    fn close(&mut self, failure: Option<String>) {
        if let Some((input, reader)) = self.open.take() {
            self.done.push(covered(&input, reader.coverage(), failure));
        }
    }
}

impl Blocks for Capture {
    fn next(&mut self, want: &mut dyn FnMut(&BlockEntry) -> bool) -> Option<Chunk> {
        loop {
            let Some((input, reader)) = &mut self.open else {
                let input = self.waiting.pop()?;
                self.taken = 0;
                match input.reader() {
                    Ok(reader) => self.open = Some((input, reader)),
                    Err(failure) => {
                        self.done.push(covered(&input, &segment::Coverage::default(), Some(failure)));
                    }
                }
                continue;
            };
            let input = input.index;
            let next = reader.try_next(want);
            self.note_gaps();
            match next {
                Ok(Some((bytes, capture))) => {
                    let (capture_id, number) = capture.unzip();
                    return Some(Chunk { bytes, input, capture_id, number });
                }
                Ok(None) => self.close(None),
                Err(error) => {
                    self.gaps.push(Gap::default());
                    self.close(Some(error.to_string()));
                }
            }
        }
    }

    fn take_gaps(&mut self) -> Vec<Gap> {
        std::mem::take(&mut self.gaps)
    }

    fn coverage(&self) -> Vec<InputCoverage> {
        self.done.clone()
    }
}

fn covered(input: &Input, read: &segment::Coverage, failure: Option<String>) -> InputCoverage {
    let damage = |d: &segment::Damage| Damage {
        what: d.cause.to_string(),
        offset: d.offset,
        bytes: d.bytes,
        blocks: d.blocks,
        records: d.records,
        after_ns: d.from_ns,
        before_ns: d.to_ns,
        ..Damage::default()
    };
    InputCoverage {
        index: input.index,
        name: input.name(),
        bytes: read.bytes,
        blocks: read.blocks,
        blocks_skipped: read.blocks_unwanted,
        records: read.records,
        unknown_kinds: read.unknown_kinds.clone(),
        segments: read.segments,
        damage: read.damages.iter().map(damage).collect(),
        damage_more: read.damages_more,
        failure,
        closed: read.not_closed == 0 && read.closed > 0,
        ..InputCoverage::default()
    }
}
