//! Which rights recording needs, whether they are held, and letting go of them once everything is attached.
//!
//! Invariants:
//! - The table [`NEEDS`] is the only list: the check, the drop, `doctor` and docs/privileges.md are made from it.
//! - The kernel keeps capabilities per thread. [`drop_to_late_needs`] therefore refuses to run in a process that has more
//!   than one; threads that start afterwards begin with what is left.
//! - What was dropped can't be got back: permitted, effective, inheritable, ambient and (where it may be changed) the
//!   bounding set are all cut, and no_new_privs makes setuid programs and file capabilities void.

use caps::{CapSet, Capability, CapsHashSet};
use std::fmt::Write;

/// When a capability is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Until everything is attached.
    Attaching,
    /// As long as the recording runs.
    Recording,
    /// As long as it runs, if functions of libraries are probed: those of a library that is mapped later, too.
    Probing,
    /// As long as it runs, if the output's folder belongs to someone else.
    Writing,
}

/// A capability and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The capability.
    pub capability: Capability,
    /// Its name as setcap(8) writes it.
    pub name: &'static str,
    /// Until when.
    pub phase: Phase,
    /// Recording can't begin without it (or `cap_sys_admin`, which stands for both).
    pub required: bool,
    /// What for.
    pub why: &'static str,
}

const fn need(
    capability: Capability,
    name: &'static str,
    phase: Phase,
    required: bool,
    why: &'static str,
) -> Need {
    Need { capability, name, phase, required, why }
}

/// Every capability that is of use, and why.
pub const NEEDS: &[Need] = &[
    need(
        Capability::CAP_BPF,
        "cap_bpf",
        Phase::Recording,
        true,
        "loads the kernel programs; then reads their loss counters, for which kernels before 6.0 ask for it at every call",
    ),
    need(
        Capability::CAP_PERFMON,
        "cap_perfmon",
        Phase::Probing,
        true,
        "lets kernel programs read kernel memory, and attaches them, also to functions of libraries that are mapped later; opens the perf events that see libraries being mapped",
    ),
    need(
        Capability::CAP_SYS_ADMIN,
        "cap_sys_admin",
        Phase::Attaching,
        false,
        "kernels before 5.8 have it in the place of cap_bpf and cap_perfmon; mounts tracefs in a private mount namespace where the host has none",
    ),
    need(
        Capability::CAP_SYS_RESOURCE,
        "cap_sys_resource",
        Phase::Attaching,
        false,
        "raises RLIMIT_MEMLOCK, from which kernels before 5.11 take the memory of maps and buffers",
    ),
    need(
        Capability::CAP_SYS_PTRACE,
        "cap_sys_ptrace",
        Phase::Recording,
        false,
        "reads the program, mappings and open files of other users' processes in /proc",
    ),
    need(
        Capability::CAP_DAC_READ_SEARCH,
        "cap_dac_read_search",
        Phase::Recording,
        false,
        "reads library files in folders of other users and of containers, and the probe ids in tracefs",
    ),
    need(
        Capability::CAP_CHECKPOINT_RESTORE,
        "cap_checkpoint_restore",
        Phase::Recording,
        false,
        "opens mapped library files that were deleted or replaced since (/proc/PID/map_files)",
    ),
    need(
        Capability::CAP_DAC_OVERRIDE,
        "cap_dac_override",
        Phase::Writing,
        false,
        "creates and renames segments in a folder of another user (root, writing into the folder of the user who ran sudo)",
    ),
    need(
        Capability::CAP_FOWNER,
        "cap_fowner",
        Phase::Writing,
        false,
        "replaces another user's file in a folder like /tmp, with --force",
    ),
];

/// What this process may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Effective user id.
    pub euid: u32,
    effective: CapsHashSet,
}

impl Held {
    /// Whether a capability is in effect.
    pub fn has(&self, capability: Capability) -> bool {
        self.effective.contains(&capability)
    }

    /// Those of [`NEEDS`] that are missing.
    pub fn missing(&self) -> impl Iterator<Item = &'static Need> {
        NEEDS.iter().filter(|need| !self.has(need.capability))
    }

    /// Whether kernel programs can be loaded, as far as capabilities tell.
    pub fn suffices(&self) -> bool {
        let required = NEEDS.iter().filter(|need| need.required).all(|need| self.has(need.capability));
        required || self.has(Capability::CAP_SYS_ADMIN)
    }
}

/// Why rights don't suffice, or can't be dropped.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// Neither root nor capabilities.
    #[error("recording needs root, cap_bpf with cap_perfmon, or cap_sys_admin; missing: {}", .missing.join(", "))]
    Insufficient {
        /// What of the required is missing.
        missing: Vec<&'static str>,
    },
    /// Root, but with its capabilities taken away.
    #[error("this is root, but without cap_bpf and cap_sys_admin, as in a container")]
    BareRoot,
    /// The kernel didn't say or didn't do it.
    #[error("capabilities can't be {what}: {source}")]
    Caps {
        /// What was tried.
        what: &'static str,
        /// What it said.
        source: caps::errors::CapsError,
    },
    /// Only the calling thread would lose its rights.
    #[error("rights can be dropped only while there is one thread, but there are {0}")]
    Threads(usize),
    /// no_new_privs can't be set.
    #[error("no_new_privs can't be set: {0}")]
    NoNewPrivileges(std::io::Error),
}

