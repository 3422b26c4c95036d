//! The signals that end a recording, read as data: a second one can't break a clean end.
#![allow(unsafe_code)]

use crate::options::Stop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// The signals, and whether one that was ignored when the recorder was started stays so. A shell starts background jobs of
/// scripts with SIGINT and SIGQUIT ignored: whoever sends one all the same means it (blocked, it arrives nevertheless).
/// SIGHUP is ignored where nohup was asked for.
const SIGNALS: &[(libc::c_int, bool)] =
    &[(libc::SIGINT, false), (libc::SIGTERM, false), (libc::SIGQUIT, false), (libc::SIGHUP, true)];

/// While it lives, the signals wait here.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
    before: libc::sigset_t,
}

impl Signals {
    /// Takes the signals.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn take() -> std::io::Result<Signals> {
        // SAFETY: sigset_t and sigaction are plain data for which zeros are valid; each call gets pointers to locals that
        // live until it returns, and its result is checked where it can fail.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            for &(signal, may_be_ignored) in SIGNALS {
                let mut action: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, std::ptr::null(), &raw mut action);
                if !may_be_ignored || action.sa_sigaction != libc::SIG_IGN {
                    libc::sigaddset(&raw mut set, signal);
                }
            }
            let mut before: libc::sigset_t = std::mem::zeroed();
            let failed = libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, &raw mut before);
            if failed != 0 {
                return Err(std::io::Error::from_raw_os_error(failed));
            }
            let fd = libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if fd < 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(Signals { fd: OwnedFd::from_raw_fd(fd), before })
        }
    }

    /// Readable when a signal came.
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The signal that came, if one did.
    pub fn came(&self) -> Option<Stop> {
        const SIZE: usize = size_of::<libc::signalfd_siginfo>();
        let mut info = [0u8; SIZE];
        // SAFETY: the buffer has the size that is stated.
        let n = unsafe { libc::read(self.fd(), info.as_mut_ptr().cast(), SIZE) };
        let number = info.first_chunk::<4>().map(|b| u32::from_ne_bytes(*b));
        match number {
            Some(number) if n == SIZE as isize => {
                Some(if number == libc::SIGINT as u32 { Stop::Interrupted } else { Stop::Terminated })
            }
            _ => None,
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // What still waits was meant for the recording that is over.
        while self.came().is_some() {}
        // SAFETY: `before` is what the kernel gave us.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, std::ptr::null_mut()) };
    }
}

/// Waits until one of these can be read, at most so long.
pub fn wait(fds: &mut [libc::pollfd], timeout: std::time::Duration) {
    let ms = timeout.as_millis().min(60_000) as libc::c_int;
    // SAFETY: pointer and length are those of one slice. An interrupted wait is a short one.
    unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, ms) };
}
