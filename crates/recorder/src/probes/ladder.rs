//! Finds, for each fact, the best rung that works: by loading and attaching each in turn, in a trial of its own.
//!
//! A trial records nothing: its programs see the recorder's filters, and their buffer goes with them.

use super::config::Config;
use super::object::{self, Failure, Loaded, Tables};
use super::tracefs::Tracepoints;
use super::{Hook, LADDERS, Rung};
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

/// Every rung that was looked at, and those to use.
#[derive(Debug, Default)]
pub struct Choice {
    /// In the order of the table.
    pub attempts: Vec<Attempt>,
    /// One for each fact that can be seen.
    pub rungs: Vec<(Fact, &'static Rung)>,
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

/// Finds the best rung for each of these facts. `only`: of the rungs, those whose name begins so (all, where it fits none
/// of a ladder). `all`: try every rung, also those below one that works.
pub fn choose(
    facts: &[Fact],
    config: &Config,
    tracepoints: &Tracepoints,
    only: Option<&str>,
    all: bool,
) -> Choice {
    let mut choice = Choice::default();
    for ladder in LADDERS {
        let requested = facts.contains(&ladder.fact);
        let forced = only.filter(|only| ladder.rungs.iter().any(|rung| rung.name.starts_with(only)));
        let mut found: Option<&'static Rung> = None;
        for rung in ladder.rungs {
            let (state, errno, reason) = if !requested {
                (ProbeState::NotRequested, 0, String::from("the user left this fact out"))
            } else if forced.is_some_and(|only| !rung.name.starts_with(only)) {
                (ProbeState::NotRequested, 0, String::from("the user asked for another probe"))
            } else if let (Some(better), false) = (found, all) {
                (ProbeState::NotNeeded, 0, format!("{} is in use", better.name))
            } else {
                match trial(rung, config, tracepoints) {
                    Ok(notes) if found.is_none() => {
                        found = Some(rung);
                        (ProbeState::Attached, 0, notes)
                    }
                    Ok(_) => (ProbeState::NotNeeded, 0, String::from("works; a better one is in use")),
                    Err(failure) => {
                        let state = state_of(failure.errno);
                        (state, failure.errno, explain(failure, rung))
                    }
                }
            };
            choice.attempts.push(Attempt { fact: ladder.fact, probe: rung.name, state, errno, reason });
        }
        choice.rungs.extend(found.map(|rung| (ladder.fact, rung)));
    }
    choice
}

fn trial(rung: &Rung, config: &Config, tracepoints: &Tracepoints) -> Result<String, Failure> {
    let names: Vec<&str> = rung.programs.iter().map(|p| p.name).collect();
    let mut loaded = object::load(config, page_bytes(), &names)?;
    attach(&mut loaded, rung, tracepoints)
}

/// Attaches a rung's programs; returns what is missing of it.
fn attach(loaded: &mut Loaded, rung: &Rung, tracepoints: &Tracepoints) -> Result<String, Failure> {
    let mut missing = Vec::new();
    for program in rung.programs {
        match loaded.attach(program, tracepoints) {
            Ok(()) => {}
            Err(failure) if program.optional && failure.errno == libc::ENOENT => {
                if let Hook::Syscall(name) = program.hook {
                    missing.push(name);
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(match missing.as_slice() {
        [] => String::new(),
        missing => format!("without {}, which this kernel lacks", missing.join(", ")),
    })
}

/// Loads and attaches what was chosen, with the filters' tables filled before.
///
/// # Errors
/// The step that failed.
pub fn attach_all(
    choice: &Choice,
    config: &Config,
    tables: &Tables,
    buffer_bytes: u32,
    tracepoints: &Tracepoints,
) -> Result<Loaded, Failure> {
    let names: Vec<&str> =
        choice.rungs.iter().flat_map(|(_, rung)| rung.programs).map(|program| program.name).collect();
    let mut loaded = object::load(config, buffer_bytes, &names)?;
    loaded.fill(tables)?;
    // Processes first: whoever opens a file is then known.
    for (_, rung) in choice.rungs.iter().rev() {
        attach(&mut loaded, rung, tracepoints)?;
    }
    Ok(loaded)
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
