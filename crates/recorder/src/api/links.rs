//! Probes of functions: how they are attached here, and attaching them.
//!
//! Invariants:
//! - What works is found by trying it on a file of our own, which nobody maps.
//! - One function that can't be probed takes no other with it: it is left out and named.
//! - No return probe is set where it may kill the program: kernels 6.11 to 6.13, under seccomp.

use crate::probes::ladder::{Attempt, state_of};
use crate::probes::object::{Failure, Loaded};
use crypto_tracer_format::record::{Fact, ProbeState};
use libbpf_rs::{UprobeMultiOpts, UprobeOpts};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;

/// The probes of calls, best first: their names and what they need.
pub const PROBES: [(&str, &str); 4] = [
    ("uprobe_session", "needs Linux 6.13"),
    ("uprobe_multi", "needs Linux 6.6"),
    (
        "uprobe",
        "needs Linux 5.15, and perf events for this user: kernel.perf_event_paranoid below 3, or CAP_SYS_ADMIN",
    ),
    (
        "uprobe:numbered",
        "needs perf events for this user: kernel.perf_event_paranoid below 3, or CAP_SYS_ADMIN",
    ),
];

/// Where each probe is an event of its own, each takes a tenth of a second to be removed: only so many functions.
pub const FEW_SITES: usize = 16;

/// How probes are attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// All of a file in one link, and entries and returns in one program, which says of each entry whether it waits for the
    /// return.
    Session,
    /// All of a file in one link.
    Multi,
    /// Each for itself, told apart by its cookie.
    Single,
    /// Each for itself, with a program of its own.
    Numbered,
}

/// What happens at a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The function is entered.
    Enter,
    /// It returned: a return probe.
    Leave,
    /// It is about to return: a probe on the instruction (Go).
    Left,
    /// It is entered, and it returned where the program has asked for that.
    Through,
}

impl Moment {
    const ALL: [Moment; 4] = [Moment::Enter, Moment::Leave, Moment::Left, Moment::Through];
}

/// A probe to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Offset in the file.
    pub offset: u64,
    /// The number of its site.
    pub site: u32,
}

/// The programs of as many sites.
macro_rules! numbered {
    ($name:literal) => {
        &numbered!($name: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    ($name:literal: $($site:literal)*) => {
        [$(concat!($name, $site)),*] as [&str; FEW_SITES]
    };
}

impl Way {
    const ALL: [Way; 4] = [Way::Session, Way::Multi, Way::Single, Way::Numbered];

    /// Whether all probes of a file can be set by one link, or a few.
    pub fn is_multi(self) -> bool {
        matches!(self, Way::Session | Way::Multi)
    }

    /// What a function's entry and its return are waited for by.
    pub fn entry_and_return(self) -> &'static [Moment] {
        // Returns first: a call whose entry is seen is then seen to return.
        if self == Way::Session { &[Moment::Through] } else { &[Moment::Leave, Moment::Enter] }
    }

    /// What runs at such a moment: one program for all sites, or one for each of the first.
    fn programs_at(self, moment: Moment) -> &'static [&'static str] {
        match (self, moment) {
            (Way::Session, Moment::Through) => &["api_session"],
            (Way::Session | Way::Multi, Moment::Enter) => &["api_enter_multi"],
            (Way::Multi, Moment::Leave) => &["api_leave_multi"],
            (Way::Session | Way::Multi, Moment::Left) => &["api_left_multi"],
            (Way::Single, Moment::Enter) => &["api_enter_cookie"],
            (Way::Single, Moment::Leave) => &["api_leave_cookie"],
            (Way::Single, Moment::Left) => &["api_left_cookie"],
            (Way::Numbered, Moment::Enter) => numbered!("api_enter_"),
            (Way::Numbered, Moment::Leave) => numbered!("api_leave_"),
            (Way::Session, Moment::Leave)
            | (Way::Numbered, Moment::Left)
            | (Way::Multi | Way::Single | Way::Numbered, Moment::Through) => &[],
        }
    }

    fn programs(self) -> Vec<&'static str> {
        Moment::ALL.into_iter().flat_map(|moment| self.programs_at(moment)).copied().collect()
    }

    fn program(self, moment: Moment, site: u32) -> Option<&'static str> {
        let site = if self == Way::Numbered { site as usize } else { 0 };
        self.programs_at(moment).get(site).copied()
    }
}

