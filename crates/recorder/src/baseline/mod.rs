//! What there is before anything happens: the processes, their crypto libraries and their open crypto files, from /proc.
//!
//! Invariants:
//! - One process at a time is in memory. A process that ends while it is read, or can't be read, is counted; it never
//!   ends the scan.
//! - Probes are attached before a scan begins, so that nothing falls between the two: what happens meanwhile is an event
//!   too, and the reader merges.
//! - Records are given to `emit` whole and not redacted: redaction is the writer's.
//! - The recorder itself and threads of the kernel are left out.

mod cgroup;
mod files;
mod library;
pub(crate) use library::open;
mod process;
mod users;

pub use process::ProcessIdentity;

use crate::maps::{self, Mapping};
use cgroup::Cgroups;
use crypto_tracer_format::catalogue::{Pattern, libraries};
use crypto_tracer_format::record::{
    BaselineMapping, BaselineOpenFile, BaselineProcess, BaselineSummary, Builder, Cgroup, Header, Mark,
    MarkKind, Payload, User, lib_bits, process_bits,
};
use files::OpenFile;
use library::Libraries;
use process::Unread;
use procfs::process::Process;
use std::collections::HashSet;
use std::ops::ControlFlow;
use users::Users;

/// Takes one or more whole records; `Break` ends what is under way (the writer failed).
pub type Emit<'a> = dyn FnMut(&[u8]) -> ControlFlow<()> + 'a;

/// What a scan covers.
pub struct ScanOptions<'a> {
    /// The recorder: left out.
    pub own_pid: u32,
    /// Whether a process is recorded; the others are counted as filtered.
    pub wanted: &'a dyn Fn(&ProcessIdentity) -> bool,
    /// Which open files are recorded: the catalogue's patterns and the user's.
    pub patterns: &'a [Pattern],
    /// The capture's clock, in nanoseconds.
    pub now: &'a dyn Fn() -> u64,
}

/// Scans, and remembers what need not be read twice. Lives as long as the recording.
#[derive(Debug)]
pub struct Baseline {
    cgroups: Cgroups,
    users: Users,
    libraries: Libraries,
    /// What this segment has named already.
    named_users: HashSet<u32>,
    named_cgroups: HashSet<u64>,
    buffer: Vec<u8>,
    out: Vec<u8>,
}

impl Default for Baseline {
    fn default() -> Self {
        Baseline::new()
    }
}

/// So many names are remembered per segment; then they are repeated.
const NAMED: usize = 64 * 1024;

impl Baseline {
    /// Reads the user database and finds the cgroup hierarchies.
    pub fn new() -> Self {
        Baseline {
            cgroups: Cgroups::find(),
            users: Users::load(),
            libraries: Libraries::default(),
            named_users: HashSet::new(),
            named_cgroups: HashSet::new(),
            buffer: Vec::new(),
            out: Vec::new(),
        }
    }

    /// A new segment begins: users, cgroups and libraries are to be named again. [`Baseline::scan`] does it itself.
    pub fn begin_segment(&mut self) {
        self.libraries.begin_segment();
        self.named_users.clear();
        self.named_cgroups.clear();
    }

    /// Writes a segment's baseline: a mark, everything found, a summary.
    pub fn scan(
        &mut self,
        options: &ScanOptions<'_>,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<(), BaselineSummary> {
        self.begin_segment();
        let from_ns = (options.now)();
        self.put(&Header { time_ns: from_ns, ..Header::default() }, |_| Mark {
            mark: MarkKind::BaselineBegins.number(),
            ..Mark::default()
        });
        self.flush(emit)?;
        let mut summary = BaselineSummary { from_ns, ..BaselineSummary::default() };
        match procfs::process::all_processes() {
            Ok(processes) => {
                for process in processes {
                    match process.map_err(Unread::from).and_then(|p| self.process(&p, options, &mut summary))
                    {
                        Ok(()) => {}
                        Err(Unread::Vanished) => summary.vanished += 1,
                        Err(Unread::Denied) => summary.denied += 1,
                    }
                    self.flush(emit)?;
                }
            }
            Err(_) => summary.denied += 1,
        }
        self.put(&Header { time_ns: (options.now)(), ..Header::default() }, |_| summary);
        self.flush(emit)?;
        ControlFlow::Continue(summary)
    }

