//! What bits in records stand for.

#[cfg(doc)]
use super::{
    ApiCall, BaselineMapping, BaselineProcess, FileOpen, Host, LibLoad, Library, ProcessExec, TlsHello,
};

/// Bits of [`ApiCall::bits`].
pub mod api_bits {
    /// `result` is not known: the function can't have a return probe, or its end was not seen.
    pub const RESULT_UNKNOWN: u32 = 1;
    /// An argument could not be read: its place is empty or 0.
    pub const ARGUMENT_UNREADABLE: u32 = 2;
    /// A string was longer than the probe reads and is cut.
    pub const STRING_CUT: u32 = 4;
    /// The caller is another library of the same family, not the program.
    pub const INTERNAL: u32 = 8;
    /// Of counts: these calls failed.
    pub const FAILED: u32 = 16;
}

/// Bits of [`TlsHello::bits`].
pub mod tls_bits {
    /// The message is longer than what was kept of it.
    pub const CUT: u16 = 1;
    /// Parts of the message were dropped or masked: key shares, tickets, randoms, names.
    pub const STRIPPED: u16 = 2;
    /// Bytes of this direction before the message were not seen (the connection was there before the recording).
    pub const LATE: u16 = 4;
}

/// Bits of [`Host::redaction`].
pub mod redaction {
    /// Secrets in command lines were removed. Always set.
    pub const SECRETS: u32 = 1;
    /// Home directories and volumes in paths were made anonymous.
    pub const PATHS: u32 = 2;
    /// Names of users who are people were removed.
    pub const USERS: u32 = 4;
    /// Public addresses were cut to /24 and /48, host names to the registered domain.
    pub const NETWORK: u32 = 8;
}

/// Bits of [`FileOpen::bits`].
pub mod open_bits {
    /// The path was longer than 4,095 bytes or could not be read whole.
    pub const PATH_CUT: u32 = 1;
    /// The directory was deeper than the probe walks, or longer than 4,095 bytes: its beginning is missing.
    pub const DIR_CUT: u32 = 2;
    /// The directory that a relative path starts from could not be found.
    pub const DIR_UNKNOWN: u32 = 4;
}

/// Bits of [`ProcessExec::bits`] and [`BaselineProcess::bits`].
pub mod process_bits {
    /// The command line was longer than 4,095 bytes and is cut.
    pub const ARGV_CUT: u32 = 1;
    /// The command line could not be read.
    pub const ARGV_UNREADABLE: u32 = 2;
    /// The program's path is cut at its beginning.
    pub const EXE_CUT: u32 = 4;
    /// A thread of the kernel: it has no program.
    pub const KERNEL_THREAD: u32 = 8;
    /// The program's path could not be read.
    pub const EXE_UNREADABLE: u32 = 16;
    /// The process's mappings could not be read.
    pub const MAPS_UNREADABLE: u32 = 32;
    /// The process's open files could not be read.
    pub const FILES_UNREADABLE: u32 = 64;
}

/// Bits of [`LibLoad::bits`], [`BaselineMapping::bits`] and [`Library::bits`].
pub mod lib_bits {
    /// The file was deleted or replaced on disk since.
    pub const DELETED: u32 = 1;
    /// The file could not be opened: soname, version and build id are not known.
    pub const UNREADABLE: u32 = 2;
    /// The file is not ELF, or damaged.
    pub const NOT_ELF: u32 = 4;
}
