//! The linked object in the kernel: its maps, and those of its programs that are attached.
//!
//! Invariant: dropping it detaches and unloads everything.

use super::config::{Config, LOSS_REASONS, LOSS_SLOTS};
use super::tracefs::Tracepoints;
use super::{Hook, Program, Rung};
use crypto_tracer_format::record::{Fact, LossReason};
use libbpf_rs::{
    Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder, OpenObject, ProgramInput, ProgramMut,
};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// The object that the build script linked.
pub const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/crypto_tracer.bpf.o"));

/// So many threads let go of links at the same time.
const WAITING: usize = 32;

/// What goes into the maps.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Pids that are recorded.
    pub pids: Vec<u32>,
    /// Uids that are recorded.
    pub uids: Vec<u32>,
    /// Ids of cgroups (v2) that are recorded with what is below them.
    pub cgroups: Vec<u64>,
}

/// At which step something failed, with its error number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step} failed: {}", io::Error::from_raw_os_error(*.errno))]
pub struct Failure {
    /// The step, as a user reads it.
    pub step: &'static str,
    /// The error number.
    pub errno: i32,
}

/// The maps, and the programs that were attached to them.
///
/// Every rung is an object of its own, with the maps of the first one: so each program is loaded once, and one that the
/// kernel refuses takes no other with it.
pub struct Loaded {
    pieces: Vec<Piece>,
    maps: Object,
    config: Config,
}

/// A rung in the kernel.
struct Piece {
    fact: Fact,
    programs: Vec<&'static str>,
    links: Vec<Link>,
    object: Object,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("pieces", &self.pieces.len()).finish_non_exhaustive()
    }
}

/// libbpf leaves the error number in errno too; its own errors don't give it away.
fn at<T, E>(step: &'static str, result: Result<T, E>) -> Result<T, Failure> {
    result.map_err(|_| Failure {
        step,
        errno: io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL),
    })
}

/// The object, with only these of its programs to be loaded.
fn open(programs: &[&str]) -> Result<OpenObject, Failure> {
    // libbpf would print to standard error; the caller tells what failed and why.
    libbpf_rs::set_print(None);
    let mut open = at("reading the object", ObjectBuilder::default().open_memory(OBJECT))?;
    for mut program in open.progs_mut() {
        let wanted = program.name().to_str().is_some_and(|name| programs.contains(&name));
        program.set_autoload(wanted);
    }
    Ok(open)
}

impl Loaded {
    /// Makes the maps, with a ring buffer of so many bytes, and fills the tables of the filters, before any program can
    /// ask them.
    ///
    /// # Errors
    /// The step that failed.
    pub fn new(config: Config, tables: &Tables, buffer_bytes: u32) -> Result<Loaded, Failure> {
        let mut open = open(&[])?;
        for mut map in open.maps_mut() {
            if is_config(map.name()) {
                at("setting the configuration", map.set_initial_value(&config.bytes()))?;
            } else if map.name() == "events" {
                at("sizing the buffer", map.set_max_entries(buffer_bytes))?;
            }
        }
        let maps = at("making the maps", open.load())?;
        let loaded = Loaded { pieces: Vec::new(), maps, config };
        loaded.fill(tables)?;
        Ok(loaded)
    }

    fn fill(&self, tables: &Tables) -> Result<(), Failure> {
        let put = |name: &str, key: &[u8]| {
            let Some(map) = self.map(name) else { return Ok(()) };
            at("filling a filter", map.update(key, &[1], MapFlags::ANY))
        };
        tables.pids.iter().try_for_each(|pid| put("pids", &pid.to_ne_bytes()))?;
        tables.uids.iter().try_for_each(|uid| put("uids", &uid.to_ne_bytes()))?;
        tables.cgroups.iter().try_for_each(|id| put("cgroups", &id.to_ne_bytes()))
    }

