//! Which probes see which fact: the ladders, best rung first.
//!
//! The table is the only list: attaching, `doctor` and docs/privileges.md go by it.

use crypto_tracer_format::record::Fact;

/// What a probe hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// The return of a kernel function (needs BTF and ftrace trampolines).
    Fexit,
    /// Tracepoints of system calls (need tracefs).
    SyscallTracepoint,
    /// A raw tracepoint.
    RawTracepoint,
    /// A perf event without a program: the kernel's own record of every executable mapping.
    PerfMmap,
}

/// One rung.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// What it sees.
    pub fact: Fact,
    /// Its name in captures and in `doctor`.
    pub name: &'static str,
    /// What it hangs on.
    pub hook: Hook,
    /// The programs of the BPF object that make it up.
    pub programs: &'static [&'static str],
    /// What it can't see, for `doctor` and the capture; empty: nothing is known.
    pub blind: &'static str,
}

/// System calls that open files. open and creat exist on x86-64 alone.
#[cfg(target_arch = "x86_64")]
const OPEN_TRACEPOINTS: &[&str] = &["open_tp_open", "open_tp_creat", "open_tp_openat", "open_tp_openat2"];
#[cfg(not(target_arch = "x86_64"))]
const OPEN_TRACEPOINTS: &[&str] = &["open_tp_openat", "open_tp_openat2"];

/// All probes; of each fact, the best first.
pub const PROBES: &[Probe] = &[
    Probe {
        fact: Fact::FileOpen,
        name: "fexit:do_sys_openat2",
        hook: Hook::Fexit,
        programs: &["open_fexit"],
        blind: "opens through io_uring",
    },
    Probe {
        fact: Fact::FileOpen,
        name: "tracepoint:syscalls/sys_exit_open*",
        hook: Hook::SyscallTracepoint,
        programs: OPEN_TRACEPOINTS,
        blind: "opens through io_uring and those of 32-bit programs",
    },
    Probe {
        fact: Fact::FileOpen,
        name: "raw_tracepoint:sys_exit",
        hook: Hook::RawTracepoint,
        programs: &["open_raw"],
        blind: "opens through io_uring and those of 32-bit programs",
    },
    Probe { fact: Fact::LibLoad, name: "perf:mmap2", hook: Hook::PerfMmap, programs: &[], blind: "" },
    Probe {
        fact: Fact::ProcessFork,
        name: "raw_tracepoint:sched_process_fork",
        hook: Hook::RawTracepoint,
        programs: &["process_fork"],
        blind: "",
    },
    Probe {
        fact: Fact::ProcessExec,
        name: "raw_tracepoint:sched_process_exec",
        hook: Hook::RawTracepoint,
        programs: &["process_exec"],
        blind: "",
    },
    Probe {
        fact: Fact::ProcessExit,
        name: "raw_tracepoint:sched_process_exit",
        hook: Hook::RawTracepoint,
        programs: &["process_exit"],
        blind: "",
    },
];

/// The facts that have probes, in the order of their numbers.
pub fn facts() -> impl Iterator<Item = Fact> {
    Fact::ALL.iter().copied().filter(|fact| ladder(*fact).next().is_some())
}

/// The probes of a fact, best first.
pub fn ladder(fact: Fact) -> impl Iterator<Item = &'static Probe> {
    PROBES.iter().filter(move |probe| probe.fact == fact)
}
