//! Where a capture goes: one file, a folder of segments, or standard output.
//!
//! Invariants:
//! - A segment begins and ends only when the session says so ([`Output::rotate`]): what every segment must repeat (host,
//!   clocks, probe status, baseline) is then the session's to write first.
//! - All segments of a recording share its random id; each holds the digest of the one before.
//! - Only segments that this recording made are ever deleted.
//! - A write that fails ends the output; what is on disk is cut to whole blocks and can be read.

mod error;
mod name;
mod patience;
mod sink;

pub use error::OutputError;
pub use patience::Patience;

use crypto_tracer_format::segment::{CloseReason, Digest, Id, SegmentOptions, SegmentWriter, WriteError};
use rustix::rand::{GetRandomFlags, getrandom};
use sink::{Folder, Made, Sink};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// When the disk is told to keep what was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Never.
    #[default]
    None,
    /// At least every five seconds.
    FiveSeconds,
    /// After every block.
    Block,
}

const SYNC_EVERY: Duration = Duration::from_secs(5);

/// Where and how to write.
#[derive(Clone, Debug)]
pub struct OutputOptions {
    /// A file, a folder (it exists, or ends with `/` and is made), or `-`.
    pub output: PathBuf,
    /// Existing files are replaced.
    pub force: bool,
    /// Name of the host, for the names of segments.
    pub host: String,
    /// Name and version of the recorder.
    pub writer: String,
    /// zstd level.
    pub level: i32,
    /// A block is closed when it has so many bytes of records.
    pub block_bytes: usize,
    /// A block is closed so long after its first record; `None`: 20 ms into a pipe, else a second.
    pub flush_after: Option<Duration>,
    /// When the disk is told to keep what was written.
    pub sync: Sync,
    /// In a folder: a segment is full at this size.
    pub rotate_size: Option<u64>,
    /// In a folder: a segment is full after this time.
    pub rotate_time: Option<Duration>,
    /// In a folder: so many segments are kept, the one being written included.
    pub keep: Option<u32>,
    /// How long a pipe's reader is waited for.
    pub patience: Patience,
}

/// What was written, over all segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Segments begun.
    pub segments: u32,
    /// Bytes, compressed.
    pub bytes: u64,
    /// Blocks.
    pub blocks: u64,
    /// Records in them.
    pub records: u64,
}

/// A segment that was closed.
#[derive(Debug)]
pub struct Closed {
    /// Where it is.
    pub path: PathBuf,
    /// Old segments that could not be deleted.
    pub warnings: Vec<OutputError>,
}

enum Target {
    Stdout,
    File { folder: Folder, name: std::ffi::OsString },
    Folder { folder: Folder, stem: String },
}

/// The output of one recording.
pub struct Output {
    options: OutputOptions,
    target: Target,
    capture_id: Id,
    number: u32,
    /// `None` after a failed write.
    segment: Option<SegmentWriter<Sink>>,
    begun: Instant,
    /// When the open block got its first record.
    block_opened: Option<Instant>,
    synced: (Instant, u32),
    flush_after: Duration,
    /// Closed segments that are still there, oldest first.
    closed: VecDeque<Made>,
    /// What closed segments hold.
    before: Written,
}

impl Output {
    /// Opens the output and begins the first segment.
    ///
    /// # Errors
    /// Whatever stands in the way; nothing is left behind then.
    pub fn open(options: OutputOptions) -> Result<Output, OutputError> {
        let target = Target::of(&options)?;
        let capture_id = random_id()?;
        let (segment, is_file) = begin(&target, &options, capture_id, 0, [0; 32])?;
        let now = Instant::now();
        let default = Duration::from_millis(if is_file { 1000 } else { 20 });
        Ok(Output {
            flush_after: options.flush_after.unwrap_or(default),
            options,
            target,
            capture_id,
            number: 0,
            segment: Some(segment),
            begun: now,
            block_opened: None,
            synced: (now, 0),
            closed: VecDeque::new(),
            before: Written::default(),
        })
    }

    /// What is written to, as the user knows it: the file's name to be, the folder, or `standard output`.
    pub fn shown(&self) -> String {
        match &self.target {
            Target::Stdout => "standard output".into(),
            Target::File { folder, name } => folder.path().join(name).display().to_string(),
            Target::Folder { folder, .. } => folder.path().display().to_string(),
        }
    }

    /// Whether the output's folder is writable only with more rights than its owner, group and mode give: closing and
    /// rotating then need them until the end.
    pub fn in_foreign_folder(&self) -> bool {
        match &self.target {
            Target::Stdout => false,
            Target::File { folder, .. } => folder.is_foreign(self.options.force),
            Target::Folder { folder, .. } => folder.is_foreign(false),
        }
    }

