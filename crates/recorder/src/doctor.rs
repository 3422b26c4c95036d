//! What this kernel and these privileges allow: every probe really tried, and a remedy for each that doesn't work.

use crate::api::links;
use crate::host_crypto::HostCryptoFacts;
use crate::privileges;
use crate::probes::config::Config;
use crate::probes::ladder::{self, Attempt, Climb};
use crate::probes::object::{Loaded, Tables};
use crate::probes::tracefs;
use crate::start::open_rings;
use crypto_tracer_format::catalogue::files::builtin_patterns;
use crypto_tracer_format::record::Fact;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub name: &'static str,
    /// How it is.
    pub value: String,
    /// Whether that is good enough to record.
    pub ok: bool,
    /// What to do otherwise; empty where all is well.
    pub remedy: String,
}

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// What came of the attempt. `NotNeeded`: it works, and a better one does too.
    pub attempt: Attempt,
    /// Whether it could be used.
    pub works: bool,
}

/// Everything that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoctorReport {
    /// Kernel and privileges.
    pub findings: Vec<Finding>,
    /// All probes, by fact, best first.
    pub probes: Vec<ProbeReport>,
}

impl DoctorReport {
    /// Whether each fact can be seen by some probe.
    pub fn all_facts_work(&self) -> bool {
        crate::facts().all(|fact| self.fact_works(fact))
    }

    /// Whether a fact can be seen.
    pub fn fact_works(&self, fact: Fact) -> bool {
        self.probes.iter().any(|p| p.attempt.fact == fact && p.works)
    }
}

/// Looks at everything. Nothing stays attached.
pub fn doctor() -> DoctorReport {
    use crypto_tracer_format::record::ProbeState::{Attached, NotNeeded};
    let mut findings = vec![kernel(), btf(), rights(), tracefs_mount(), lockdown(), paranoid()];
    findings.extend(crypto(&HostCryptoFacts::read()));
    let mut attempts = match Config::new(&builtin_patterns()) {
        Ok(mut config) => {
            config.own_tgid = std::process::id();
            let facts: Vec<Fact> = crate::facts().collect();
            match Loaded::new(config, &Tables::default(), ladder::page_bytes()) {
                Ok(mut loaded) => {
                    let release = text("/proc/sys/kernel/osrelease").unwrap_or_default();
                    let climb = Climb { facts: &facts, only: None, all: true };
                    let mut attempts = ladder::climb(climb, &mut loaded, &ladder::tracepoints());
                    attempts.extend(links::choose(&mut loaded, None, true, &release).1);
                    attempts
                }
                Err(failure) => [ladder::all_failed(failure), links::all_failed(failure)].concat(),
            }
        }
        Err(_) => Vec::new(),
    };
    attempts.push(open_rings(true, false).1);
    attempts.sort_by_key(|a| a.fact.number());
    let probes = attempts
        .into_iter()
        .map(|attempt| ProbeReport { works: matches!(attempt.state, Attached | NotNeeded), attempt })
        .collect();
    DoctorReport { findings, probes }
}

fn finding(name: &'static str, value: String, ok: bool, remedy: &str) -> Finding {
    Finding { name, value, ok, remedy: if ok { String::new() } else { remedy.to_owned() } }
}

fn text(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|t| t.trim().to_owned())
}

fn kernel() -> Finding {
    let release = text("/proc/sys/kernel/osrelease").unwrap_or_default();
    let ok = crate::start::new_enough(&release);
    finding("kernel", release, ok, "use Linux 5.8 or newer (the BPF ring buffer)")
}

fn btf() -> Finding {
    let there = std::path::Path::new("/sys/kernel/btf/vmlinux").exists();
    let value = if there { "present" } else { "missing" };
    finding(
        "BTF",
        value.into(),
        there,
        "use a kernel with CONFIG_DEBUG_INFO_BTF, as those of the distributions since 2021",
    )
}

fn rights() -> Finding {
    match privileges::check() {
        Ok(held) => {
            let missing: Vec<&str> = held.missing().map(|need| need.name).collect();
            let value =
                if missing.is_empty() { "all".into() } else { format!("all but {}", missing.join(", ")) };
            finding("privileges", value, true, "")
        }
        Err(e) => finding(
            "privileges",
            e.to_string(),
            false,
            "run it with sudo, or see `crypto-tracer docs privileges`",
        ),
    }
}

fn tracefs_mount() -> Finding {
    let value = if tracefs::mounted() {
        "mounted"
    } else {
        "not mounted; read in a private mount namespace where a probe needs it"
    };
    finding("tracefs", value.into(), true, "")
}

/// The mode of lockdown in which nothing that reads kernel memory is loaded.
pub(crate) const CONFIDENTIALITY: &str = "confidentiality";

/// The kernel's lockdown mode; `none` where it doesn't say.
pub(crate) fn lockdown_mode() -> String {
    let modes = text("/sys/kernel/security/lockdown").unwrap_or_default();
    modes.split(['[', ']']).nth(1).unwrap_or("none").to_owned()
}

fn lockdown() -> Finding {
    let mode = lockdown_mode();
    let ok = mode != CONFIDENTIALITY;
    finding(
        "lockdown",
        mode,
        ok,
        "programs may not read kernel memory: boot without lockdown=confidentiality",
    )
}

fn paranoid() -> Finding {
    let level = text("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    let held = privileges::held();
    let ok = level.parse::<i32>().is_ok_and(|l| l < 3)
        || held.is_ok_and(|h| h.has(caps::Capability::CAP_SYS_ADMIN));
    finding(
        "perf_event_paranoid",
        level,
        ok,
        "library loads need root here, or sysctl kernel.perf_event_paranoid=2",
    )
}

/// What a capture will say of the host's cryptography. Nothing of it keeps anyone from recording.
fn crypto(facts: &HostCryptoFacts) -> [Finding; 3] {
    let fips = match facts.fips() {
        Some(true) => "on",
        Some(false) => "off",
        None => "not in this kernel",
    };
    let algorithms = match facts.algorithms() {
        (all, 0) => format!("{all} algorithms"),
        (all, untested) => format!("{all} algorithms, {untested} without a passed self-test"),
    };
    [
        finding("FIPS mode", fips.into(), true, ""),
        finding("crypto policy", facts.policy().unwrap_or("none for the whole system").into(), true, ""),
        finding("kernel crypto", algorithms, true, ""),
    ]
}
