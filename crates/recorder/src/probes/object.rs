//! The linked object in the kernel: loaded with some of its programs, attached, and its maps.
//!
//! Invariant: dropping it detaches and unloads everything.

use super::config::{Config, LOSS_REASONS, LOSS_SLOTS};
use super::tracefs::Tracepoints;
use super::{Hook, Program};
use crypto_tracer_format::record::{Fact, LossReason};
use libbpf_rs::{Link, MapCore, MapFlags, MapHandle, Object, ObjectBuilder};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

/// The object that the build script linked.
pub const OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/crypto_tracer.bpf.o"));

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

/// Programs in the kernel, attached.
pub struct Loaded {
    links: Vec<Link>,
    object: Object,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loaded").field("links", &self.links.len()).finish_non_exhaustive()
    }
}

/// libbpf leaves the error number in errno too; its own errors don't give it away.
fn at<T, E>(step: &'static str, result: Result<T, E>) -> Result<T, Failure> {
    result.map_err(|_| Failure {
        step,
        errno: io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL),
    })
}

/// Loads the programs of these names with a ring buffer of so many bytes. Nothing is attached yet.
///
/// # Errors
/// The step that failed.
pub fn load(config: &Config, buffer_bytes: u32, programs: &[&str]) -> Result<Loaded, Failure> {
    // libbpf would print to standard error; the caller tells what failed and why.
    libbpf_rs::set_print(None);
    let mut open = at("reading the object", ObjectBuilder::default().open_memory(OBJECT))?;
    for mut program in open.progs_mut() {
        let wanted = program.name().to_str().is_some_and(|name| programs.contains(&name));
        program.set_autoload(wanted);
    }
    for mut map in open.maps_mut() {
        let name = map.name().to_string_lossy().into_owned();
        if name.ends_with(".rodata.config") || name == ".rodata.config" {
            at("setting the configuration", map.set_initial_value(&config.bytes()))?;
        } else if name == "events" {
            at("sizing the buffer", map.set_max_entries(buffer_bytes))?;
        }
    }
    let object = at("loading", open.load())?;
    Ok(Loaded { links: Vec::new(), object })
}

impl Loaded {
    /// Fills the tables of the filters. Before attaching, so that nothing slips through.
    ///
    /// # Errors
    /// A table is full.
    pub fn fill(&self, tables: &Tables) -> Result<(), Failure> {
        let put = |name: &str, key: &[u8]| {
            let Some(map) = self.map(name) else { return Ok(()) };
            at("filling a filter", map.update(key, &[1], MapFlags::ANY))
        };
        tables.pids.iter().try_for_each(|pid| put("pids", &pid.to_ne_bytes()))?;
        tables.uids.iter().try_for_each(|uid| put("uids", &uid.to_ne_bytes()))?;
        tables.cgroups.iter().try_for_each(|id| put("cgroups", &id.to_ne_bytes()))
    }

    /// Attaches one program.
    ///
    /// # Errors
    /// The step that failed.
    pub fn attach(&mut self, program: &Program, tracepoints: &Tracepoints) -> Result<(), Failure> {
        let found = self.object.progs_mut().find(|p| p.name() == program.name);
        let found = found.ok_or(Failure { step: "finding the program", errno: libc::ENOENT })?;
        let link = match program.hook {
            Hook::Auto => at("attaching", found.attach())?,
            Hook::Syscall(name) => {
                let number = tracepoints
                    .number(name)
                    .map_err(|errno| Failure { step: "finding the tracepoint in tracefs", errno })?;
                let event = at("opening the tracepoint", open_tracepoint(number))?;
                let link = at("attaching", found.attach_perf_event(event.as_raw_fd()))?;
                // From here on it is the link's, which closes it.
                let _ = event.into_raw_fd();
                link
            }
        };
        self.links.push(link);
        Ok(())
    }

    /// Detaches everything; the maps stay.
    pub fn detach(&mut self) {
        self.links.clear();
    }

    /// The map of this name, as a handle of its own.
    pub fn handle(&self, name: &str) -> Option<MapHandle> {
        self.map(name).and_then(|map| MapHandle::try_from(&map).ok())
    }

    fn map(&self, name: &str) -> Option<libbpf_rs::Map<'_>> {
        self.object.maps().find(|map| map.name() == name)
    }

    /// Totals of what could not be delivered.
    pub fn losses(&self) -> Vec<(Fact, LossReason, u64)> {
        let Some(map) = self.map("losses") else { return Vec::new() };
        let mut totals = Vec::new();
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
