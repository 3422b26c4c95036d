//! Finds, for each fact, the best rung that works: by loading and attaching each in turn. The first that works stays, so
//! that what was tried is what is used, and nothing is loaded twice.

use super::object::{Failure, Loaded};
use super::tracefs::Tracepoints;
use super::{Hook, LADDERS, Ladder, Rung};
use crypto_tracer_format::record::{Fact, ProbeState};
use std::io;

/// How one rung fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The fact.
    pub fact: Fact,
    /// The probe's name.
    pub probe: &'static str,
    /// How it fared.
    pub state: ProbeState,
    /// The error number; 0: none.
    pub errno: i32,
    /// In words.
    pub reason: String,
}

/// Numbers of all tracepoints that the table names.
pub fn tracepoints() -> Tracepoints {
    let names: Vec<&'static str> = LADDERS
        .iter()
        .flat_map(|ladder| ladder.rungs)
        .flat_map(|rung| rung.programs)
        .filter_map(|program| match program.hook {
            Hook::Syscall(name) => Some(name),
            Hook::Auto => None,
        })
        .collect();
    Tracepoints::read(&names)
}

/// What to climb for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Climb<'a> {
    /// The facts to see.
    pub facts: &'a [Fact],
    /// Of the rungs, those whose name begins so (all, where it fits none of a ladder).
    pub only: Option<&'a str>,
    /// Try every rung, also those below one that works, and leave nothing attached.
    pub all: bool,
}

/// Attaches the best rung that works for each of these facts; how every rung fared, in the order of the table.
pub fn climb(to: Climb<'_>, loaded: &mut Loaded, tracepoints: &Tracepoints) -> Vec<Attempt> {
    // Processes first: whoever opens a file is then known.
    let mut ladders: Vec<Vec<Attempt>> =
        LADDERS.iter().rev().map(|ladder| climb_one(to, ladder, loaded, tracepoints)).collect();
    ladders.reverse();
    ladders.concat()
}

fn climb_one(to: Climb<'_>, ladder: &Ladder, loaded: &mut Loaded, tracepoints: &Tracepoints) -> Vec<Attempt> {
    let requested = to.facts.contains(&ladder.fact);
    let forced = to.only.filter(|only| ladder.rungs.iter().any(|rung| rung.name.starts_with(only)));
    let mut found: Option<&'static Rung> = None;
    let mut attempts = Vec::new();
    for rung in ladder.rungs {
        let (state, errno, reason) = if !requested {
            (ProbeState::NotRequested, 0, String::from("the user left this fact out"))
        } else if forced.is_some_and(|only| !rung.name.starts_with(only)) {
            (ProbeState::NotRequested, 0, String::from("the user asked for another probe"))
        } else if let (Some(better), false) = (found, to.all) {
            (ProbeState::NotNeeded, 0, format!("{} is in use", better.name))
        } else {
            let attached = loaded.attach(ladder.fact, rung, tracepoints);
            if to.all && attached.is_ok() {
                loaded.take_back();
            }
            match attached {
                Ok(missing) if found.is_none() => {
                    found = Some(rung);
                    (ProbeState::Attached, 0, without(&missing))
                }
                Ok(_) => (ProbeState::NotNeeded, 0, String::from("works; a better one is in use")),
                Err(failure) => (state_of(failure.errno), failure.errno, explain(failure, rung)),
            }
        };
        attempts.push(Attempt { fact: ladder.fact, probe: rung.name, state, errno, reason });
    }
    attempts
}

/// Every rung, where what all of them need failed.
pub fn all_failed(failure: Failure) -> Vec<Attempt> {
    let rungs = LADDERS.iter().flat_map(|ladder| ladder.rungs.iter().map(|rung| (ladder.fact, rung)));
    rungs
        .map(|(fact, rung)| Attempt {
            fact,
            probe: rung.name,
            state: state_of(failure.errno),
            errno: failure.errno,
            reason: explain(failure, rung),
        })
        .collect()
}

fn without(missing: &[&str]) -> String {
    match missing {
        [] => String::new(),
        missing => format!("without {}, which this kernel lacks", missing.join(", ")),
    }
}

/// The smallest buffer.
pub fn page_bytes() -> u32 {
    procfs::page_size() as u32
}

/// What an error number says of a probe.
pub fn state_of(errno: i32) -> ProbeState {
    match errno {
        libc::EPERM | libc::EACCES => ProbeState::NotPermitted,
        libc::ENOENT | libc::ESRCH | libc::EINVAL | libc::EOPNOTSUPP | libc::ENODEV | libc::ENOSYS => {
            ProbeState::NotSupported
        }
        _ => ProbeState::Failed,
    }
}

fn explain(failure: Failure, rung: &Rung) -> String {
    format!(
        "{} failed ({}); {}",
        failure.step,
        io::Error::from_raw_os_error(failure.errno)
            .to_string()
            .split(" (os error")
            .next()
            .unwrap_or_default(),
        rung.remedy
    )
}