    fn process(
        &mut self,
        process: &Process,
        options: &ScanOptions<'_>,
        summary: &mut BaselineSummary,
    ) -> Result<(), Unread> {
        let mut who = self.identity(process)?;
        if who.kernel_thread || who.tgid == options.own_pid {
            return Ok(());
        }
        if !(options.wanted)(&who) {
            summary.filtered += 1;
            return Ok(());
        }
        let time_ns = (options.now)();
        self.name_user(who.uid, time_ns);
        if self.cgroups.names(who.cgroup, &who.cgroup_path) {
            let path = std::mem::take(&mut who.cgroup_path);
            self.name_cgroup(who.cgroup, &path, time_ns);
            who.cgroup_path = path;
        }

        // What can't be read is marked in the process's record; that it ended meanwhile makes no difference to it.
        let mut bits = 0;
        let exe = process.exe().map_err(Unread::from);
        bits |= unread(&exe, process_bits::EXE_UNREADABLE);
        let mut buffer = std::mem::take(&mut self.buffer);
        let argv = process::argv(process, &mut buffer);
        bits |= unread(&argv, process_bits::ARGV_UNREADABLE);
        if argv.as_ref().is_ok_and(|len| *len > buffer.len() as u64) {
            bits |= process_bits::ARGV_CUT;
        }
        let mappings = crypto_libraries(process);
        bits |= unread(&mappings, process_bits::MAPS_UNREADABLE);
        let mut files = Vec::new();
        let mut fd_buffer = Vec::new();
        let read = files::open_files(process, options.patterns, &mut fd_buffer, &mut |file| files.push(file));
        bits |= unread(&read, process_bits::FILES_UNREADABLE);

        let gone = matches!(exe, Err(Unread::Vanished))
            || matches!(argv, Err(Unread::Vanished))
            || matches!(mappings, Err(Unread::Vanished))
            || matches!(read, Err(Unread::Vanished));
        let exe = exe.unwrap_or_default();
        let exe = std::os::unix::ffi::OsStrExt::as_bytes(exe.as_os_str());
        let argv_len = u32::try_from(argv.unwrap_or_default()).unwrap_or(u32::MAX);
        let header = who.header(time_ns);
        self.put(&header, |b| BaselineProcess {
            ppid: who.ppid,
            bits,
            argv_len,
            exe: b.string(maps::undeleted(exe).0),
            argv: b.string(&buffer),
            cgroup_path: b.string(&who.cgroup_path),
        });
        self.buffer = buffer;
        summary.processes += 1;
        // Some of it could be read, and then it was gone.
        summary.vanished += u32::from(gone);
        if bits
            & (process_bits::EXE_UNREADABLE | process_bits::MAPS_UNREADABLE | process_bits::FILES_UNREADABLE)
            != 0
        {
            summary.denied += 1;
        }
        for mapping in mappings.unwrap_or_default() {
            self.libraries.describe(who.tgid, &mapping, time_ns, &mut self.out);
            self.mapping(&header, &mapping);
            summary.mappings += 1;
        }
        for file in files {
            self.open_file(&header, &file);
            summary.open_files += 1;
        }
        Ok(())
    }

    fn identity(&mut self, process: &Process) -> Result<ProcessIdentity, Unread> {
        let mut who = process::identity(process, &mut self.buffer)?;
        if !who.kernel_thread {
            match self.cgroups.of(process, &mut self.buffer) {
                Ok((id, path)) => (who.cgroup, who.cgroup_path) = (id, path),
                Err(Unread::Vanished) => return Err(Unread::Vanished),
                Err(Unread::Denied) => {}
            }
        }
        Ok(who)
    }

    /// Calls `found` with every process, without what takes longer to read: to find the children of some.
    pub fn identities(&mut self, found: &mut dyn FnMut(ProcessIdentity)) {
        for process in procfs::process::all_processes().into_iter().flatten().flatten() {
            if let Ok(who) = self.identity(&process) {
                found(who);
            }
        }
    }

    /// Who the process with this pid is, if it is there.
    pub fn identity_of(&mut self, tgid: u32) -> Option<ProcessIdentity> {
        let process = Process::new(i32::try_from(tgid).ok()?).ok()?;
        self.identity(&process).ok()
    }