    /// Adds whole records, redacted.
    ///
    /// # Errors
    /// The output refused: nothing more can be written.
    pub fn append(&mut self, records: &[u8]) -> Result<(), OutputError> {
        let Some(segment) = &mut self.segment else { return Err(self.over()) };
        let blocks = segment.totals().blocks;
        let result = segment.append(records);
        if segment.totals().blocks != blocks {
            self.block_opened = None;
        }
        if segment.open_block_bytes() > 0 {
            self.block_opened.get_or_insert_with(Instant::now);
        }
        self.check(result)?;
        self.sync_if_due(Instant::now())
    }

    /// Closes the open block if its time has come, and syncs. To be called every now and then.
    ///
    /// # Errors
    /// As [`Output::append`].
    pub fn tick(&mut self, now: Instant) -> Result<(), OutputError> {
        if self.block_opened.is_some_and(|opened| now.saturating_duration_since(opened) >= self.flush_after) {
            self.flush()?;
        }
        self.sync_if_due(now)
    }

    /// How long until [`Output::tick`] has something to do; `None`: nothing is waiting.
    pub fn next_tick(&self, now: Instant) -> Option<Duration> {
        self.block_opened.map(|opened| (opened + self.flush_after).saturating_duration_since(now))
    }

    /// Closes the open block.
    ///
    /// # Errors
    /// As [`Output::append`].
    pub fn flush(&mut self) -> Result<(), OutputError> {
        let Some(segment) = &mut self.segment else { return Err(self.over()) };
        let result = segment.flush_block();
        self.block_opened = None;
        self.check(result)
    }

    /// Why the segment should be closed, if it should.
    pub fn rotation_due(&self, now: Instant) -> Option<CloseReason> {
        let Target::Folder { .. } = self.target else { return None };
        let size = self.segment.as_ref().map_or(0, |s| s.totals().bytes);
        if self.options.rotate_size.is_some_and(|limit| size >= limit) {
            return Some(CloseReason::Size);
        }
        let age = now.saturating_duration_since(self.begun);
        self.options.rotate_time.is_some_and(|limit| age >= limit).then_some(CloseReason::Time)
    }

    /// Closes the segment and begins the next. The session then repeats what every segment begins with.
    ///
    /// # Errors
    /// The old segment can't be closed, or the new one not begun.
    pub fn rotate(&mut self, reason: CloseReason) -> Result<Closed, OutputError> {
        let (path, digest) = self.close(reason)?;
        self.number += 1;
        let (segment, _) = begin(&self.target, &self.options, self.capture_id, self.number, digest)?;
        self.segment = Some(segment);
        self.begun = Instant::now();
        self.synced = (self.begun, 0);
        // The one that was just begun is one of those that are kept.
        let keep = self.options.keep.map_or(usize::MAX, |n| n.saturating_sub(1) as usize);
        let mut warnings = Vec::new();
        if let Target::Folder { folder, .. } = &self.target {
            while self.closed.len() > keep {
                let Some(oldest) = self.closed.pop_front() else { break };
                warnings.extend(folder.delete(&oldest).err());
            }
        }
        Ok(Closed { path, warnings })
    }

    /// Whether records wait in the open block.
    pub fn has_open_block(&self) -> bool {
        self.segment.as_ref().is_some_and(|segment| segment.open_block_bytes() > 0)
    }

    /// What was written so far, closed blocks only.
    pub fn written(&self) -> Written {
        let mut all = self.before;
        if let Some(segment) = &self.segment {
            all.add(segment.totals());
        }
        all
    }

    /// Closes the last segment.
    ///
    /// # Errors
    /// It can't be written, or not be given its name.
    pub fn finish(mut self, reason: CloseReason) -> Result<(PathBuf, Written), OutputError> {
        let (path, _) = self.close(reason)?;
        Ok((path, self.before))
    }

    fn close(&mut self, reason: CloseReason) -> Result<(PathBuf, Digest), OutputError> {
        self.flush()?;
        let Some(segment) = self.segment.take() else { return Err(self.over()) };
        let totals = *segment.totals();
        let shown = segment.get_ref().shown().to_path_buf();
        let (sink, digest) = segment.finish(reason).map_err(|source| failure(shown, totals.bytes, source))?;
        self.before.add(&totals);
        let (path, made) = sink.close(self.options.sync != Sync::None)?;
        self.closed.extend(made);
        Ok((path, digest))
    }

