//! How a recording begins: privileges, filters, probes, output, and everything attached.
//!
//! Invariants:
//! - What can be refused is refused before the output is created.
//! - Everything is attached before the baseline is scanned, so that nothing falls between the two.
//! - What is of no more use is dropped before the first event is read.

use crate::api::elf::{Finder, Machine};
use crate::api::links::{self, Way};
use crate::api::{Api, Wanted, mapped};
use crate::baseline::open::Root;
use crate::baseline::{Baseline, ProcessIdentity};
use crate::clocks::{HostFacts, now_ns};
use crate::error::RecordError;
use crate::filters::Filters;
use crate::host_crypto::HostCryptoFacts;
use crate::known::Processes;
use crate::loads::Loads;
use crate::objects::Objects;
use crate::options::{Hooks, RecordOptions, Report};
use crate::output::{Output, OutputOptions, Patience};
use crate::perf::Mappings;
use crate::privileges::{self, Later};
use crate::probes::ladder::{self, Attempt, Climb};
use crate::probes::object::Loaded;
use crate::probes::{self, LIB_LOAD_PROBE, LIB_LOAD_REMEDY};
use crate::session::Session;
use crate::stop::Signals;
use crate::wire::Wire;
use crate::writer::Writer;
use crypto_tracer_format::catalogue::api::{Catalogue, CatalogueFile};
use crypto_tracer_format::record::{Fact, ProbeState};
use crypto_tracer_format::redact::{Policy, Redactor};
use libbpf_rs::{MapCore, MapFlags, RingBufferBuilder};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::rc::Rc;
use std::time::Instant;

/// Size of the perf ring of each processor, in bytes.
const PERF_BYTES: usize = 512 << 10;
/// For more processes than so many, probes are not limited to each of them: the kernel programs filter alone.
const FEW_PIDS: usize = 4;
/// A block is closed at this size, if not by time.
const BLOCK_BYTES: usize = 512 << 10;