    /// A library was mapped: emits what its file says, if this segment has not yet said it.
    pub fn library_loaded(
        &mut self,
        tgid: u32,
        time_ns: u64,
        mapping: &Mapping,
        emit: &mut Emit<'_>,
    ) -> ControlFlow<()> {
        self.libraries.describe(tgid, mapping, time_ns, &mut self.out);
        self.flush(emit)
    }

    /// An event came from this user and this cgroup: emits their names, if this segment has not yet done so.
    pub fn seen(&mut self, header: &Header, emit: &mut Emit<'_>) -> ControlFlow<()> {
        self.name_user(header.uid, header.time_ns);
        if self.named_cgroups.len() >= NAMED {
            self.named_cgroups.clear();
        }
        if header.cgroup != 0 && self.named_cgroups.insert(header.cgroup) {
            // An id whose path can't be found isn't looked for again in this segment.
            let path = self.cgroups.path_of(header.cgroup, header.tgid);
            if let Some(path) = path {
                self.put_cgroup(header.cgroup, &path, header.time_ns);
            }
        }
        self.flush(emit)
    }

    fn name_user(&mut self, uid: u32, time_ns: u64) {
        if self.named_users.len() >= NAMED {
            self.named_users.clear();
        }
        if !self.named_users.insert(uid) {
            return;
        }
        let Some(name) = self.users.name(uid).map(<[u8]>::to_vec) else { return };
        self.put(&Header { time_ns, ..Header::default() }, |b| User { id: uid, name: b.string(&name) });
    }

    fn name_cgroup(&mut self, id: u64, path: &[u8], time_ns: u64) {
        if self.named_cgroups.len() >= NAMED {
            self.named_cgroups.clear();
        }
        if self.named_cgroups.insert(id) {
            self.put_cgroup(id, path, time_ns);
        }
    }

    fn put_cgroup(&mut self, id: u64, path: &[u8], time_ns: u64) {
        let header = Header { time_ns, cgroup: id, ..Header::default() };
        self.put(&header, |b| Cgroup { id, path: b.string(path), reserved: 0 });
    }

    fn mapping(&mut self, header: &Header, mapping: &Mapping) {
        self.put(header, |b| BaselineMapping {
            ino: mapping.ino,
            dev_major: mapping.dev_major,
            dev_minor: mapping.dev_minor,
            addr: mapping.start,
            len: mapping.end.saturating_sub(mapping.start),
            offset: mapping.offset,
            bits: if mapping.deleted { lib_bits::DELETED } else { 0 },
            path: b.string(&mapping.path),
        });
    }

    fn open_file(&mut self, header: &Header, file: &OpenFile) {
        self.put(header, |b| BaselineOpenFile {
            fd: file.fd,
            flags: file.flags,
            bits: if file.deleted { lib_bits::DELETED } else { 0 },
            path: b.string(&file.path),
        });
    }

    /// Appends a record to what is to be emitted.
    fn put<P: Payload>(&mut self, header: &Header, make: impl FnOnce(&mut Builder<'_, P>) -> P) {
        let mut builder = Builder::new(&mut self.out);
        let payload = make(&mut builder);
        // Strings are cut to fit, so this can't fail; if it did, the buffer is as it was.
        let _ = builder.finish(header, &payload);
    }

    fn flush(&mut self, emit: &mut Emit<'_>) -> ControlFlow<()> {
        if self.out.is_empty() {
            return ControlFlow::Continue(());
        }
        let flow = emit(&self.out);
        self.out.clear();
        flow
    }
}

/// The crypto libraries that a process has mapped.
fn crypto_libraries(process: &Process) -> Result<Vec<Mapping>, Unread> {
    let mut found = Vec::new();
    let wanted = |path: &[u8]| libraries::family_of(path).is_some();
    maps::executable_files(process.open_relative("maps")?, wanted, &mut found)?;
    Ok(found)
}

/// The bit, if something was not readable for lack of rights.
fn unread<T>(result: &Result<T, Unread>, bit: u32) -> u32 {
    if matches!(result, Err(Unread::Denied)) { bit } else { 0 }
}

#[cfg(test)]
mod tests;
