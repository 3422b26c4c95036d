//! The probes: which there are for each fact, best first, and how the best that works is found.
//!
//! Invariants:
//! - The table [`LADDERS`] is the only list of probes.
//! - What works is found by really loading and attaching, never by asking for a kernel version.
//! - Every rung that was tried, and every one that was not, has a status with its reason.

pub mod config;
pub mod ladder;
pub mod object;
pub mod tracefs;

use crypto_tracer_format::record::Fact;

/// How a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// As its section says.
    Auto,
    /// The tracepoint of a system call; needs tracefs.
    Syscall(&'static str),
}

/// A program of a rung.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// Its name in bpf/.
    pub name: &'static str,
    /// How it is attached.
    pub hook: Hook,
    /// The rung works without it: an architecture or kernel may lack what it attaches to.
    pub optional: bool,
}

/// One way to see a fact.
#[derive(Clone, Copy, Debug)]
pub struct Rung {
    /// As users read it.
    pub name: &'static str,
    /// What is loaded and attached.
    pub programs: &'static [Program],
    /// What a user can know or do where it doesn't work.
    pub remedy: &'static str,
}

/// The ways to see a fact, best first.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    /// The fact.
    pub fact: Fact,
    /// The ways.
    pub rungs: &'static [Rung],
}

const fn auto(name: &'static str) -> Program {
    Program { name, hook: Hook::Auto, optional: false }
}

const fn syscall(name: &'static str, tracepoint: &'static str, optional: bool) -> Program {
    Program { name, hook: Hook::Syscall(tracepoint), optional }
}

const BTF_REMEDY: &str = "needs BTF of the kernel (CONFIG_DEBUG_INFO_BTF) and CAP_PERFMON";
const SYSCALL_REMEDY: &str =
    "needs Linux 5.15 and tracefs (root, or mounted and readable at /sys/kernel/tracing)";
const RAW_REMEDY: &str =
    "needs CAP_BPF and CAP_PERFMON, and a kernel that is not in lockdown=confidentiality";

/// Every probe that is made of BPF programs.
pub const LADDERS: &[Ladder] = &[
    Ladder {
        fact: Fact::FileOpen,
        rungs: &[
            Rung {
                name: "fexit:do_sys_openat2",
                programs: &[auto("open_fexit")],
                remedy: "needs Linux 5.6 with function tracing by BPF trampolines (CONFIG_FUNCTION_TRACER); a kernel may be built without",
            },
            Rung {
                name: "tracepoint:syscalls/sys_exit_openat",
                programs: &[
                    syscall("open_tp", "sys_exit_openat", false),
                    syscall("open_tp", "sys_exit_openat2", true),
                    syscall("open_tp", "sys_exit_open", true),
                    syscall("open_tp", "sys_exit_creat", true),
                ],
                remedy: SYSCALL_REMEDY,
            },
            Rung { name: "raw_tracepoint:sys_exit", programs: &[auto("open_raw")], remedy: RAW_REMEDY },
        ],
    },
    Ladder {
        fact: Fact::ProcessFork,
        rungs: &[
            Rung { name: "tp_btf:sched_process_fork", programs: &[auto("fork_btf")], remedy: BTF_REMEDY },
            Rung {
                name: "raw_tracepoint:sched_process_fork",
                programs: &[auto("fork_raw")],
                remedy: RAW_REMEDY,
            },
        ],
    },
    Ladder {
        fact: Fact::ProcessExec,
        rungs: &[
            Rung { name: "tp_btf:sched_process_exec", programs: &[auto("exec_btf")], remedy: BTF_REMEDY },
            Rung {
                name: "raw_tracepoint:sched_process_exec",
                programs: &[auto("exec_raw")],
                remedy: RAW_REMEDY,
            },
        ],
    },
    Ladder {
        fact: Fact::ProcessExit,
        rungs: &[
            Rung { name: "tp_btf:sched_process_exit", programs: &[auto("exit_btf")], remedy: BTF_REMEDY },
            Rung {
                name: "raw_tracepoint:sched_process_exit",
                programs: &[auto("exit_raw")],
                remedy: RAW_REMEDY,
            },
        ],
    },
    Ladder {
        fact: Fact::TlsHandshake,
        rungs: &[
            Rung {
                name: "raw_tracepoint:sock_send_length",
                programs: &[auto("tls_sent"), auto("tls_received"), auto("tls_closed")],
                remedy: "needs Linux 6.3, CAP_BPF and CAP_PERFMON, and a kernel that is not in lockdown=confidentiality",
            },
            Rung {
                name: "tracepoint:syscalls/sys_exit_sendto",
                programs: &[
                    syscall("tls_tp", "sys_exit_sendto", false),
                    syscall("tls_tp", "sys_exit_recvfrom", false),
                    syscall("tls_tp", "sys_exit_sendmsg", false),
                    syscall("tls_tp", "sys_exit_recvmsg", false),
                    syscall("tls_tp", "sys_exit_write", false),
                    syscall("tls_tp", "sys_exit_read", false),
                    syscall("tls_tp", "sys_exit_writev", false),
                    syscall("tls_tp", "sys_exit_readv", false),
                    auto("tls_closed"),
                ],
                remedy: SYSCALL_REMEDY,
            },
            Rung {
                name: "raw_tracepoint:sys_exit",
                programs: &[auto("tls_raw"), auto("tls_closed")],
                remedy: RAW_REMEDY,
            },
        ],
    },
    Ladder {
        fact: Fact::KernelCrypto,
        rungs: &[
            Rung {
                name: "fexit:sys_setsockopt",
                programs: &[
                    auto("kernel_bind_fexit"),
                    auto("kernel_setsockopt_fexit"),
                    auto("kernel_add_key_fexit"),
                    auto("kernel_request_key_fexit"),
                    auto("kernel_keyctl_fexit"),
                ],
                remedy: "needs BTF that describes the arguments of system calls (that of Debian's 5.10 does not), keys in the kernel (CONFIG_KEYS), and function tracing by BPF trampolines (CONFIG_FUNCTION_TRACER)",
            },
            Rung {
                name: "tracepoint:syscalls/sys_exit_setsockopt",
                programs: &[
                    syscall("kernel_crypto_tp", "sys_exit_setsockopt", false),
                    syscall("kernel_crypto_tp", "sys_exit_bind", false),
                    syscall("kernel_crypto_tp", "sys_exit_add_key", true),
                    syscall("kernel_crypto_tp", "sys_exit_request_key", true),
                    syscall("kernel_crypto_tp", "sys_exit_keyctl", true),
                ],
                remedy: SYSCALL_REMEDY,
            },
            Rung {
                name: "raw_tracepoint:sys_exit",
                programs: &[auto("kernel_crypto_raw")],
                remedy: RAW_REMEDY,
            },
        ],
    },
];

/// The perf event that sees libraries being mapped; it needs no BPF.
pub const LIB_LOAD_PROBE: &str = "perf_event:mmap2";
/// What it needs.
pub const LIB_LOAD_REMEDY: &str =
    "needs CAP_PERFMON (or root), or kernel.perf_event_paranoid at -1, and a kernel with CONFIG_PERF_EVENTS";

/// The facts that have probes, in the order of their numbers.
pub fn facts() -> impl Iterator<Item = Fact> {
    let has = |fact: &Fact| {
        matches!(fact, Fact::LibLoad | Fact::ApiCall) || LADDERS.iter().any(|ladder| ladder.fact == *fact)
    };
    Fact::ALL.iter().copied().filter(has)
}
