//! Numbers of the kernel's interface as people know them: flags of open(2), errors, signals.
//!
//! Invariants:
//! - A number without a name is written as a number, never left out.
//! - Numbers are those of the recording host, not of the one that analyzes: flags differ by architecture.

/// Flags that have the same number on every architecture that is supported. Composites before their parts.
const FLAGS: &[(u32, &str)] = &[
    (0o100, "O_CREAT"),
    (0o200, "O_EXCL"),
    (0o400, "O_NOCTTY"),
    (0o1000, "O_TRUNC"),
    (0o2000, "O_APPEND"),
    (0o4000, "O_NONBLOCK"),
    (0o4010000, "O_SYNC"),
    (0o10000, "O_DSYNC"),
    (0o20000, "O_ASYNC"),
    (0o1000000, "O_NOATIME"),
    (0o2000000, "O_CLOEXEC"),
    (0o10000000, "O_PATH"),
];

/// x86 and most others (asm-generic).
const FLAGS_GENERIC: &[(u32, &str)] = &[
    (0o20200000, "O_TMPFILE"),
    (0o40000, "O_DIRECT"),
    (0o100000, "O_LARGEFILE"),
    (0o200000, "O_DIRECTORY"),
    (0o400000, "O_NOFOLLOW"),
];

/// ARM and PowerPC.
const FLAGS_ARM: &[(u32, &str)] = &[
    (0o20040000, "O_TMPFILE"),
    (0o200000, "O_DIRECT"),
    (0o400000, "O_LARGEFILE"),
    (0o40000, "O_DIRECTORY"),
    (0o100000, "O_NOFOLLOW"),
];

/// Flag of open(2): a file may be created, so that a mode counts.
pub const O_CREAT: u32 = 0o100;

/// Which table of flags a host uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Architecture {
    /// x86, RISC-V, s390, LoongArch.
    #[default]
    Generic,
    /// ARM, PowerPC.
    Arm,
}

impl Architecture {
    /// By uname's machine.
    pub fn of(machine: &str) -> Architecture {
        match machine.starts_with("aarch64") || machine.starts_with("arm") || machine.starts_with("ppc") {
            true => Architecture::Arm,
            false => Architecture::Generic,
        }
    }
}

/// Appends flags of open(2) as `O_RDONLY|O_CLOEXEC`.
pub fn put_open_flags(out: &mut Vec<u8>, flags: u32, architecture: Architecture) {
    out.extend_from_slice(match flags & 3 {
        0 => b"O_RDONLY",
        1 => b"O_WRONLY",
        2 => b"O_RDWR",
        _ => b"O_ACCMODE",
    });
    let mut rest = flags & !3;
    let own = match architecture {
        Architecture::Generic => FLAGS_GENERIC,
        Architecture::Arm => FLAGS_ARM,
    };
    for (bits, name) in own.iter().chain(FLAGS) {
        if rest & bits == *bits {
            out.push(b'|');
            out.extend_from_slice(name.as_bytes());
            rest &= !bits;
        }
    }
    if rest != 0 {
        out.extend_from_slice(format!("|{rest:#x}").as_bytes());
    }
}

/// Flags of open(2) as a string.
pub fn open_flags(flags: u32, architecture: Architecture) -> String {
    let mut out = Vec::new();
    put_open_flags(&mut out, flags, architecture);
    String::from_utf8(out).unwrap_or_default()
}

/// What a file open came to: `success`, the error's name, or its number.
pub fn put_result(out: &mut Vec<u8>, result: i32) {
    if result >= 0 {
        return out.extend_from_slice(b"success");
    }
    match errno_name(result.unsigned_abs()) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(format!("errno {}", result.unsigned_abs()).as_bytes()),
    }
}

/// What a file open came to, as a string.
pub fn result_name(result: i32) -> String {
    let mut out = Vec::new();
    put_result(&mut out, result);
    String::from_utf8(out).unwrap_or_default()
}

/// The name of an error number of Linux (asm-generic; MIPS, SPARC, Alpha and PA-RISC differ above 34).
pub fn errno_name(errno: u32) -> Option<&'static str> {
    ERRNOS.get(errno as usize).copied().filter(|name| !name.is_empty())
}