/// What this process holds.
///
/// # Errors
/// [`PrivilegeError::Caps`] if the kernel doesn't say.
pub fn held() -> Result<Held, PrivilegeError> {
    let effective = caps::read(None, CapSet::Effective)
        .map_err(|source| PrivilegeError::Caps { what: "read", source })?;
    Ok(Held { euid: rustix::process::geteuid().as_raw(), effective })
}

/// Whether a recording may begin (REQ-SECURITY-001). To be called before anything else.
///
/// # Errors
/// [`PrivilegeError::Insufficient`] or [`PrivilegeError::BareRoot`]: exit code 3.
pub fn check() -> Result<Held, PrivilegeError> {
    judge(held()?)
}

fn judge(held: Held) -> Result<Held, PrivilegeError> {
    if held.suffices() {
        return Ok(held);
    }
    if held.euid == 0 {
        return Err(PrivilegeError::BareRoot);
    }
    let missing = held.missing().filter(|need| need.required).map(|need| need.name).collect();
    Err(PrivilegeError::Insufficient { missing })
}

/// What a user can do about missing rights: the lines to type.
pub fn solutions(program: &str) -> String {
    let mut file_caps: Vec<&str> =
        NEEDS.iter().filter(|n| n.phase == Phase::Recording || n.required).map(|n| n.name).collect();
    file_caps.sort_unstable();
    let mut text = String::new();
    let lines = [
        ("Run it with sudo:", format!("sudo {program} …")),
        (
            "Grant it the capabilities (Linux 5.8 and newer):",
            format!("sudo setcap {}+ep {program}", file_caps.join(",")),
        ),
        (
            "Grant it cap_sys_admin (older kernels):",
            format!("sudo setcap cap_sys_admin,cap_sys_ptrace,cap_dac_read_search+ep {program}"),
        ),
    ];
    for (number, (what, line)) in lines.iter().enumerate() {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  {}. {what}\n     {line}", number + 1);
    }
    text
}

/// What a recording does besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Later {
    /// It writes into a folder that belongs to someone else
    /// ([`Output::in_foreign_folder`](crate::output::Output::in_foreign_folder)).
    pub writing: bool,
    /// It probes functions.
    pub probing: bool,
}

/// What remains after [`drop_to_late_needs`].
fn late(held: &CapsHashSet, later: Later) -> CapsHashSet {
    let wanted = |need: &&Need| match need.phase {
        Phase::Attaching => false,
        Phase::Recording => true,
        Phase::Probing => later.probing,
        Phase::Writing => later.writing,
    };
    let mut keep: CapsHashSet = NEEDS.iter().filter(wanted).map(|need| need.capability).collect();
    if !held.contains(&Capability::CAP_BPF) {
        // Then this is what the loss counters are read with.
        keep.insert(Capability::CAP_SYS_ADMIN);
    }
    keep.intersection(held).copied().collect()
}

/// Lets go of every right that is of no more use once all probes are attached.
///
/// # Errors
/// [`PrivilegeError::Threads`] in a process with several threads, before anything was changed; otherwise what the
/// kernel refused.
pub fn drop_to_late_needs(later: Later) -> Result<Held, PrivilegeError> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    if threads > 1 {
        return Err(PrivilegeError::Threads(threads));
    }
    drop_in_this_thread(later)
}