    /// Ends the output after a failed write, and leaves whole blocks.
    fn check(&mut self, result: Result<(), WriteError>) -> Result<(), OutputError> {
        let Err(source) = result else { return Ok(()) };
        // What isn't a record is refused; the output is as it was.
        let fatal = !matches!(source, WriteError::Record(_));
        let Some(segment) = &self.segment else { return Err(self.over()) };
        let (shown, whole) = (segment.get_ref().shown().to_path_buf(), segment.totals().bytes);
        if fatal {
            segment.get_ref().cut(whole);
            self.before.add(segment.totals());
            self.segment = None;
        }
        Err(failure(shown, whole, source))
    }

    fn over(&self) -> OutputError {
        OutputError::Write { path: self.shown().into(), kept: self.before.bytes, source: WriteError::Failed }
    }

    fn sync_if_due(&mut self, now: Instant) -> Result<(), OutputError> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let blocks = segment.totals().blocks;
        let due = match self.options.sync {
            Sync::None => false,
            Sync::FiveSeconds => now.saturating_duration_since(self.synced.0) >= SYNC_EVERY,
            Sync::Block => true,
        };
        if !due || blocks == self.synced.1 {
            return Ok(());
        }
        self.synced = (now, blocks);
        let result = segment.get_ref().sync().map_err(WriteError::from);
        self.check(result)
    }
}

impl Written {
    fn add(&mut self, totals: &crypto_tracer_format::segment::Totals) {
        self.segments += 1;
        self.bytes += totals.bytes;
        self.blocks += u64::from(totals.blocks);
        self.records += totals.tally.records;
    }
}

impl Target {
    fn of(options: &OutputOptions) -> Result<Target, OutputError> {
        let path = options.output.as_path();
        if path == Path::new("-") {
            return Ok(Target::Stdout);
        }
        let wants_folder = path.as_os_str().as_encoded_bytes().ends_with(b"/");
        if wants_folder && !path.exists() {
            let made =
                std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(path);
            made.map_err(|source| OutputError::Folder { path: path.into(), source })?;
        }
        if wants_folder || path.is_dir() {
            let stem = name::stem(&options.host, SystemTime::now());
            return Ok(Target::Folder { folder: Folder::open(path)?, stem });
        }
        let no_name = || OutputError::Create {
            path: path.into(),
            source: std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path names no file"),
        };
        let name = path.file_name().ok_or_else(no_name)?.to_os_string();
        Ok(Target::File { folder: Folder::open(path.parent().unwrap_or(Path::new(".")))?, name })
    }
}

fn begin(
    target: &Target,
    options: &OutputOptions,
    capture_id: Id,
    number: u32,
    previous: Digest,
) -> Result<(SegmentWriter<Sink>, bool), OutputError> {
    let segment_options = SegmentOptions {
        capture_id,
        segment_id: random_id()?,
        number,
        previous,
        level: options.level,
        block_bytes: options.block_bytes,
        writer: options.writer.clone(),
    };
    let sink = match target {
        Target::Stdout => Sink::stdout(&options.patience)?,
        Target::File { folder, name } => Sink::create(folder, name, options.force, &options.patience)?,
        Target::Folder { folder, stem } => {
            let name = name::segment(stem, number);
            Sink::create(folder, name.as_ref(), options.force, &options.patience)?
        }
    };
    let (shown, is_file, undo) = (sink.shown().to_path_buf(), sink.is_file(), sink.undo());
    let segment = SegmentWriter::begin(sink, segment_options).map_err(|source| {
        undo();
        failure(shown, 0, source)
    })?;
    Ok((segment, is_file))
}

fn failure(path: PathBuf, kept: u64, source: WriteError) -> OutputError {
    let WriteError::Io(e) = &source else { return OutputError::Write { path, kept, source } };
    if let Some(stalled) = e.get_ref().and_then(|e| e.downcast_ref::<patience::Stalled>()) {
        return OutputError::Stalled { left: stalled.left };
    }
    match e.raw_os_error() {
        Some(libc::EPIPE) => OutputError::ReaderGone,
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG) => OutputError::Full { path, kept },
        _ => OutputError::Write { path, kept, source },
    }
}

/// 128 random bits.
fn random_id() -> Result<Id, OutputError> {
    let mut id = Id::default();
    let got = getrandom(&mut id[..], GetRandomFlags::empty()).map_err(|e| OutputError::Random(e.into()))?;
    // The kernel gives up to 256 bytes at once.
    if got == id.len() { Ok(id) } else { Err(OutputError::Random(std::io::ErrorKind::UnexpectedEof.into())) }
}

#[cfg(test)]
mod tests;
