//! What /proc told when a segment began, and what names stand for: libraries, cgroups, users.

use crate::record::StrRef;
use crate::record::wire::wire;

wire! {
    /// A process at the time of the scan.
    pub struct BaselineProcess: BaselineProcess as "ct_baseline_process" {
        /// Thread group id of the parent; 0: none.
        ppid: u32,
        /// Bits of `process_bits`.
        bits: u32,
        /// Length of the whole command line in bytes, also where it is cut.
        argv_len: u32,
        /// The program file, absolute.
        (Path) exe: StrRef,
        /// The arguments, each ended by NUL; at most 4,095 bytes.
        (Argv) argv: StrRef,
        /// The cgroup's path in the hierarchy that names containers best.
        (Text) cgroup_path: StrRef,
    }
}

wire! {
    /// A crypto library in a process at the time of the scan.
    pub struct BaselineMapping: BaselineMapping as "ct_baseline_mapping" {
        /// Inode number.
        ino: u64,
        /// Device, major number.
        dev_major: u32,
        /// Device, minor number.
        dev_minor: u32,
        /// Where its executable part is mapped.
        addr: u64,
        /// Length of that mapping in bytes.
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
    /// A crypto file that was open at the time of the scan.
    pub struct BaselineOpenFile: BaselineOpenFile as "ct_baseline_open_file" {
        /// The file descriptor.
        fd: i32,
        /// Flags of /proc/PID/fdinfo (O_RDONLY …).
        flags: u32,
        /// Bits of `lib_bits`.
        bits: u32,
        /// The file, as the process sees it.
        (Path) path: StrRef,
    }
}

wire! {
    /// A library file: what it is, once for each file that a process of the segment has mapped.
    pub struct Library: Library as "ct_library" {
        /// Inode number.
        ino: u64,
        /// Device, major number.
        dev_major: u32,
        /// Device, minor number.
        dev_minor: u32,
        /// Size in bytes.
        size: u64,
        /// Last modification, nanoseconds since 1970-01-01T00:00:00Z.
        mtime_ns: u64,
        /// Bits of `lib_bits`.
        bits: u32,
        /// The path through which it was first seen.
        (Path) path: StrRef,
        /// DT_SONAME.
        (Text) soname: StrRef,
        /// The version that the library states in its text (e.g. `OpenSSL 3.0.19 27 Jan 2026`); empty if none was found.
        (Text) version: StrRef,
        /// NT_GNU_BUILD_ID in hexadecimal.
        (Text) build_id: StrRef,
        /// Unused, zero.
        reserved: u32,
    }
}

wire! {
    /// A cgroup.
    pub struct Cgroup: Cgroup as "ct_cgroup" {
        /// Its id, as in the header of records.
        id: u64,
        /// Its path in the hierarchy that names containers best.
        (Text) path: StrRef,
        /// Unused, zero.
        reserved: u32,
    }
}

wire! {
    /// A user.
    pub struct User: User as "ct_user" {
        /// User id.
        id: u32,
        /// Name in the host's user database.
        (User) name: StrRef,
    }
}

wire! {
    /// What the scan of /proc covered; the header's `time_ns` is its end.
    pub struct BaselineSummary: BaselineSummary as "ct_baseline_summary" {
        /// When it began.
        from_ns: u64,
        /// Processes recorded.
        processes: u32,
        /// Mappings of crypto libraries recorded.
        mappings: u32,
        /// Open crypto files recorded.
        open_files: u32,
        /// Processes that ended while they were read.
        vanished: u32,
        /// Processes of which something could not be read for lack of rights.
        denied: u32,
        /// Processes that the filters left out.
        filtered: u32,
    }
}
