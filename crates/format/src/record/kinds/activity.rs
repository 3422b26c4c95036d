//! What the kernel tells of files, libraries and processes.

use crate::record::StrRef;
use crate::record::wire::wire;

wire! {
    /// An open, openat, openat2 or creat that matched the recorder's patterns, seen when it returned.
    pub struct FileOpen: FileOpen as "ct_file_open" {
        /// File descriptor, or the negative error number.
        result: i32,
        /// Flags as given (O_RDONLY …, open(2)); of openat2, the low 32 bits.
        flags: u32,
        /// Mode as given; 0 where no file can be created.
        mode: u32,
        /// Bits of `open_bits`.
        bits: u32,
        /// The absolute directory that `path` starts from (cwd or dirfd, within the process's root); empty if `path` is absolute.
        (Base) dir: StrRef,
        /// The path as the program gave it.
        (Relative) path: StrRef,
    }
}

wire! {
    /// A file whose name is that of a crypto library was mapped executable.
    pub struct LibLoad: LibLoad as "ct_lib_load" {
        /// Inode number.
        ino: u64,
        /// Device, major number.
        dev_major: u32,
        /// Device, minor number.
        dev_minor: u32,
        /// Where it was mapped.
        addr: u64,
        /// Length of the mapping in bytes.
        len: u64,
        /// Offset in the file, in bytes.
        offset: u64,
        /// Bits of `lib_bits`.
        bits: u32,
        /// The file, as the process sees it.
        (Path) path: StrRef,
    }
}

wire! {
    /// A new process; the header is the child's.
    pub struct ProcessFork: ProcessFork as "ct_process_fork" {
        /// Thread group id of the parent.
        ppid: u32,
        /// Thread of the parent that made it.
        parent_tid: u32,
        /// When the parent started, as in the header.
        parent_start_ns: u64,
    }
}

wire! {
    /// A new program in a process.
    pub struct ProcessExec: ProcessExec as "ct_process_exec" {
        /// Thread group id of the parent.
        ppid: u32,
        /// Bits of `process_bits`.
        bits: u32,
        /// When the parent started, as in the header.
        parent_start_ns: u64,
        /// Length of the whole command line in bytes, also where it is cut.
        argv_len: u32,
        /// The program file, absolute (of a script, its interpreter).
        (Path) exe: StrRef,
        /// The file as it was given to execve (of a script, the script).
        (Path) filename: StrRef,
        /// The arguments, each ended by NUL; at most 4,095 bytes.
        (Argv) argv: StrRef,
    }
}

wire! {
    /// The end of a process.
    pub struct ProcessExit: ProcessExit as "ct_process_exit" {
        /// What it gave to exit(2): 0 to 255; 0 where a signal ended it.
        exit_code: i32,
        /// The signal that ended it; 0: none.
        signal: u32,
        /// 1: a core was dumped.
        core_dumped: u32,
        /// Unused, zero.
        reserved: u32,
    }
}
