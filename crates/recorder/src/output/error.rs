//! Why a capture can't be written.

use crypto_tracer_format::segment::WriteError;
use std::path::PathBuf;

/// What went wrong with the output. What is on disk stays a capture that can be read.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// Standard output is a terminal.
    #[error("a capture is binary; expected standard output to be a pipe or a file, but it is a terminal")]
    Terminal,
    /// The file is there already.
    #[error("{} exists already; it is replaced only with --force", .0.display())]
    Exists(PathBuf),
    /// An unfinished capture of this name is there.
    #[error("{} exists already: another recording is under way, or one was killed (what it wrote can be read); it is replaced only with --force", .0.display())]
    Unfinished(PathBuf),
    /// The folder can't be used.
    #[error("the folder {} can't be opened: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file can't be created.
    #[error("{} can't be created: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The disk, or the user's share of it, is full.
    #[error("no space is left for {}; its first {kept} bytes are whole and can be read", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// Bytes that were written whole.
        kept: u64,
    },
    /// Whoever read from the pipe is gone.
    #[error("the reader of standard output is gone")]
    ReaderGone,
    /// Whoever reads from the pipe takes nothing, and the recording is over.
    #[error("the reader of standard output did not take the last {left} bytes")]
    Stalled {
        /// Bytes of the last block that were not taken.
        left: u64,
    },
    /// Anything else while writing.
    #[error("writing {} failed after {kept} bytes, which can be read: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Bytes that were written whole.
        kept: u64,
        /// What happened.
        source: WriteError,
    },
    /// The finished file can't be given its name.
    #[error("{} is whole, but can't be renamed to {}: {source}", from.display(), to.display())]
    Rename {
        /// Where it is.
        from: PathBuf,
        /// Where it should be.
        to: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An old segment can't be deleted.
    #[error("the old segment {} can't be deleted: {source}", path.display())]
    Delete {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The kernel gives no random numbers.
    #[error("the system gives no random numbers for the capture's id: {0}")]
    Random(std::io::Error),
}
