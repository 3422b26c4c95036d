//! One process, read from its folder in /proc.
//!
//! Invariants:
//! - Everything is read through one descriptor of the folder: when the process ends, reads fail; they never reach
//!   another process that was given the same pid.
//! - Buffers are bounded: of a command line only its first 4,095 bytes are kept, however long it is.

use crypto_tracer_format::record::{Header, TICK_NS};
use procfs::process::Process;
use std::fs::File;
use std::io::{ErrorKind, Read};

/// Longest command line kept, the same as the kernel programs keep.
const ARGV_BYTES: usize = 4095;
/// PF_KTHREAD of the kernel's task flags.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Who a process is: what filters decide by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessIdentity {
    /// Thread group id.
    pub tgid: u32,
    /// Thread group id of the parent; 0: none.
    pub ppid: u32,
    /// Start time, nanoseconds of CLOCK_BOOTTIME in steps of 10 ms.
    pub start_ns: u64,
    /// Real user id.
    pub uid: u32,
    /// Real group id.
    pub gid: u32,
    /// Name of the first thread, padded with NUL.
    pub comm: [u8; 16],
    /// Id of the cgroup (v2); 0: not known.
    pub cgroup: u64,
    /// The cgroup's path in the hierarchy that names containers best.
    pub cgroup_path: Vec<u8>,
    /// A thread of the kernel.
    pub kernel_thread: bool,
}

impl ProcessIdentity {
    /// The header of a record about this process.
    pub fn header(&self, time_ns: u64) -> Header {
        Header {
            time_ns,
            tgid: self.tgid,
            tid: self.tgid,
            uid: self.uid,
            gid: self.gid,
            start_ns: self.start_ns,
            cgroup: self.cgroup,
            comm: self.comm,
            ..Header::default()
        }
    }
}

/// Why something of a process could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It ended.
    Vanished,
    /// Rights are lacking.
    Denied,
}

impl From<std::io::Error> for Unread {
    fn from(e: std::io::Error) -> Self {
        match (e.kind(), e.raw_os_error()) {
            (ErrorKind::NotFound, _) | (_, Some(libc::ESRCH)) => Unread::Vanished,
            _ => Unread::Denied,
        }
    }
}

impl From<procfs::ProcError> for Unread {
    fn from(e: procfs::ProcError) -> Self {
        match e {
            procfs::ProcError::NotFound(_) => Unread::Vanished,
            procfs::ProcError::Io(e, _) => e.into(),
            _ => Unread::Denied,
        }
    }
}

/// Reads a small file of the process whole, at most `limit` bytes.
pub(super) fn read(process: &Process, name: &str, limit: u64, into: &mut Vec<u8>) -> Result<(), Unread> {
    into.clear();
    process.open_relative(name)?.take(limit).read_to_end(into)?;
    Ok(())
}

/// Reads pid, parent, start, name (stat), user and group (status). The cgroup is the caller's to fill in.
pub(super) fn identity(process: &Process, buffer: &mut Vec<u8>) -> Result<ProcessIdentity, Unread> {
    read(process, "stat", 8192, buffer)?;
    let mut identity = parse_stat(buffer).ok_or(Unread::Vanished)?;
    read(process, "status", 65536, buffer)?;
    (identity.uid, identity.gid) = parse_status(buffer).ok_or(Unread::Vanished)?;
    Ok(identity)
}

/// `PID (COMM) STATE PPID …`: the name may hold blanks and parentheses, the last `)` ends it.
fn parse_stat(stat: &[u8]) -> Option<ProcessIdentity> {
    let open = stat.iter().position(|&b| b == b'(')?;
    let close = stat.iter().rposition(|&b| b == b')')?;
    let name = stat.get(open + 1..close)?;
    let mut comm = [0; 16];
    let kept = name.len().min(15);
    comm.get_mut(..kept)?.copy_from_slice(name.get(..kept)?);
    // Fields from 3 (state) on; proc_pid_stat(5).
    let rest = stat.get(close + 1..)?;
    let fields: Vec<&[u8]> = rest.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty()).collect();
    let field = |number: usize| decimal(fields.get(number - 3)?);
    Some(ProcessIdentity {
        tgid: decimal(stat.get(..open)?.trim_ascii())? as u32,
        ppid: field(4)? as u32,
        start_ns: field(22)?.checked_mul(TICK_NS)?,
        comm,
        kernel_thread: field(9)? & KERNEL_THREAD != 0,
        ..ProcessIdentity::default()
    })
}

/// Real user and group of /proc/PID/status.
fn parse_status(status: &[u8]) -> Option<(u32, u32)> {
    let first = |key: &[u8]| {
        let line = status.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(key))?;
        let id = line.split(u8::is_ascii_whitespace).find(|w| !w.is_empty())?;
        decimal(id).and_then(|id| u32::try_from(id).ok())
    };
    Some((first(b"Uid:")?, first(b"Gid:")?))
}

fn decimal(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The command line's first bytes and its whole length.
pub(super) fn argv(process: &Process, buffer: &mut Vec<u8>) -> Result<u64, Unread> {
    let mut file = process.open_relative("cmdline")?;
    buffer.clear();
    Read::by_ref(&mut file).take(ARGV_BYTES as u64).read_to_end(buffer)?;
    Ok(buffer.len() as u64 + if buffer.len() == ARGV_BYTES { rest(file)? } else { 0 })
}

/// How many bytes follow.
fn rest(mut file: File) -> Result<u64, Unread> {
    let mut chunk = [0; 16 * 1024];
    let mut total = 0;
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(total),
            n => total += n as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = b"42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 99 1\n";
        let got = parse_stat(stat).expect("a process");
        assert_eq!((got.tgid, got.ppid, got.start_ns, got.kernel_thread), (42, 7, 123_450_000_000, false));
        assert_eq!(&got.comm[..8], b"a) b (c\0");
        let kernel = b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0\n";
        assert!(parse_stat(kernel).expect("a thread").kernel_thread);
        let strange = b"3 (\xff\n) S 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0\n";
        assert_eq!(&parse_stat(strange).expect("a process").comm[..3], b"\xff\n\0");
    }

    #[test]
    fn what_is_cut_is_no_process() {
        let stat = b"42 (a) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345";
        assert!(parse_stat(stat).is_some());
        for cut in 0..stat.len() - 5 {
            assert_eq!(parse_stat(&stat[..cut]), None, "{cut}");
        }
        assert_eq!(parse_stat(b")(("), None);
    }

    #[test]
    fn the_real_user_is_the_first() {
        let status = b"Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t100\t5\t5\t5\n";
        assert_eq!(parse_status(status), Some((1000, 100)));
        assert_eq!(parse_status(b"Uid:\t1000\n"), None);
        assert_eq!(parse_status(b""), None);
    }

    #[test]
    fn this_process_is_found() {
        let me = Process::myself().expect("own folder");
        let got = identity(&me, &mut Vec::new()).expect("own identity");
        assert_eq!(got.tgid, std::process::id());
        assert_eq!(got.ppid, std::os::unix::process::parent_id());
        let mut argv_bytes = Vec::new();
        let len = argv(&me, &mut argv_bytes).expect("own command line");
        let want: usize = std::env::args_os().map(|a| a.len() + 1).sum();
        assert_eq!(len, want as u64);
    }
}