fn drop_in_this_thread(later: Later) -> Result<Held, PrivilegeError> {
    let failed = |what| move |source| PrivilegeError::Caps { what, source };
    let permitted = caps::read(None, CapSet::Permitted).map_err(failed("read"))?;
    let keep = late(&permitted, later);

    rustix::thread::set_no_new_privs(true).map_err(|e| PrivilegeError::NoNewPrivileges(e.into()))?;
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(failed("read"))? {
        for capability in caps::read(None, CapSet::Bounding).map_err(failed("read"))?.difference(&keep) {
            caps::drop(None, CapSet::Bounding, *capability).map_err(failed("dropped"))?;
        }
    }
    // Kernels before 4.3 have no ambient set: there is nothing to clear then.
    if let Ok(ambient) = caps::read(None, CapSet::Ambient)
        && !ambient.is_empty()
    {
        caps::clear(None, CapSet::Ambient).map_err(failed("dropped"))?;
    }
    caps::clear(None, CapSet::Inheritable).map_err(failed("dropped"))?;
    caps::set(None, CapSet::Effective, &keep).map_err(failed("dropped"))?;
    caps::set(None, CapSet::Permitted, &keep).map_err(failed("dropped"))?;
    held()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn with(euid: u32, caps: &[Capability]) -> Held {
        Held { euid, effective: caps.iter().copied().collect() }
    }

    #[test]
    fn root_or_capabilities_suffice() {
        use Capability::{CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYS_PTRACE};
        assert!(judge(with(0, &[CAP_SYS_ADMIN, CAP_BPF, CAP_PERFMON])).is_ok());
        assert!(judge(with(1000, &[CAP_BPF, CAP_PERFMON])).is_ok());
        assert!(judge(with(1000, &[CAP_SYS_ADMIN])).is_ok(), "older kernels");
        assert!(matches!(judge(with(0, &[])), Err(PrivilegeError::BareRoot)));
        let missing = |caps: &[Capability]| match judge(with(1000, caps)) {
            Err(PrivilegeError::Insufficient { missing }) => missing,
            other => panic!("expected it to be refused, but got {other:?}"),
        };
        assert_eq!(missing(&[]), ["cap_bpf", "cap_perfmon"]);
        assert_eq!(missing(&[CAP_BPF, CAP_SYS_PTRACE]), ["cap_perfmon"]);
    }

    #[test]
    fn names_are_those_of_setcap() {
        for need in NEEDS {
            assert_eq!(need.capability.to_string().to_lowercase(), need.name);
        }
        let text = solutions("crypto-tracer");
        assert!(text.contains("sudo crypto-tracer"));
        assert!(text.contains(
            "setcap cap_bpf,cap_checkpoint_restore,cap_dac_read_search,cap_perfmon,cap_sys_ptrace+ep"
        ));
    }

    #[test]
    fn only_late_needs_remain() {
        let all = caps::all();
        let kept = late(&all, Later::default());
        assert!(kept.contains(&Capability::CAP_SYS_PTRACE) && kept.contains(&Capability::CAP_BPF));
        for gone in [
            Capability::CAP_SYS_ADMIN,
            Capability::CAP_PERFMON,
            Capability::CAP_DAC_OVERRIDE,
            Capability::CAP_CHOWN,
        ] {
            assert!(!kept.contains(&gone), "{gone}");
        }
        let writing = Later { writing: true, ..Later::default() };
        assert!(late(&all, writing).contains(&Capability::CAP_DAC_OVERRIDE));
        let probing = late(&all, Later { probing: true, ..Later::default() });
        assert!(probing.contains(&Capability::CAP_PERFMON) && !probing.contains(&Capability::CAP_SYS_ADMIN));
        let old: CapsHashSet = [Capability::CAP_SYS_ADMIN, Capability::CAP_CHOWN].into_iter().collect();
        assert_eq!(late(&old, Later::default()), [Capability::CAP_SYS_ADMIN].into_iter().collect());
        assert!(late(&CapsHashSet::new(), writing).is_empty(), "nothing is gained");
    }

    #[test]
    fn several_threads_are_refused() {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || wait.recv());
        let before = held().expect("readable");
        assert!(matches!(drop_to_late_needs(Later::default()), Err(PrivilegeError::Threads(n)) if n >= 2));
        assert_eq!(held().expect("readable"), before);
        drop(stop);
        assert!(other.join().expect("it ended").is_err());
    }

    /// In a process of its own: what is dropped doesn't come back.
    #[test]
    fn what_is_dropped_stays_dropped() {
        let exe = std::env::current_exe().expect("this binary");
        let output = Command::new(exe)
            .args(["--exact", "privileges::tests::drop_in_this_process", "--nocapture"])
            .env("DROP", "1")
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.contains("dropped: true"), "{text}");
    }

    /// Drops when [`what_is_dropped_stays_dropped`] asks for it; has nothing to do otherwise.
    #[test]
    fn drop_in_this_process() {
        if std::env::var_os("DROP").is_none() {
            return;
        }
        let before = caps::read(None, CapSet::Permitted).expect("readable");
        // The test harness has a thread of its own.
        let held = drop_in_this_thread(Later::default()).expect("dropped");
        let want = late(&before, Later::default());
        for set in [CapSet::Effective, CapSet::Permitted] {
            assert_eq!(caps::read(None, set).expect("readable"), want, "{set:?}");
        }
        assert_eq!(held.effective, want);
        for set in [CapSet::Inheritable, CapSet::Ambient] {
            assert!(caps::read(None, set).expect("readable").is_empty(), "{set:?}");
        }
        assert!(rustix::thread::no_new_privs().expect("readable"));
        assert!(caps::raise(None, CapSet::Permitted, Capability::CAP_SYS_ADMIN).is_err());
        // A program that is started now, by root or not, gets no more either.
        let status = Command::new("cat").arg("/proc/self/status").output().expect("it runs");
        let status = String::from_utf8_lossy(&status.stdout).into_owned();
        let line = status.lines().find_map(|l| l.strip_prefix("CapPrm:")).expect("a line");
        let child = u64::from_str_radix(line.trim(), 16).expect("a mask");
        let allowed: u64 = want.iter().map(|c| c.bitmask()).sum();
        assert_eq!(child & !allowed, 0);
        println!("dropped: true");
    }
}