/// Records until the duration is over, a signal comes, or the output is closed.
///
/// # Errors
/// See [`RecordError`]. What was written before an error is a capture that can be read.
pub fn record(options: &RecordOptions, hooks: &mut dyn Hooks) -> Result<Report, RecordError> {
    privileges::check()?;
    let host = HostFacts::read();
    check_kernel(&host.release)?;
    let mut baseline = Baseline::new();
    let mut filters = Filters::resolve(options, &mut baseline)?;
    for warning in &filters.warnings {
        hooks.warning(warning);
    }
    let told = filters.warnings.len();
    let wanted: Vec<Fact> =
        if options.facts.is_empty() { probes::facts().collect() } else { options.facts.clone() };
    let buffer_bytes = buffer_bytes(options.buffer_bytes)?;
    let catalogue = if wanted.contains(&Fact::ApiCall) { Some(catalogue(options)?) } else { None };
    if let Some(catalogue) = &catalogue {
        check_libraries(options, catalogue)?;
    }
    let mut config = filters.config().map_err(|e| RecordError::Filter {
        option: "--watch",
        value: options.watch.join(" "),
        why: e.to_string(),
    })?;
    config.own_tgid = std::process::id();
    config.wake_bytes = buffer_bytes / 4;

    // Who a process is, the recorder learns from its fork, exec and exit, whether they are recorded or not.
    let signals = Signals::take().map_err(|source| RecordError::System { what: "signalfd", source })?;
    let tracepoints = ladder::tracepoints();
    let mut attached: Vec<Fact> = wanted.clone();
    attached.extend([Fact::ProcessFork, Fact::ProcessExec, Fact::ProcessExit]);
    let mut loaded = Loaded::new(config, &filters.tables(), buffer_bytes)
        .map_err(|e| RecordError::NothingAttached(e.to_string()))?;
    let climb = Climb { facts: &attached, only: options.only_probe.as_deref(), all: false };
    let tried = ladder::climb(climb, &mut loaded, &tracepoints);
    let calls = wanted.contains(&Fact::ApiCall);
    let (rings, lib_load) = open_rings(wanted.contains(&Fact::LibLoad), calls);
    let (way, api_calls) = choose_way(calls, options, &host.release, &mut loaded);
    let attempts: Vec<Attempt> = statuses([tried, api_calls].concat(), lib_load, &wanted);
    if let Some(why) = refusal(&attempts, &crate::doctor::lockdown_mode()) {
        return Err(RecordError::NothingAttached(why));
    }
    let patience = Patience::new(signals.fd());
    patience.end_at(options.duration.map(|duration| Instant::now() + duration));
    let output = Output::open(OutputOptions {
        output: options.output.clone(),
        force: options.force,
        host: host.hostname.clone(),
        writer: options.recorder.clone(),
        level: options.level,
        block_bytes: BLOCK_BYTES,
        flush_after: options.flush,
        sync: options.sync,
        rotate_size: options.rotate_size,
        rotate_time: options.rotate_time,
        keep: options.keep,
        patience: patience.clone(),
    })?;
    let sockets = loaded.handle("tls_sockets");
    let events = loaded
        .handle("events")
        .ok_or_else(|| RecordError::NothingAttached("the ring buffer is missing".into()))?;
    let staged = Rc::new(RefCell::new(Vec::with_capacity(1 << 20)));
    let staging = Rc::clone(&staged);
    let mut builder = RingBufferBuilder::new();
    builder.add(&events, move |bytes| {
        staging.borrow_mut().extend_from_slice(bytes);
        0
    })?;
    let ring = builder.build()?;
    report_probes(&attempts, &wanted, hooks);
    if tracepoints.private_mount {
        hooks.detail(
            "tracefs is not mounted on this host: it was read in a mount namespace of the recorder's own",
        );
    }
    let mut everything = all_processes(&mut baseline);
    follow_more(&mut filters, &loaded, &everything);
    everything.retain(|who| filters.admits(who));
    let mut loads = Loads::default();
    let objects = Objects::new();
    let api = match (way, catalogue) {
        (Some(way), Some(catalogue)) => {
            let asked = Wanted {
                catalogue,
                bulk: options.bulk,
                libraries: &options.libraries,
                pids: if way.is_multi() { limit_to(options, &host.release) } else { Vec::new() },
                release: &host.release,
            };
            let mut api = Api::new(asked, way, objects.clone(), &mut loaded);
            if let Some(api) = &mut api {
                loads.mapped = Some(Vec::new());
                api.asked_for(&mut loaded, &options.libraries);
                let processes = everything.iter().filter(|_| rings.is_some() || options.libraries.is_empty());
                for file in processes.flat_map(|who| mapped::already(who.tgid)) {
                    api.mapped(&mut loaded, &file);
                }
                // After what is in use: there may be room for a few probes only.
                if options.libraries.is_empty() {
                    roots(&filters, &everything).iter().for_each(|root| api.installed(&mut loaded, root));
                }
                api.begun(&mut loaded);
                filters.warnings.append(&mut api.warnings);
                api.details.drain(..).for_each(|detail| hooks.detail(&detail));
            }
            api
        }
        _ => None,
    };
    let later = Later { writing: output.in_foreign_folder(), probing: api.is_some() };
    if let Err(e) = privileges::drop_to_late_needs(later) {
        hooks.detail(&format!("privileges are kept: {e}"));
    }

    let redactor =
        Redactor::new(Policy { paths: options.redact, users: options.redact, network: options.redact });
    let host_crypto = HostCryptoFacts::read();
    if host_crypto.left_out() > 0 {
        let left_out = host_crypto.left_out();
        filters.warnings.push(format!("{left_out} further algorithms of /proc/crypto are not recorded"));
    }
    for warning in filters.warnings.iter().skip(told) {
        hooks.warning(warning);
    }
    let session = Session {
        options,
        host,
        host_crypto,
        attempts,
        recorded: wanted.iter().copied().collect(),
        processes: Processes::new(&options.names, options.follow_children),
        filters,
        baseline,
        writer: Writer::new(output, redactor),
        patience,
        loaded,
        ring,
        staged,
        rings,
        objects,
        wire: Wire::default(),
        sockets,
        loads,
        api,
        named: Vec::new(),
        kernel_losses: HashMap::new(),
        losses_read_ns: now_ns(),
        malformed: 0,
        started: Instant::now(),
        clock_written: Instant::now(),
        losses_read: Instant::now(),
        calls_read: Instant::now(),
        completed_ns: 0,
        written_ns: 0,
    };
    session.run(&signals, hooks)
}

/// The processes that are there, without the recorder and the kernel's threads.
pub(crate) fn all_processes(baseline: &mut Baseline) -> Vec<ProcessIdentity> {
    let mut all = Vec::new();
    baseline.identities(&mut |who| {
        if !who.kernel_thread && who.tgid != std::process::id() {
            all.push(who);
        }
    });
    all
}

/// Where the recorded processes find the libraries that they may load yet: in this host's root, or in those of containers. What
/// none of them can see is left alone; what they map from elsewhere is probed when they do.
fn roots(filters: &Filters, recorded: &[ProcessIdentity]) -> Vec<Root> {
    let own = Root::of(std::process::id());
    if !filters.any() {
        return own.into_iter().collect();
    }
    let mut seen = HashSet::new();
    let theirs = recorded.iter().filter_map(|who| Root::of(who.tgid));
    // A user begins new processes anywhere on the host, and of a cgroup without any nothing is known yet.
    let own = own.filter(|_| filters.by_user() || recorded.is_empty());
    own.into_iter().chain(theirs).filter(|root| root.identity().is_some_and(|id| seen.insert(id))).collect()
}