    /// Loads and attaches a rung; the tracepoints that this kernel lacks of it. Where it fails, nothing of it stays.
    ///
    /// # Errors
    /// The step that failed.
    pub fn attach(
        &mut self,
        fact: Fact,
        rung: &Rung,
        tracepoints: &Tracepoints,
    ) -> Result<Vec<&'static str>, Failure> {
        let mut piece = self.piece(fact, rung.programs.iter().map(|p| p.name).collect())?;
        let mut missing = Vec::new();
        for program in rung.programs {
            match piece.attach(program, tracepoints) {
                Ok(link) => piece.links.push(link),
                Err(failure) => match program.hook {
                    Hook::Syscall(name) if program.optional && failure.errno == libc::ENOENT => {
                        missing.push(name);
                    }
                    _ => return Err(failure),
                },
            }
        }
        self.pieces.push(piece);
        Ok(missing)
    }

    /// Loads programs that [`Loaded::link`] attaches, now and later.
    ///
    /// # Errors
    /// The step that failed.
    pub fn load(&mut self, fact: Fact, programs: Vec<&'static str>) -> Result<(), Failure> {
        let piece = self.piece(fact, programs)?;
        self.pieces.push(piece);
        Ok(())
    }

    /// Attaches a program that was loaded, in the way that `link` knows; it stays attached until [`Loaded::detach`].
    ///
    /// # Errors
    /// The step that failed.
    pub fn link(
        &mut self,
        program: &str,
        link: impl FnOnce(&ProgramMut<'_>) -> libbpf_rs::Result<Link>,
    ) -> Result<(), Failure> {
        let piece = self.pieces.iter_mut().rev().find(|piece| piece.programs.contains(&program));
        let piece = piece.ok_or(Failure { step: "finding the program", errno: libc::ENOENT })?;
        let found = piece.object.progs_mut().find(|p| p.name() == program);
        let found = found.ok_or(Failure { step: "finding the program", errno: libc::ENOENT })?;
        let link = at("attaching", link(&found))?;
        piece.links.push(link);
        Ok(())
    }

    /// Runs a program that was loaded, once, in this thread.
    ///
    /// # Errors
    /// The step that failed.
    pub fn run(&mut self, program: &str, context: &mut [u8]) -> Result<(), Failure> {
        let piece = self.pieces.iter_mut().find(|piece| piece.programs.contains(&program));
        let found = piece.and_then(|piece| piece.object.progs_mut().find(|p| p.name() == program));
        let found = found.ok_or(Failure { step: "finding the program", errno: libc::ENOENT })?;
        let input = ProgramInput { context_in: Some(context), ..ProgramInput::default() };
        at("running", found.test_run(input)).map(drop)
    }

    /// The programs in the kernel, with the maps of all, and nothing attached.
    fn piece(&self, fact: Fact, mut programs: Vec<&'static str>) -> Result<Piece, Failure> {
        let mut open = open(&programs)?;
        for mut map in open.maps_mut() {
            let name = map.name().to_owned();
            // libbpf makes its own idea of the configuration known to the verifier through the map.
            if is_config(&name) {
                at("setting the configuration", map.set_initial_value(&self.config.bytes()))?;
            }
            let shared = self.maps.maps().find(|shared| shared.name() == name);
            let shared = shared.ok_or(Failure { step: "finding a map", errno: libc::ENOENT })?;
            at("sharing a map", map.reuse_fd(shared.as_fd()))?;
        }
        let object = at("loading", open.load())?;
        programs.dedup();
        Ok(Piece { fact, programs, links: Vec::new(), object })
    }

    /// Detaches and unloads what was attached last.
    pub fn take_back(&mut self) {
        self.pieces.pop();
    }

    /// Detaches what was attached last, but keeps it loaded.
    pub fn unlink(&mut self) {
        if let Some(piece) = self.pieces.last_mut() {
            piece.links.clear();
        }
    }

    /// Detaches everything; the maps stay, and the kernel's counts. How long the probes of each fact, by its
    /// name, took to be gone.
    pub fn detach(&mut self) -> BTreeMap<&'static str, Duration> {
        // The last to let go of a link waits until no processor runs its program: many can wait at the same time.
        let links = self.pieces.iter().flat_map(|piece| piece.links.iter().map(|link| (piece.fact, link)));
        let mut last: Vec<(Fact, OwnedFd)> =
            links.filter_map(|(fact, link)| Some((fact, link.as_fd().try_clone_to_owned().ok()?))).collect();
        self.pieces.iter_mut().for_each(|piece| piece.links.clear());
        let each = last.len().div_ceil(WAITING).max(1);
        let began = Instant::now();
        let mut gone = BTreeMap::new();
        std::thread::scope(|scope| {
            let mut waiting = Vec::new();
            while !last.is_empty() {
                let some = last.split_off(last.len().saturating_sub(each));
                let let_go = move || {
                    let gone = |(fact, link)| {
                        drop::<OwnedFd>(link);
                        (fact, began.elapsed())
                    };
                    some.into_iter().map(gone).collect::<Vec<_>>()
                };
                // Where there can be no thread, the descriptors are closed here.
                waiting.extend(std::thread::Builder::new().spawn_scoped(scope, let_go));
            }
            for (fact, took) in waiting.into_iter().flat_map(|thread| thread.join().unwrap_or_default()) {
                let longest: &mut Duration = gone.entry(fact.name()).or_default();
                *longest = took.max(*longest);
            }
        });
        gone
    }

    /// The map of this name, as a handle of its own.
    pub fn handle(&self, name: &str) -> Option<MapHandle> {
        self.map(name).and_then(|map| MapHandle::try_from(&map).ok())
    }

    fn map(&self, name: &str) -> Option<libbpf_rs::Map<'_>> {
        self.maps.maps().find(|map| map.name() == name)
    }

    /// Totals of what could not be delivered.
    pub fn losses(&self) -> Vec<(Fact, LossReason, u64)> {
        let mut totals: Vec<_> = self
            .pieces
            .iter()
            .map(|piece| (piece.fact, LossReason::Missed, piece.missed()))
            .filter(|(.., missed)| *missed > 0)
            .collect();
        let Some(map) = self.map("losses") else { return totals };
        for fact in Fact::ALL {
            for reason in LossReason::ALL {
                let slot = u32::from(fact.number()) * LOSS_REASONS + u32::from(reason.number());
                if slot >= LOSS_SLOTS || u32::from(reason.number()) >= LOSS_REASONS {
                    continue;
                }
                let Ok(Some(values)) = map.lookup_percpu(&slot.to_ne_bytes(), MapFlags::ANY) else {
                    continue;
                };
                let total = values
                    .iter()
                    .filter_map(|v| v.first_chunk::<8>())
                    .fold(0u64, |sum, v| sum.saturating_add(u64::from_ne_bytes(*v)));
                if total > 0 {
                    totals.push((*fact, *reason, total));
                }
            }
        }
        totals
    }
}

