//! Where the bytes of one segment go: a file that has its name only once it is whole, or a pipe.
//!
//! Invariants:
//! - A file is created new, with mode 0600, through a descriptor of its folder; links are never followed, so that in a
//!   folder that others may write to nothing of theirs is opened or overwritten.
//! - Without `force` an existing file is never replaced, also when it appears while the recording runs.
//! - A write to a pipe never blocks: it is preceded by a poll and is of a size that then fits. The descriptor is not made
//!   non-blocking, for others share it.
//! - After a failed write the file is cut to what was whole.

use super::error::OutputError;
use super::name::UNFINISHED;
use super::patience::Patience;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What fits into a pipe whole when it can be written to (PIPE_BUF).
const PIECE: usize = 4096;

/// A folder, held open.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    fd: Arc<OwnedFd>,
    path: PathBuf,
}

/// A file that this recording made: only these are ever deleted.
#[derive(Clone, Debug)]
pub(super) struct Made {
    name: OsString,
    identity: Identity,
}

/// What tells a file from another one in its place. Inode numbers are given again at once, so size and time count too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, u64),
}

impl Identity {
    fn of(stat: &Stat) -> Identity {
        let modified = (stat.st_mtime, stat.st_mtime_nsec);
        Identity { device: stat.st_dev, inode: stat.st_ino, size: stat.st_size, modified }
    }
}

impl Folder {
    pub(super) fn open(path: &Path) -> Result<Folder, OutputError> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Folder { fd: Arc::new(fd), path: path.into() }),
            Err(e) => Err(OutputError::Folder { path: path.into(), source: e.into() }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether owner, group and mode forbid this user to create and rename in it. `replace`: also others' files.
    pub(super) fn is_foreign(&self, replace: bool) -> bool {
        let Ok(stat) = rustix::fs::fstat(&self.fd) else { return true };
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let class = match () {
            () if stat.st_uid == uid => 6,
            () if stat.st_gid == gid => 3,
            () => 0,
        };
        let writable = stat.st_mode >> class & 0o3 == 0o3;
        let sticky = stat.st_mode & 0o1000 != 0 && stat.st_uid != uid;
        !writable || (replace && sticky)
    }

    fn kind(&self, name: &OsStr) -> Option<FileType> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }

    /// Deletes a file of this recording, unless another stands in its place by now.
    pub(super) fn delete(&self, made: &Made) -> Result<(), OutputError> {
        let failed = |e: Errno| OutputError::Delete { path: self.path.join(&made.name), source: e.into() };
        let stat = match rustix::fs::statat(&self.fd, &made.name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(()),
            other => other.map_err(failed)?,
        };
        if Identity::of(&stat) != made.identity {
            return Ok(());
        }
        rustix::fs::unlinkat(&self.fd, &made.name, AtFlags::empty()).map_err(failed)
    }
}

/// One segment's output.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    /// None: a pipe, a device; there is nothing to rename or to cut.
    place: Option<Place>,
    /// Of a pipe: how long its reader is waited for.
    patience: Option<Patience>,
    /// For messages.
    shown: PathBuf,
}

#[derive(Debug)]
struct Place {
    folder: Folder,
    made: Made,
    name: OsString,
    force: bool,
}

