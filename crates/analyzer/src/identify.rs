//! Finds the process of a record.
//!
//! Invariants:
//! - A process is (host, tgid, start in hundredths of a second). A record without a start belongs to the process that had the tgid
//!   at its time: the one that started last before it. A process known without a start takes the first start that fits.
//! - Facts carry the time at which they held: an older record never overwrites a newer one, in whichever order they come.
//! - Memory is bounded: a process that ended is forgotten [`GRACE_NS`] later, and beyond [`PROCESSES`] the least
//!   recently used are. What is forgotten was handed to the sink before.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crypto_tracer_format::record::Header;

use crate::AnalyzeError;
use crate::clock::Clocks;
use crate::identity::{Bytes, Exit, Host, HostId, Process, ProcessId, State, StateId};
use crate::sink::Sink;
use crypto_tracer_format::container::container_id;

/// How long an ended process is kept for records that come late.
const GRACE_NS: u64 = 10_000_000_000;
/// Processes that are kept at most.
const PROCESSES: usize = 1 << 18;
/// Bytes of paths and command lines that are kept at most, but for one block's.
const BYTES: usize = 128 << 20;
/// Things of a scan that are remembered per process, to tell repetitions.
const REMEMBERED: usize = 4096;
/// Processes that are looked at where only a tgid is known.
const SAME_TGID: usize = 64;
/// Hosts that are told apart; what comes after counts as the last.
const HOSTS: usize = 4096;
/// Cgroups that are remembered per host.
const CGROUPS: usize = 1 << 16;

/// All hosts and processes of a run.
#[derive(Debug, Default)]
pub struct Identify {
    hosts: Vec<Host>,
    cgroups: HashMap<(HostId, u64), Cgroup>,
    /// Grows when a cgroup becomes known: what was derived from it may be out of date then.
    generation: u32,
    tracks: HashMap<ProcessId, Track>,
    by_key: HashMap<(HostId, u32, u64), ProcessId>,
    by_tgid: HashMap<(HostId, u32), Vec<ProcessId>>,
    ended: HashMap<HostId, VecDeque<(u64, ProcessId)>>,
    next_process: u32,
    next_state: u32,
    clock: u64,
    /// Sum of what the tracks cost.
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Cgroup {
    path: Bytes,
    container: Option<Arc<str>>,
}

/// What is kept of a process.
#[derive(Debug, Default)]
struct Track {
    process: Process,
    /// The sink doesn't know all of it yet.
    dirty: bool,
    /// When program, parent and command line held.
    program_ns: u64,
    /// When name, uid and gid held.
    name_ns: u64,
    current: Option<Current>,
    seen: Vec<u64>,
    used: u64,
    /// Bytes of its paths and command line. What was inherited is shared, and costs nothing.
    cost: usize,
}

/// The state that was last handed out, and the header that it was made from.
#[derive(Debug)]
struct Current {
    comm: [u8; 16],
    uid: u32,
    gid: u32,
    cgroup: u64,
    generation: u32,
    state: State,
    is_new: bool,
}

/// What a record says of a process's program and parent. `None`: says nothing of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Program<'a> {
    /// Parent and when it started.
    pub parent: Option<(u32, u64)>,
    /// The program file.
    pub exe: Option<&'a [u8]>,
    /// The arguments.
    pub argv: Option<&'a [u8]>,
    /// Length of the whole command line.
    pub argv_len: u32,
    /// Bits of `process_bits`.
    pub bits: u32,
    /// The cgroup's path.
    pub cgroup: Option<&'a [u8]>,
}

impl Identify {
    /// The host of that boot, new or described anew.
    pub fn host(&mut self, mut host: Host) -> &Host {
        let known = self.hosts.iter().position(|h| {
            h.boot_id == host.boot_id && (!h.boot_id.is_empty() || h.hostname == host.hostname)
        });
        let index = known.unwrap_or(self.hosts.len().min(HOSTS - 1));
        host.id = HostId(index as u32);
        match self.hosts.get_mut(index) {
            Some(slot) => *slot = host,
            None => self.hosts.push(host),
        }
        &self.hosts[index]
    }

    /// The path of a cgroup.
    pub fn cgroup(&mut self, host: HostId, id: u64, path: &[u8]) {
        let known = self.cgroups.get(&(host, id));
        if known.is_some_and(|c| *c.path == *path) || self.cgroups.len() >= CGROUPS {
            return;
        }
        let container = container_id(path).map(Arc::from);
        self.cgroups.insert((host, id), Cgroup { path: path.into(), container });
        self.generation = self.generation.wrapping_add(1);
    }

