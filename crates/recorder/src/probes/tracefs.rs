//! Where the tracepoints' numbers are read: tracefs, mounted or not.
//!
//! Invariant: nothing on the host changes. Where tracefs isn't mounted, a thread of its own leaves the mount namespace of
//! the host, mounts tracefs where only it can see it, reads the numbers and ends; the namespace ends with it. The rest of
//! the recorder never leaves the host's namespace.

use std::collections::HashMap;
use std::io;
use std::path::Path;

/// Where tracefs is found, if it is mounted.
const PLACES: &[&str] = &["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// The numbers of tracepoints, asked for by name (`syscalls/sys_exit_openat`).
#[derive(Debug, Default)]
pub struct Tracepoints {
    numbers: HashMap<&'static str, Result<u64, i32>>,
    /// tracefs was mounted by ourselves, privately.
    pub private_mount: bool,
}

impl Tracepoints {
    /// Reads the numbers of these tracepoints of system calls.
    pub fn read(names: &[&'static str]) -> Tracepoints {
        if let Some(place) = PLACES.iter().find(|place| Path::new(place).join("events/syscalls").exists()) {
            return Tracepoints { numbers: read_all(place, names), private_mount: false };
        }
        let numbers = std::thread::scope(|scope| {
            let reader = scope.spawn(|| match mount_privately(PLACES[0]) {
                Ok(()) => read_all(PLACES[0], names),
                Err(e) => names.iter().map(|name| (*name, Err(errno(&e)))).collect(),
            });
            reader.join().unwrap_or_default()
        });
        let private_mount = numbers.values().any(Result::is_ok);
        Tracepoints { numbers, private_mount }
    }

    /// The number of one of them.
    ///
    /// # Errors
    /// The error number with which reading it failed.
    pub fn number(&self, name: &str) -> Result<u64, i32> {
        self.numbers.get(name).copied().unwrap_or(Err(libc::ENOENT))
    }
}

/// Whether tracefs is mounted on the host.
pub fn mounted() -> bool {
    PLACES.iter().any(|place| Path::new(place).join("events").exists())
}

fn errno(e: &io::Error) -> i32 {
    e.raw_os_error().unwrap_or(libc::EINVAL)
}

fn read_all(place: &str, names: &[&'static str]) -> HashMap<&'static str, Result<u64, i32>> {
    names.iter().map(|name| (*name, read_one(place, name).map_err(|e| errno(&e)))).collect()
}

fn read_one(place: &str, name: &str) -> io::Result<u64> {
    let text = std::fs::read_to_string(format!("{place}/events/syscalls/{name}/id"))?;
    text.trim().parse().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))
}

/// For the calling thread alone.
#[allow(unsafe_code)]
fn mount_privately(place: &str) -> io::Result<()> {
    let check = |result: libc::c_int| if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    let place = std::ffi::CString::new(place)?;
    // SAFETY: unshare takes no pointers; it changes this thread alone, which ends soon.
    check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let null = std::ptr::null();
    // SAFETY: the paths are NUL-terminated and live until the call returns; null is allowed for the others.
    check(unsafe {
        libc::mount(null, c"/".as_ptr(), null, libc::MS_REC | libc::MS_PRIVATE, std::ptr::null())
    })?;
    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
    // SAFETY: as above.
    check(unsafe {
        libc::mount(c"tracefs".as_ptr(), place.as_ptr(), c"tracefs".as_ptr(), flags, std::ptr::null())
    })
}