impl Sink {
    /// Standard output.
    pub(super) fn stdout(patience: &Patience) -> Result<Sink, OutputError> {
        if std::io::stdout().is_terminal() {
            return Err(OutputError::Terminal);
        }
        let shown = PathBuf::from("standard output");
        // A descriptor of its own: std's standard output would buffer and split the writes.
        match std::io::stdout().as_fd().try_clone_to_owned() {
            Ok(fd) => {
                let stat = rustix::fs::fstat(&fd);
                let plain = stat.is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::RegularFile);
                let patience = (!plain).then(|| patience.clone());
                Ok(Sink { file: File::from(fd), place: None, patience, shown })
            }
            Err(source) => Err(OutputError::Create { path: shown, source }),
        }
    }

    /// Creates `NAME.partial`; a FIFO or a device of that name is written to as it is.
    pub(super) fn create(
        folder: &Folder,
        name: &OsStr,
        force: bool,
        patience: &Patience,
    ) -> Result<Sink, OutputError> {
        let shown = folder.path.join(name);
        let failed = |path: &Path, e: Errno| OutputError::Create { path: path.into(), source: e.into() };
        match folder.kind(name) {
            Some(FileType::Fifo | FileType::CharacterDevice) => {
                let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
                let fd = rustix::fs::openat(&folder.fd, name, flags, Mode::empty())
                    .map_err(|e| failed(&shown, e))?;
                let patience = Some(patience.clone());
                return Ok(Sink { file: File::from(fd), place: None, patience, shown });
            }
            Some(FileType::Directory) => return Err(failed(&shown, Errno::ISDIR)),
            Some(_) if !force => return Err(OutputError::Exists(shown)),
            _ => {}
        }
        let mut partial = name.to_os_string();
        partial.push(UNFINISHED);
        let shown = folder.path.join(&partial);
        if force && folder.kind(&partial) == Some(FileType::RegularFile) {
            rustix::fs::unlinkat(&folder.fd, &partial, AtFlags::empty()).map_err(|e| failed(&shown, e))?;
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::openat(&folder.fd, &partial, flags, Mode::RUSR | Mode::WUSR) {
            Err(Errno::EXIST) => return Err(OutputError::Unfinished(shown)),
            other => other.map_err(|e| failed(&shown, e))?,
        };
        // The umask can only take rights away; that of the owner to read must stay.
        let stat = rustix::fs::fchmod(&fd, Mode::RUSR | Mode::WUSR).and_then(|()| rustix::fs::fstat(&fd));
        let stat = stat.map_err(|e| failed(&shown, e))?;
        let made = Made { name: partial, identity: Identity::of(&stat) };
        let place = Place { folder: folder.clone(), made, name: name.into(), force };
        Ok(Sink { file: File::from(fd), place: Some(place), patience: None, shown })
    }

    /// How to take the file away again, if not even its beginning can be written.
    pub(super) fn undo(&self) -> impl FnOnce() + use<> {
        let place = self.place.as_ref().map(|place| (place.folder.clone(), place.made.name.clone()));
        move || {
            if let Some((folder, name)) = place {
                // Nothing is in it: if it stays, no harm is done.
                let _ = rustix::fs::unlinkat(&folder.fd, &name, AtFlags::empty());
            }
        }
    }

    /// What the user knows it by.
    pub(super) fn shown(&self) -> &Path {
        &self.shown
    }

    /// Whether it is a file that gets its name at the end, not a pipe.
    pub(super) fn is_file(&self) -> bool {
        self.place.is_some()
    }

    pub(super) fn sync(&self) -> std::io::Result<()> {
        match self.place {
            Some(_) => self.file.sync_data(),
            None => Ok(()),
        }
    }

    /// Cuts off what follows the bytes that are whole.
    pub(super) fn cut(&self, whole: u64) {
        if self.place.is_some() {
            // If even this fails, the reader finds the cut block and says so.
            let _ = self.file.set_len(whole);
        }
    }

    /// Gives the finished file its name.
    pub(super) fn close(self, sync: bool) -> Result<(PathBuf, Option<Made>), OutputError> {
        let Some(Place { folder, mut made, name, force }) = self.place else { return Ok((self.shown, None)) };
        let to = folder.path.join(&name);
        let failed = |e: Errno| match e {
            Errno::EXIST => OutputError::Exists(to.clone()),
            e => OutputError::Rename { from: self.shown.clone(), to: to.clone(), source: e.into() },
        };
        if sync {
            rustix::fs::fsync(&self.file).map_err(failed)?;
        }
        let flags = if force { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        match rustix::fs::renameat_with(&folder.fd, &made.name, &folder.fd, &name, flags) {
            // File systems without it: a link fails where the name is taken, as wanted.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(&folder.fd, &made.name, &folder.fd, &name, AtFlags::empty())
                    .map_err(failed)?;
                rustix::fs::unlinkat(&folder.fd, &made.name, AtFlags::empty()).map_err(failed)?;
            }
            other => other.map_err(failed)?,
        }
        if sync {
            rustix::fs::fsync(&folder.fd).map_err(failed)?;
        }
        made.name = name;
        made.identity = Identity::of(&rustix::fs::fstat(&self.file).map_err(failed)?);
        Ok((to, Some(made)))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let Some(patience) = &self.patience else { return self.file.write(bytes) };
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        loop {
            patience.wait(self.file.as_fd(), bytes.len())?;
            match self.file.write(piece) {
                // Another holder of the descriptor made it non-blocking.
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}