/// Finds the best way that works here, and leaves its programs loaded; how each fared. `only`: begin with the one of this
/// name. `all`: try those below it too.
pub fn choose(
    loaded: &mut Loaded,
    only: Option<&str>,
    all: bool,
    release: &str,
) -> (Option<Way>, Vec<Attempt>) {
    let mut chosen: Option<(Way, &str)> = None;
    let forced = only.filter(|only| PROBES.iter().any(|(name, _)| name == only));
    let attempts = Way::ALL.into_iter().zip(PROBES).map(|(way, (name, remedy))| {
        let attempt =
            |state, errno, reason| Attempt { fact: Fact::ApiCall, probe: name, state, errno, reason };
        if forced.is_some_and(|only| only != name) {
            return attempt(ProbeState::NotRequested, 0, "the user asked for another probe".into());
        }
        if let (Some((_, better)), false) = (chosen, all) {
            return attempt(ProbeState::NotNeeded, 0, format!("{better} is in use"));
        }
        match try_out(loaded, way) {
            Ok(()) if chosen.is_none() => {
                chosen = Some((way, name));
                attempt(ProbeState::Attached, 0, entries_only(release))
            }
            Ok(()) => {
                loaded.take_back();
                attempt(ProbeState::NotNeeded, 0, "works; a better one is in use".into())
            }
            Err(failure) => attempt(state_of(failure.errno), failure.errno, format!("{failure}; {remedy}")),
        }
    });
    let attempts = attempts.collect();
    (chosen.map(|(way, _)| way), attempts)
}

/// Every way, where what all of them need failed.
pub fn all_failed(failure: Failure) -> Vec<Attempt> {
    let attempt = |(probe, remedy)| Attempt {
        fact: Fact::ApiCall,
        probe,
        state: state_of(failure.errno),
        errno: failure.errno,
        reason: format!("{failure}; {remedy}"),
    };
    PROBES.map(attempt).into()
}

/// Loads the programs of a way and attaches one of them to a file of our own. Where that fails, nothing stays.
fn try_out(loaded: &mut Loaded, way: Way) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure {
        step: "making a file to try it on",
        errno: e.raw_os_error().unwrap_or(libc::EIO),
    };
    let file = own_file().map_err(failed)?;
    loaded.load(Fact::ApiCall, way.programs())?;
    let point = [Point { offset: 0, site: 0 }];
    let tried = way
        .entry_and_return()
        .iter()
        .try_for_each(|&moment| Spot { way, file: &file, moment, pid: -1 }.attach_all(loaded, &point));
    match tried {
        Ok(()) => loaded.unlink(),
        Err(_) => loaded.take_back(),
    }
    tried
}

/// A page of instructions that do nothing, in memory.
fn own_file() -> io::Result<File> {
    let fd = rustix::fs::memfd_create("probe", rustix::fs::MemfdFlags::CLOEXEC)?;
    let mut file = File::from(fd);
    file.write_all(&[0x90; 4096])?;
    Ok(file)
}

/// What the probes of one link have in common.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// How they are attached.
    pub way: Way,
    /// Where to.
    pub file: &'a File,
    /// What they wait for.
    pub moment: Moment,
    /// In which process; -1: in all.
    pub pid: i32,
}