    /// The process of a record, made known if it was not.
    pub fn process(&mut self, host: HostId, header: &Header, clocks: &Clocks) -> ProcessId {
        let found = match header.start_ns {
            0 => self.at(host, header.tgid, header.time_ns),
            _ => self.started(host, header, clocks),
        };
        let id = found.unwrap_or_else(|| self.begin(host, header, clocks));
        self.clock += 1;
        if let Some(track) = self.tracks.get_mut(&id) {
            track.used = self.clock;
            if header.start_ns != 0 {
                track.take_header(header);
            }
        }
        id
    }

    fn started(&mut self, host: HostId, header: &Header, clocks: &Clocks) -> Option<ProcessId> {
        let key = (host, header.tgid, header.start_ticks());
        if let Some(id) = self.by_key.get(&key) {
            let track = self.tracks.get_mut(id)?;
            let known = &mut track.process.start_ns;
            // One made from /proc knows hundredths of a second; the kernel's record knows better.
            if *known < header.start_ns {
                *known = header.start_ns;
                track.process.start_wall_ns = clocks.wall(header.start_ns);
                track.dirty = true;
            }
            return Some(*id);
        }
        // One that was seen without a start, while this process lived, is this process.
        let id = *self.by_tgid.get(&(host, header.tgid))?.iter().find(|id| {
            self.tracks
                .get(id)
                .is_some_and(|t| t.process.start_ns == 0 && t.process.first_seen_ns >= header.start_ns)
        })?;
        let track = self.tracks.get_mut(&id)?;
        track.process.start_ns = header.start_ns;
        track.process.start_wall_ns = clocks.wall(header.start_ns);
        track.dirty = true;
        self.by_key.insert(key, id);
        Some(id)
    }

    /// The process that had the tgid at that time.
    fn at(&self, host: HostId, tgid: u32, time_ns: u64) -> Option<ProcessId> {
        let candidates = self.by_tgid.get(&(host, tgid))?.iter().filter_map(|id| self.tracks.get(id));
        // The last to start: those before it have ended, whether their end was seen or not.
        candidates
            .filter(|t| t.began_ns() <= time_ns)
            .max_by_key(|t| t.began_ns())
            .filter(|t| t.process.exit.is_none_or(|e| e.time_ns >= time_ns))
            .map(|t| t.process.id)
    }

    fn begin(&mut self, host: HostId, header: &Header, clocks: &Clocks) -> ProcessId {
        let id = ProcessId(self.next_process);
        self.next_process = self.next_process.wrapping_add(1);
        let process = Process {
            id,
            host,
            tgid: header.tgid,
            start_ns: header.start_ns,
            start_wall_ns: (header.start_ns != 0).then(|| clocks.wall(header.start_ns)).flatten(),
            first_seen_ns: header.time_ns,
            first_seen_wall_ns: clocks.wall(header.time_ns),
            ..Process::default()
        };
        if header.start_ns != 0 {
            self.by_key.insert((host, header.tgid, header.start_ticks()), id);
        }
        let same_tgid = self.by_tgid.entry((host, header.tgid)).or_default();
        if same_tgid.len() >= SAME_TGID {
            same_tgid.remove(0);
        }
        same_tgid.push(id);
        self.tracks.insert(id, Track { process, dirty: true, ..Track::default() });
        id
    }

    /// What a record says of a process's program.
    pub fn program(&mut self, id: ProcessId, time_ns: u64, program: &Program<'_>) {
        let Some(track) = self.tracks.get_mut(&id) else { return };
        let texts = [program.exe, program.argv, program.cgroup];
        let cost =
            texts.into_iter().flatten().map(<[u8]>::len).sum::<usize>() + track.seen.len() * size_of::<u64>();
        self.bytes = (self.bytes + cost).saturating_sub(std::mem::replace(&mut track.cost, cost));
        if let Some(path) = program.cgroup.filter(|p| !p.is_empty()) {
            track.process.cgroup = Some(path.into());
            track.process.container = container_id(path).map(Arc::from);
            track.dirty = true;
        }
        if time_ns < track.program_ns {
            return;
        }
        track.program_ns = time_ns;
        track.dirty = true;
        let process = &mut track.process;
        if let Some((ppid, start_ns)) = program.parent {
            process.ppid = Some(ppid);
            process.parent_start_ns = start_ns;
        }
        if let Some(exe) = program.exe {
            process.exe = (!exe.is_empty()).then(|| exe.into());
        }
        if let Some(argv) = program.argv {
            process.argv = Some(argv.into());
            process.argv_len = program.argv_len;
            process.bits = program.bits;
        }
    }

