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
pub const PROBES: [(&str, &str); 3] = [
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
    /// All of a file in one link.
    Multi,
    /// The same on kernels before 6.13.
    OldMulti,
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
}

/// A probe to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Offset in the file.
    pub offset: u64,
    /// The number of its site.
    pub site: u32,
}

const ENTER: [&str; FEW_SITES] = [
    "api_enter_0",
    "api_enter_1",
    "api_enter_2",
    "api_enter_3",
    "api_enter_4",
    "api_enter_5",
    "api_enter_6",
    "api_enter_7",
    "api_enter_8",
    "api_enter_9",
    "api_enter_10",
    "api_enter_11",
    "api_enter_12",
    "api_enter_13",
    "api_enter_14",
    "api_enter_15",
];
const LEAVE: [&str; FEW_SITES] = [
    "api_leave_0",
    "api_leave_1",
    "api_leave_2",
    "api_leave_3",
    "api_leave_4",
    "api_leave_5",
    "api_leave_6",
    "api_leave_7",
    "api_leave_8",
    "api_leave_9",
    "api_leave_10",
    "api_leave_11",
    "api_leave_12",
    "api_leave_13",
    "api_leave_14",
    "api_leave_15",
];

impl Way {
    const ALL: [Way; 3] = [Way::Multi, Way::Single, Way::Numbered];

    /// Whether all probes of a file are one link.
    pub fn is_multi(self) -> bool {
        matches!(self, Way::Multi | Way::OldMulti)
    }

    fn programs(self) -> Vec<&'static str> {
        match self {
            Way::Multi => vec!["api_enter_multi", "api_leave_multi", "api_left_multi"],
            Way::OldMulti => vec!["api_enter_old_multi", "api_leave_old_multi", "api_left_old_multi"],
            Way::Single => vec!["api_enter_cookie", "api_leave_cookie", "api_left_cookie"],
            Way::Numbered => ENTER.into_iter().chain(LEAVE).collect(),
        }
    }

    fn program(self, moment: Moment, site: u32) -> Option<&'static str> {
        match (self, moment) {
            (Way::Multi, Moment::Enter) => Some("api_enter_multi"),
            (Way::Multi, Moment::Leave) => Some("api_leave_multi"),
            (Way::Multi, Moment::Left) => Some("api_left_multi"),
            (Way::OldMulti, Moment::Enter) => Some("api_enter_old_multi"),
            (Way::OldMulti, Moment::Leave) => Some("api_leave_old_multi"),
            (Way::OldMulti, Moment::Left) => Some("api_left_old_multi"),
            (Way::Single, Moment::Enter) => Some("api_enter_cookie"),
            (Way::Single, Moment::Leave) => Some("api_leave_cookie"),
            (Way::Single, Moment::Left) => Some("api_left_cookie"),
            (Way::Numbered, Moment::Enter) => ENTER.get(site as usize).copied(),
            (Way::Numbered, Moment::Leave) => LEAVE.get(site as usize).copied(),
            (Way::Numbered, Moment::Left) => None,
        }
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
        let tried = try_out(loaded, way).map(|()| way);
        let tried = match tried {
            Err(_) if way == Way::Multi => try_out(loaded, Way::OldMulti).map(|()| Way::OldMulti),
            tried => tried,
        };
        match tried {
            Ok(way) if chosen.is_none() => {
                chosen = Some((way, name));
                attempt(ProbeState::Attached, 0, entries_only(release))
            }
            Ok(_) => {
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
    let tried = [Moment::Enter, Moment::Leave]
        .into_iter()
        .try_for_each(|moment| attach_all(loaded, way, &file, moment, -1, &point));
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

/// Attaches these; those that can't be are returned. `pid` -1: of all processes.
pub fn attach(
    loaded: &mut Loaded,
    way: Way,
    file: &File,
    moment: Moment,
    pid: i32,
    points: &[Point],
) -> Vec<(Point, Failure)> {
    match (attach_all(loaded, way, file, moment, pid, points), points) {
        (Ok(()), _) => Vec::new(),
        (Err(failure), [point]) => vec![(*point, failure)],
        (Err(_), _) => {
            // One of them is to blame: the others are attached all the same.
            let (first, second) = points.split_at(points.len() / 2);
            let mut failed = attach(loaded, way, file, moment, pid, first);
            failed.extend(attach(loaded, way, file, moment, pid, second));
            failed
        }
    }
}

/// Attaches all of these, or fails.
fn attach_all(
    loaded: &mut Loaded,
    way: Way,
    file: &File,
    moment: Moment,
    pid: i32,
    points: &[Point],
) -> Result<(), Failure> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let retprobe = moment == Moment::Leave;
    let Some(first) = points.first() else { return Ok(()) };
    if way.is_multi() {
        let program = way.program(moment, 0).unwrap_or_default();
        let opts = UprobeMultiOpts {
            offsets: points.iter().map(|p| p.offset as usize).collect(),
            cookies: points.iter().map(|p| u64::from(p.site)).collect(),
            retprobe,
            ..UprobeMultiOpts::default()
        };
        return loaded.link(program, |p| p.attach_uprobe_multi_with_opts(pid, &path, "", opts));
    }
    if points.len() > 1 {
        // Single ones are attached one by one, so that what fails is known.
        return Err(Failure { step: "attaching", errno: libc::E2BIG });
    }
    let none = Failure { step: "finding the program", errno: libc::ENOENT };
    let program = way.program(moment, first.site).ok_or(none)?;
    let cookie = if way == Way::Single { u64::from(first.site) } else { 0 };
    let opts = UprobeOpts { cookie, retprobe, ..UprobeOpts::default() };
    loaded.link(program, |p| p.attach_uprobe_with_opts(pid, &path, first.offset as usize, opts))
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
    fn numbered_programs_are_as_many_as_few() {
        for way in Way::ALL {
            let programs = way.programs();
            for site in 0..FEW_SITES as u32 {
                for moment in [Moment::Enter, Moment::Leave] {
                    let program = way.program(moment, site).expect("a program");
                    assert!(programs.contains(&program), "{program}");
                }
            }
        }
        assert_eq!(Way::Numbered.program(Moment::Enter, FEW_SITES as u32), None);
    }
}