impl Spot<'_> {
    /// Attaches these; those that can't be are returned.
    pub fn attach(self, loaded: &mut Loaded, points: &[Point]) -> Vec<(Point, Failure)> {
        match (self.attach_all(loaded, points), points) {
            (Ok(()), _) => Vec::new(),
            (Err(failure), [point]) => vec![(*point, failure)],
            (Err(_), _) => {
                // One of them is to blame: the others are attached all the same.
                let (first, second) = points.split_at(points.len() / 2);
                let mut failed = self.attach(loaded, first);
                failed.extend(self.attach(loaded, second));
                failed
            }
        }
    }

    /// Attaches all of these, or fails.
    fn attach_all(self, loaded: &mut Loaded, points: &[Point]) -> Result<(), Failure> {
        let Some(first) = points.first() else { return Ok(()) };
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        let retprobe = self.moment == Moment::Leave;
        let none = Failure { step: "finding the program", errno: libc::ENOENT };
        let program = self.way.program(self.moment, first.site).ok_or(none)?;
        if self.way.is_multi() {
            let opts = UprobeMultiOpts {
                offsets: points.iter().map(|p| p.offset as usize).collect(),
                cookies: points.iter().map(|p| u64::from(p.site)).collect(),
                retprobe,
                session: self.moment == Moment::Through,
                ..UprobeMultiOpts::default()
            };
            return loaded.link(program, |p| p.attach_uprobe_multi_with_opts(self.pid, &path, "", opts));
        }
        if points.len() > 1 {
            // Single ones are attached one by one, so that what fails is known.
            return Err(Failure { step: "attaching", errno: libc::E2BIG });
        }
        let cookie = if self.way == Way::Single { u64::from(first.site) } else { 0 };
        let opts = UprobeOpts { cookie, retprobe, ..UprobeOpts::default() };
        loaded.link(program, |p| p.attach_uprobe_with_opts(self.pid, &path, first.offset as usize, opts))
    }
}

fn entries_only(release: &str) -> String {
    if returns_are_safe(release) {
        return String::new();
    }
    "of calls only the beginning is seen, not their results: on Linux 6.11 to 6.13 return probes can end programs that \
     confine themselves by seccomp"
        .into()
}

/// Whether a return probe does no harm here. From 6.11 to 6.13 it returns through a system call of its own, which a
/// program's seccomp filter may answer by killing it.
pub fn returns_are_safe(release: &str) -> bool {
    !((6, 11)..=(6, 13)).contains(&version(release))
}

/// Whether a link that is limited to a process sees all of its threads. Before 6.10 it was the main thread alone.
pub fn limits_to_processes(release: &str) -> bool {
    version(release) >= (6, 10)
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probes::object::OBJECT;
    use libbpf_rs::ObjectBuilder;

    #[test]
    fn return_probes_are_left_out_where_they_do_harm() {
        for (release, safe) in [
            ("5.10.0-30-amd64", true),
            ("6.10.14", true),
            ("6.11.0-8-generic", false),
            ("6.12.48+deb13-amd64", false),
            ("6.13.1", false),
            ("6.14.0", true),
            ("7.3.0-rc1", true),
        ] {
            assert_eq!(returns_are_safe(release), safe, "{release}");
        }
    }

    #[test]
    fn each_of_the_few_sites_has_a_program_of_its_own() {
        for way in Way::ALL {
            let programs = way.programs();
            for site in 0..FEW_SITES as u32 {
                for &moment in way.entry_and_return() {
                    let program = way.program(moment, site).expect("a program");
                    assert!(programs.contains(&program), "{program}");
                }
            }
        }
        let numbered = Way::Numbered;
        assert_eq!(numbered.program(Moment::Leave, 15), Some("api_leave_15"));
        assert_eq!(numbered.program(Moment::Enter, FEW_SITES as u32), None);
        assert_eq!(numbered.program(Moment::Left, 0), None);
    }

    /// Where tasks are preempted, a program that keeps its stack in memory of the processor overwrites it: see own_stack
    /// in bpf/api.bpf.c. What the kernel looks for is the call of another program, anywhere in it.
    #[test]
    fn no_program_may_share_its_stack() {
        const CALL: u8 = 0x85;
        const TAIL_CALL: i32 = 12;
        let object = ObjectBuilder::default().open_memory(OBJECT).expect("the object");
        let may_call_another = |name: &str| {
            let program = object.progs().find(|p| p.name() == name).expect("a program of the object");
            let mut instructions = program.insns().iter();
            instructions.any(|i| i.code == CALL && i.src_reg() == 0 && i.imm == TAIL_CALL)
        };
        for program in Way::ALL.into_iter().flat_map(Way::programs) {
            assert!(may_call_another(program), "{program}");
        }
        assert!(!may_call_another("open_raw"), "the test can fail");
    }
}