/// Children that were there before the programs watched for new ones.
pub(crate) fn follow_more(filters: &mut Filters, loaded: &Loaded, all: &[ProcessIdentity]) {
    let new = filters.follow(all);
    let Some(pids) = loaded.handle("pids") else { return };
    let refused = |pid: &&u32| pids.update(&pid.to_ne_bytes(), &[1], MapFlags::ANY).is_err();
    let left_out = new.iter().filter(refused).count();
    if left_out > 0 {
        filters.warnings.push(format!(
            "{left_out} children of chosen processes are not recorded: the table of processes is full"
        ));
    }
}

/// The built-in families, with those of the files that the user named.
fn catalogue(options: &RecordOptions) -> Result<Catalogue, RecordError> {
    let refused = |value: String, why: String| RecordError::Filter { option: "--catalogue", value, why };
    let mut catalogue = Catalogue::builtin().map_err(RecordError::Catalogue)?;
    for path in &options.catalogues {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|e| refused(name.clone(), e.to_string()))?;
        catalogue = catalogue
            .with_files(&[CatalogueFile { name: &name, text: &text }])
            .map_err(RecordError::Catalogue)?;
    }
    Ok(catalogue)
}

/// A `--library` whose functions can never be seen is a mistake of who typed it.
fn check_libraries(options: &RecordOptions, catalogue: &Catalogue) -> Result<(), RecordError> {
    let Some(machine) = Machine::host() else { return Ok(()) };
    if options.libraries.is_empty() {
        return Ok(());
    }
    let finder = Finder::new(catalogue.clone(), options.bulk, machine);
    for path in &options.libraries {
        let refused =
            |why: String| RecordError::Filter { option: "--library", value: path.display().to_string(), why };
        let name = path.as_os_str().as_encoded_bytes();
        let file = match File::open(path) {
            Ok(file) => file,
            // It may be removed and still mapped, or not be there yet: who begins, warns of it.
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && finder.is_library(name) => continue,
            Err(e) => {
                let why = format!("expected a library or a program that can be read, but got: {e}");
                return Err(refused(why));
            }
        };
        if !file.metadata().is_ok_and(|meta| meta.is_file()) {
            return Err(refused("expected a library or a program, but it is no regular file".into()));
        }
        let found = finder.find(&file, name).map_err(|e| refused(e.to_string()))?;
        if found.is_empty() && !finder.is_library(name) {
            return Err(refused(
                "it has no function of the catalogue (`crypto-tracer docs catalogue`)".into(),
            ));
        }
    }
    Ok(())
}

fn check_kernel(release: &str) -> Result<(), RecordError> {
    let lacks = |lacking| Err(RecordError::Kernel { release: release.to_owned(), lacking });
    if !new_enough(release) {
        return lacks("recording needs 5.8 or newer (the BPF ring buffer)");
    }
    if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
        return lacks(
            "recording needs its type information (CONFIG_DEBUG_INFO_BTF, /sys/kernel/btf/vmlinux)",
        );
    }
    Ok(())
}

/// The BPF ring buffer came with 5.8.
pub(crate) fn new_enough(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8)
}

/// A power of two of pages.
fn buffer_bytes(asked: u64) -> Result<u32, RecordError> {
    let size = asked.max(u64::from(ladder::page_bytes())).checked_next_power_of_two();
    size.and_then(|s| u32::try_from(s).ok()).filter(|s| *s <= 1 << 30).ok_or_else(|| RecordError::Filter {
        option: "--buffer",
        value: asked.to_string(),
        why: "expected at most 1 GiB".into(),
    })
}

/// The perf rings, and how that went.
pub(crate) fn open_rings(requested: bool, at_once: bool) -> (Option<Mappings>, Attempt) {
    let attempt = |state, errno, reason: String| Attempt {
        fact: Fact::LibLoad,
        probe: LIB_LOAD_PROBE,
        state,
        errno,
        reason,
    };
    if !requested && !at_once {
        return (None, attempt(ProbeState::NotRequested, 0, "the user left this fact out".into()));
    }
    match Mappings::open(PERF_BYTES, at_once) {
        Ok(rings) => (Some(rings), attempt(ProbeState::Attached, 0, String::new())),
        Err(e) => {
            let errno = e.raw_os_error().unwrap_or(libc::EINVAL);
            (
                None,
                attempt(ladder::state_of(errno), errno, format!("opening failed ({e}); {LIB_LOAD_REMEDY}")),
            )
        }
    }
}