    /// A new process runs its parent's program until it begins its own. Gives back the parent, if it is known.
    pub fn inherit(&mut self, id: ProcessId, parent: (u32, u64), time_ns: u64) -> Option<ProcessId> {
        let (ppid, parent_start_ns) = parent;
        let host = self.tracks.get(&id)?.process.host;
        let from = match parent_start_ns {
            0 => self.at(host, ppid, time_ns),
            start => self.by_key.get(&(host, ppid, start / crypto_tracer_format::record::TICK_NS)).copied(),
        };
        let inherited = from.and_then(|p| self.tracks.get(&p)).map(|t| {
            let p = &t.process;
            (p.exe.clone(), p.argv.clone(), p.argv_len, p.bits, p.cgroup.clone(), p.container.clone())
        });
        let track = self.tracks.get_mut(&id)?;
        track.dirty = true;
        track.process.start_seen = true;
        if track.program_ns > time_ns {
            return from;
        }
        track.program_ns = time_ns;
        track.process.ppid = Some(ppid);
        track.process.parent_start_ns = parent_start_ns;
        if let Some((exe, argv, argv_len, bits, cgroup, container)) = inherited {
            let process = &mut track.process;
            (process.exe, process.argv, process.argv_len, process.bits) = (exe, argv, argv_len, bits);
            process.cgroup = process.cgroup.take().or(cgroup);
            process.container = process.container.take().or(container);
        }
        from
    }

    /// Applies a change to what is known of the process.
    pub fn update(&mut self, id: ProcessId, change: impl FnOnce(&mut Process)) {
        if let Some(track) = self.tracks.get_mut(&id) {
            change(&mut track.process);
            track.dirty = true;
        }
    }

    /// A process began a new program: what a scan saw of the old one doesn't count any more.
    pub fn forget_seen(&mut self, id: ProcessId, time_ns: u64) {
        if let Some(track) = self.tracks.get_mut(&id)
            && time_ns >= track.program_ns
        {
            track.seen.clear();
        }
    }

    /// Whether an earlier scan told the same of the process.
    pub fn is_repeated(&mut self, id: ProcessId, what: impl Hash) -> bool {
        let Some(track) = self.tracks.get_mut(&id) else { return false };
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        let hash = hasher.finish();
        let repeated = track.seen.contains(&hash);
        if !repeated && track.seen.len() < REMEMBERED && self.bytes < BYTES {
            self.bytes += size_of::<u64>();
            track.cost += size_of::<u64>();
            track.seen.push(hash);
        }
        repeated
    }

    /// The process ended.
    pub fn exit(&mut self, id: ProcessId, exit: Exit) {
        let Some(track) = self.tracks.get_mut(&id) else { return };
        track.process.exit = Some(exit);
        track.dirty = true;
        self.ended.entry(track.process.host).or_default().push_back((exit.time_ns, id));
    }

    /// Makes process and state known to the sink as they are for a record with this header, and gives them back.
    ///
    /// # Errors
    /// What the sink could not do.
    pub fn actor(
        &mut self,
        id: ProcessId,
        header: &Header,
        sink: &mut dyn Sink,
    ) -> Result<Option<(&Process, &State)>, AnalyzeError> {
        let Some(track) = self.tracks.get_mut(&id) else { return Ok(None) };
        let host = track.process.host;
        if !track.is_current(header, self.generation) {
            let of_id = self.cgroups.get(&(host, header.cgroup)).filter(|_| header.start_ns != 0);
            // A container's processes are moved into its cgroup after they were forked outside.
            if let Some(cgroup) = of_id.filter(|c| track.process.cgroup.as_deref() != Some(&*c.path)) {
                track.process.cgroup = Some(cgroup.path.clone());
                track.process.container = cgroup.container.clone();
                track.dirty = true;
            }
            let container = of_id.map_or_else(|| track.process.container.clone(), |c| c.container.clone());
            track.renew(header, container, self.generation, &mut self.next_state);
        }
        if track.dirty {
            track.dirty = false;
            sink.process(&track.process)?;
        }
        let Some(current) = &mut track.current else { return Ok(None) };
        if current.is_new {
            current.is_new = false;
            sink.state(&current.state)?;
        }
        Ok(Some((&track.process, &current.state)))
    }

    /// Makes the process known to the sink if it has changed.
    ///
    /// # Errors
    /// What the sink could not do.
    pub fn tell(&mut self, id: ProcessId, sink: &mut dyn Sink) -> Result<(), AnalyzeError> {
        match self.tracks.get_mut(&id) {
            Some(track) if track.dirty => {
                track.dirty = false;
                sink.process(&track.process)
            }
            _ => Ok(()),
        }
    }

    /// Makes everything known to the sink that it doesn't know yet, in the order in which processes were found.
    ///
    /// # Errors
    /// What the sink could not do.
    pub fn tell_all(&mut self, sink: &mut dyn Sink) -> Result<(), AnalyzeError> {
        let mut ids: Vec<_> = self.tracks.iter().filter(|(_, t)| t.dirty).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.into_iter().try_for_each(|id| self.tell(id, sink))
    }