/// The name of a signal of Linux (x86, ARM and most others).
pub fn signal_name(signal: u32) -> String {
    match SIGNALS.get(signal as usize) {
        Some(name) if !name.is_empty() => (*name).to_owned(),
        _ if (34..=64).contains(&signal) => format!("SIGRTMIN+{}", signal - 34),
        _ => format!("signal {signal}"),
    }
}

#[rustfmt::skip]
const SIGNALS: &[&str] = &[
    "", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL",
    "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT",
    "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF",
    "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
];

#[rustfmt::skip]
const ERRNOS: &[&str] = &[
    "", "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD", "EAGAIN",
    "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR",
    "EINVAL", "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE",
    "EDOM", "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP", "", "ENOMSG",
    "EIDRM", "ECHRNG", "EL2NSYNC", "EL3HLT", "EL3RST", "ELNRNG", "EUNATCH", "ENOCSI", "EL2HLT", "EBADE",
    "EBADR", "EXFULL", "ENOANO", "EBADRQC", "EBADSLT", "", "EBFONT", "ENOSTR", "ENODATA", "ETIME", "ENOSR",
    "ENONET", "ENOPKG", "EREMOTE", "ENOLINK", "EADV", "ESRMNT", "ECOMM", "EPROTO", "EMULTIHOP", "EDOTDOT",
    "EBADMSG", "EOVERFLOW", "ENOTUNIQ", "EBADFD", "EREMCHG", "ELIBACC", "ELIBBAD", "ELIBSCN", "ELIBMAX",
    "ELIBEXEC", "EILSEQ", "ERESTART", "ESTRPIPE", "EUSERS", "ENOTSOCK", "EDESTADDRREQ", "EMSGSIZE",
    "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EOPNOTSUPP", "EPFNOSUPPORT",
    "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL", "ENETDOWN", "ENETUNREACH", "ENETRESET", "ECONNABORTED",
    "ECONNRESET", "ENOBUFS", "EISCONN", "ENOTCONN", "ESHUTDOWN", "ETOOMANYREFS", "ETIMEDOUT", "ECONNREFUSED",
    "EHOSTDOWN", "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE", "EUCLEAN", "ENOTNAM", "ENAVAIL",
    "EISNAM", "EREMOTEIO", "EDQUOT", "ENOMEDIUM", "EMEDIUMTYPE", "ECANCELED", "ENOKEY", "EKEYEXPIRED",
    "EKEYREVOKED", "EKEYREJECTED", "EOWNERDEAD", "ENOTRECOVERABLE", "ERFKILL", "EHWPOISON",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_read_as_in_the_manual() {
        for (flags, architecture, want) in [
            (0, Architecture::Generic, "O_RDONLY"),
            (0o2000000, Architecture::Generic, "O_RDONLY|O_CLOEXEC"),
            (0o1101, Architecture::Generic, "O_WRONLY|O_CREAT|O_TRUNC"),
            (0o4010002, Architecture::Generic, "O_RDWR|O_SYNC"),
            (0o10000, Architecture::Generic, "O_RDONLY|O_DSYNC"),
            (0o20200002, Architecture::Generic, "O_RDWR|O_TMPFILE"),
            (0o200000, Architecture::Generic, "O_RDONLY|O_DIRECTORY"),
            (0o40000, Architecture::Arm, "O_RDONLY|O_DIRECTORY"),
            (0o100000, Architecture::Arm, "O_RDONLY|O_NOFOLLOW"),
            (0x8000_0003, Architecture::Generic, "O_ACCMODE|0x80000000"),
        ] {
            assert_eq!(open_flags(flags, architecture), want);
        }
        assert_eq!(Architecture::of("aarch64"), Architecture::Arm);
        assert_eq!(Architecture::of("x86_64"), Architecture::Generic);
    }

    #[test]
    fn errors_and_signals_have_their_names() {
        for (result, want) in [
            (0, "success"),
            (7, "success"),
            (-2, "ENOENT"),
            (-13, "EACCES"),
            (-40, "ELOOP"),
            (-133, "EHWPOISON"),
        ] {
            assert_eq!(result_name(result), want);
        }
        assert_eq!(result_name(-41), "errno 41");
        assert_eq!(result_name(i32::MIN), "errno 2147483648");
        assert_eq!(errno_name(110), Some("ETIMEDOUT"));
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(31), "SIGSYS");
        assert_eq!(signal_name(34), "SIGRTMIN+0");
        assert_eq!(signal_name(0), "signal 0");
        assert_eq!(signal_name(9999), "signal 9999");
    }
}
