//! How long a pipe's reader is waited for: as long as the recording lasts, and only shortly after its end was asked for.
//!
//! Invariants:
//! - Without an end asked for, a slow reader is waited for; the kernel counts what its ring can't take meanwhile.
//! - After a signal, or when the duration is over, a reader that takes nothing for [`STALL`] is given up, any reader
//!   after [`LAST`].
//! - Signals are only seen here, never taken: the session learns from them why the recording ends.

use crate::stop;
use std::cell::Cell;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long one look at the pipe takes at most.
const SLICE: Duration = Duration::from_millis(100);
/// A reader that takes nothing for so long after the end won't.
const STALL: Duration = Duration::from_millis(500);
/// So long after the end nothing more is written.
const LAST: Duration = Duration::from_secs(2);

/// See the module. Clones share one state.
#[derive(Clone, Debug, Default)]
pub struct Patience(Rc<State>);

#[derive(Debug, Default)]
struct State {
    /// Readable once a signal came.
    signals: Option<RawFd>,
    /// When the recording ends or was asked to.
    end: Cell<Option<Instant>>,
}

/// The reader took nothing more.
#[derive(Debug, thiserror::Error)]
#[error("the reader did not take the last {left} bytes")]
pub(super) struct Stalled {
    /// Bytes of the block that it didn't take.
    pub(super) left: u64,
}

impl Patience {
    /// With the descriptor that becomes readable when a signal comes; it must outlive the output.
    pub(crate) fn new(signals: RawFd) -> Patience {
        Patience(Rc::new(State { signals: Some(signals), end: Cell::new(None) }))
    }

    /// The recording ends then.
    pub(crate) fn end_at(&self, end: Option<Instant>) {
        self.0.end.set(end);
    }

    /// The recording ends now, if it didn't before.
    pub(crate) fn end_now(&self) {
        let now = Instant::now();
        self.0.end.set(Some(self.0.end.get().map_or(now, |end| end.min(now))));
    }

    /// Waits until the pipe takes something; `left` bytes are to be written.
    pub(super) fn wait(&self, pipe: BorrowedFd<'_>, left: usize) -> std::io::Result<()> {
        let began = Instant::now();
        let mut now = began;
        loop {
            let end = self.0.end.get().filter(|end| *end <= now);
            let over = |limit: Instant| now >= limit;
            if end.is_some_and(|end| over(end + LAST) || over(end.max(began) + STALL)) {
                let left = left as u64;
                return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, Stalled { left }));
            }
            // Once the end is known, a signal that waits would only make each look a short one. Poll skips -1.
            let signals = if end.is_some() { -1 } else { self.0.signals.unwrap_or(-1) };
            let mut fds = [(pipe.as_raw_fd(), libc::POLLOUT), (signals, libc::POLLIN)]
                .map(|(fd, events)| libc::pollfd { fd, events, revents: 0 });
            stop::wait(&mut fds, SLICE);
            let [pipe, signals] = fds;
            if signals.revents != 0 {
                self.end_now();
            }
            // Also when the reader is gone: the write says so then.
            if pipe.revents != 0 {
                return Ok(());
            }
            now = Instant::now();
        }
    }
}