    /// Forgets processes that ended a while ago, and the least recently used where there are too many.
    ///
    /// # Errors
    /// What the sink could not do.
    pub fn forget(&mut self, now_ns: u64, host: HostId, sink: &mut dyn Sink) -> Result<(), AnalyzeError> {
        while let Some(queue) = self.ended.get_mut(&host) {
            match queue.front() {
                Some(&(time_ns, id))
                    if time_ns.saturating_add(GRACE_NS) < now_ns || queue.len() > PROCESSES =>
                {
                    queue.pop_front();
                    self.remove(id, sink)?;
                }
                _ => break,
            }
        }
        if self.tracks.len() > PROCESSES || self.bytes > BYTES {
            let mut by_use: Vec<_> = self.tracks.iter().map(|(id, t)| (t.used, *id)).collect();
            by_use.sort_unstable();
            let half = by_use.len().div_ceil(2);
            for (_, id) in by_use.into_iter().take(half) {
                self.remove(id, sink)?;
            }
        }
        Ok(())
    }

    fn remove(&mut self, id: ProcessId, sink: &mut dyn Sink) -> Result<(), AnalyzeError> {
        self.tell(id, sink)?;
        let Some(track) = self.tracks.remove(&id) else { return Ok(()) };
        let process = track.process;
        self.bytes = self.bytes.saturating_sub(track.cost);
        self.by_key.remove(&(process.host, process.tgid, process.start_ticks()));
        if let Some(ids) = self.by_tgid.get_mut(&(process.host, process.tgid)) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_tgid.remove(&(process.host, process.tgid));
            }
        }
        Ok(())
    }
}

impl Track {
    /// When it started, or was there at the latest.
    fn began_ns(&self) -> u64 {
        match self.process.start_ns {
            0 => self.process.first_seen_ns,
            start_ns => start_ns,
        }
    }

    /// Name and user as a record's header has them.
    fn take_header(&mut self, header: &Header) {
        let process = &mut self.process;
        let same = process.uid == Some(header.uid)
            && process.gid == Some(header.gid)
            && *process.name == *header.comm_bytes();
        if header.time_ns < self.name_ns {
            return;
        }
        self.name_ns = header.time_ns;
        if !same {
            process.uid = Some(header.uid);
            process.gid = Some(header.gid);
            process.name = header.comm_bytes().into();
            self.dirty = true;
        }
    }

    /// Whether the state that was last handed out is right for a record with this header.
    fn is_current(&self, header: &Header, generation: u32) -> bool {
        let Some(c) = &self.current else { return false };
        c.state.ppid == self.process.ppid
            && c.generation == generation
            && (header.start_ns == 0
                || (c.comm == header.comm
                    && c.uid == header.uid
                    && c.gid == header.gid
                    && c.cgroup == header.cgroup))
    }

    fn renew(&mut self, header: &Header, container: Option<Arc<str>>, generation: u32, next_state: &mut u32) {
        let process = &self.process;
        let mut state = State {
            id: StateId(*next_state),
            process: process.id,
            tgid: process.tgid,
            ppid: process.ppid,
            container,
            ..State::default()
        };
        match (&self.current, header.start_ns) {
            // The record doesn't tell: as it was, or as a scan told.
            (Some(c), 0) => {
                (state.uid, state.gid, state.name) = (c.state.uid, c.state.gid, c.state.name.clone());
            }
            (None, 0) => {
                (state.uid, state.gid, state.name) = (process.uid, process.gid, process.name.clone())
            }
            _ => {
                state.uid = Some(header.uid);
                state.gid = Some(header.gid);
                state.name = match *process.name == *header.comm_bytes() {
                    true => process.name.clone(),
                    false => header.comm_bytes().into(),
                };
            }
        }
        let (comm, uid, gid, cgroup) = match (&self.current, header.start_ns) {
            (Some(c), 0) => (c.comm, c.uid, c.gid, c.cgroup),
            _ => (header.comm, header.uid, header.gid, header.cgroup),
        };
        if let Some(c) = &mut self.current {
            // Another cgroup that leads to the same answer needs no new state.
            state.id = c.state.id;
            if c.state == state {
                (c.comm, c.uid, c.gid, c.cgroup, c.generation) = (comm, uid, gid, cgroup, generation);
                return;
            }
            state.id = StateId(*next_state);
        }
        *next_state = next_state.wrapping_add(1);
        self.current = Some(Current { comm, uid, gid, cgroup, generation, state, is_new: true });
    }
}

#[cfg(test)]
mod tests;