impl Piece {
    fn attach(&mut self, program: &Program, tracepoints: &Tracepoints) -> Result<Link, Failure> {
        let found = self.object.progs_mut().find(|p| p.name() == program.name);
        let found = found.ok_or(Failure { step: "finding the program", errno: libc::ENOENT })?;
        match program.hook {
            Hook::Auto => at("attaching", found.attach()),
            Hook::Syscall(name) => {
                let number = tracepoints
                    .number(name)
                    .map_err(|errno| Failure { step: "finding the tracepoint in tracefs", errno })?;
                let event = at("opening the tracepoint", open_tracepoint(number))?;
                let link = at("attaching", found.attach_perf_event(event.as_raw_fd()))?;
                // From here on it is the link's, which closes it.
                let _ = event.into_raw_fd();
                Ok(link)
            }
        }
    }

    /// How often the kernel did not run a program, since it was running on that processor already.
    fn missed(&self) -> u64 {
        let programs = self.object.progs();
        let own = programs.filter(|p| p.name().to_str().is_some_and(|name| self.programs.contains(&name)));
        own.map(|program| recursion_misses(program.as_fd())).fold(0, u64::saturating_add)
    }
}

fn is_config(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(b".rodata.config")
}

/// What the kernel counts of a program since 5.12; before, and where it doesn't tell, 0.
#[allow(unsafe_code)]
fn recursion_misses(program: BorrowedFd<'_>) -> u64 {
    let mut info = libbpf_rs::libbpf_sys::bpf_prog_info::default();
    let mut size = size_of_val(&info) as u32;
    // SAFETY: info is a valid bpf_prog_info of the size that is stated, all zero: the kernel writes into it, and follows no
    // pointer of it, since every length is zero.
    let result = unsafe {
        libbpf_rs::libbpf_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut size)
    };
    if result == 0 { info.recursion_misses } else { 0 }
}

/// A perf event for a tracepoint: one for all processes, on whichever processor; the program runs on all of them.
#[allow(unsafe_code)]
fn open_tracepoint(number: u64) -> io::Result<OwnedFd> {
    let mut attr = libbpf_rs::libbpf_sys::perf_event_attr {
        type_: libbpf_rs::libbpf_sys::PERF_TYPE_TRACEPOINT,
        size: size_of::<libbpf_rs::libbpf_sys::perf_event_attr>() as u32,
        config: number,
        ..Default::default()
    };
    // SAFETY: attr is a valid perf_event_attr of the size it states; the kernel copies it.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw mut attr,
            -1 as libc::pid_t,
            0 as libc::c_int,
            -1 as libc::c_int,
            libbpf_rs::libbpf_sys::PERF_FLAG_FD_CLOEXEC as libc::c_ulong,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor; nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}