/// How calls of functions are to be probed, and how each way fared.
fn choose_way(
    calls: bool,
    options: &RecordOptions,
    release: &str,
    loaded: &mut Loaded,
) -> (Option<Way>, Vec<Attempt>) {
    if calls {
        return links::choose(loaded, options.only_probe.as_deref(), false, release);
    }
    let left_out = links::PROBES.map(|(probe, _)| Attempt {
        fact: Fact::ApiCall,
        probe,
        state: ProbeState::NotRequested,
        errno: 0,
        reason: "the user left this fact out".into(),
    });
    (None, left_out.into())
}

/// The processes that probes are limited to, where nothing but pids chooses; none: all.
fn limit_to(options: &RecordOptions, release: &str) -> Vec<i32> {
    let elsewise = options.follow_children || !options.uids.is_empty() || !options.cgroups.is_empty();
    // A container's processes come and go.
    let by_pid = !elsewise && options.containers.is_empty() && (1..=FEW_PIDS).contains(&options.pids.len());
    if !by_pid || !links::limits_to_processes(release) {
        return Vec::new();
    }
    options.pids.iter().filter_map(|pid| i32::try_from(*pid).ok()).collect()
}

/// In the order of facts; a fact that only the recorder itself needs is told as not requested.
fn statuses(mut all: Vec<Attempt>, lib_load: Attempt, wanted: &[Fact]) -> Vec<Attempt> {
    all.push(lib_load);
    for attempt in all.iter_mut().filter(|a| !wanted.contains(&a.fact)) {
        attempt.state = ProbeState::NotRequested;
        attempt.errno = 0;
        attempt.reason = "the user left this fact out".into();
    }
    all.sort_by_key(|a| a.fact.number());
    all
}

/// Why there is nothing to record: nothing works of what was asked for, or no eBPF program of it does. The perf event
/// alone is enough only for who asked for nothing else.
fn refusal(attempts: &[Attempt], lockdown: &str) -> Option<String> {
    let tried = || attempts.iter().filter(|a| a.state != ProbeState::NotRequested);
    let works = |a: &Attempt| a.state == ProbeState::Attached;
    let programs = || tried().filter(|a| a.probe != LIB_LOAD_PROBE);
    if tried().any(works) && (programs().next().is_none() || programs().any(works)) {
        return None;
    }
    let mut why: Vec<String> = if lockdown == crate::doctor::CONFIDENTIALITY {
        vec!["the kernel is in lockdown=confidentiality, where no program may read its memory".into()]
    } else {
        tried().filter(|a| !works(a)).map(|a| format!("{}: {}", a.probe, a.reason)).collect()
    };
    if tried().any(works) {
        why.push("Library loads alone can be recorded here, with --probes lib_load.".into());
    }
    Some(why.join("\n"))
}

fn report_probes(attempts: &[Attempt], wanted: &[Fact], hooks: &mut dyn Hooks) {
    for attempt in attempts {
        let sep = if attempt.reason.is_empty() { "" } else { ": " };
        hooks.detail(&format!(
            "{}: {} {}{sep}{}",
            attempt.fact.name(),
            attempt.probe,
            attempt.state.name(),
            attempt.reason
        ));
    }
    for fact in wanted {
        if !attempts.iter().any(|a| a.fact == *fact && a.state == ProbeState::Attached) {
            hooks.warning(&format!(
                "{} is not recorded: no probe for it works here (see `crypto-tracer doctor`)",
                fact.name()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(fact: Fact, probe: &'static str, state: ProbeState) -> Attempt {
        Attempt { fact, probe, state, errno: 0, reason: "because".into() }
    }

    #[test]
    fn the_perf_event_alone_is_enough_only_for_who_asked_for_it() {
        use ProbeState::{Attached, NotRequested, NotSupported};
        let opens = |state| attempt(Fact::FileOpen, "fexit:x", state);
        let loads = |state| attempt(Fact::LibLoad, LIB_LOAD_PROBE, state);
        assert_eq!(refusal(&[opens(Attached), loads(Attached)], "none"), None);
        assert_eq!(refusal(&[opens(Attached), loads(NotSupported)], "none"), None);
        assert_eq!(refusal(&[opens(NotRequested), loads(Attached)], "none"), None);
        assert_eq!(refusal(&[opens(NotSupported), opens(Attached)], "none"), None);
        assert_eq!(
            refusal(&[opens(NotSupported), loads(NotSupported)], "integrity").as_deref(),
            Some("fexit:x: because\nperf_event:mmap2: because")
        );
        assert_eq!(
            refusal(&[opens(NotSupported), loads(Attached)], "confidentiality").as_deref(),
            Some(
                "the kernel is in lockdown=confidentiality, where no program may read its memory\n\
                 Library loads alone can be recorded here, with --probes lib_load."
            )
        );
    }
}
