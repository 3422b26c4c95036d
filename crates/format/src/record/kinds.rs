//! The record types: their numbers and their fields, one table each.
//!
//! A number, once given, keeps its meaning for ever. 1–15 say what the capture is and what it lacks, 16–31 come from
//! the kernel, 32–47 from the recorder's own look at the host. Later releases take free numbers; a reader skips and
//! counts those it doesn't know.

use super::StrRef;
use super::wire::wire;

macro_rules! kinds {
    ($( $(#[doc = $doc:literal])* $name:ident = $number:literal, $text:literal, version $version:literal, $payload:ty; )*) => {
        /// The record types of this release.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Kind {
            $( $(#[doc = $doc])* $name = $number, )*
        }

        impl Kind {
            /// All types, by number.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The type with this number, if this release knows it.
            pub fn from_number(number: u16) -> Option<Kind> {
                match number {
                    $( $number => Some(Kind::$name), )*
                    _ => None,
                }
            }

            /// The number in a record's header.
            pub fn number(self) -> u16 {
                self as u16
            }

            /// The name that documents and `--type` use.
            pub fn name(self) -> &'static str {
                match self {
                    $( Kind::$name => $text, )*
                }
            }

            /// The layout version that this release writes.
            pub fn version(self) -> u8 {
                match self {
                    $( Kind::$name => $version, )*
                }
            }

            /// The table of fields after the header.
            pub fn fields(self) -> &'static [super::Field] {
                match self {
                    $( Kind::$name => <$payload as super::Payload>::FIELDS, )*
                }
            }

            /// The name of the C struct.
            pub fn c_name(self) -> &'static str {
                match self {
                    $( Kind::$name => <$payload as super::Payload>::C_NAME, )*
                }
            }
        }
    };
}

kinds! {
    /// The host, its kernel, the recorder and what it was asked for. Repeated in every segment.
    Host = 1, "host", version 1, Host;
    /// The same moment on several clocks. At the start of every segment, then every minute, and at the end.
    Clock = 2, "clock", version 1, Clock;
    /// What was dropped, by which probe, between which times.
    Loss = 3, "loss", version 1, Loss;
    /// Which probe was chosen for a fact, or why one could not be used. Repeated in every segment.
    ProbeStatus = 4, "probe_status", version 1, ProbeStatus;
    /// A moment in the life of the recording.
    Mark = 5, "mark", version 1, Mark;
    /// A file was opened, or could not be.
    FileOpen = 16, "file_open", version 1, FileOpen;
    /// A crypto library was mapped executable.
    LibLoad = 17, "lib_load", version 1, LibLoad;
    /// A process was created. The header names the child.
    ProcessFork = 18, "process_fork", version 1, ProcessFork;
    /// A process began a new program.
    ProcessExec = 19, "process_exec", version 1, ProcessExec;
    /// A process ended (its last thread did).
    ProcessExit = 20, "process_exit", version 1, ProcessExit;
    /// A call of a library's function completed.
    ApiCall = 21, "api_call", version 1, ApiCall;
    /// Calls of a library's function, counted in the kernel.
    ApiCount = 22, "api_count", version 1, ApiCount;
    /// A message of a TLS handshake that travelled in clear, or the end of what does.
    TlsHello = 23, "tls_hello", version 1, TlsHello;
    /// Cryptography of the kernel was asked for.
    KernelCrypto = 24, "kernel_crypto", version 1, KernelCrypto;
    /// A process that was there when the segment began.
    BaselineProcess = 32, "baseline_process", version 1, BaselineProcess;
    /// A crypto library that a process had mapped when the segment began.
    BaselineMapping = 33, "baseline_mapping", version 1, BaselineMapping;
    /// A crypto file that a process had open when the segment began.
    BaselineOpenFile = 34, "baseline_open_file", version 1, BaselineOpenFile;
    /// What a library file says of itself.
    Library = 35, "library", version 1, Library;
    /// The path of a cgroup id.
    Cgroup = 36, "cgroup", version 1, Cgroup;
    /// The name of a user id.
    User = 37, "user", version 1, User;
    /// What the scan of /proc covered. Ends a segment's baseline.
    BaselineSummary = 38, "baseline_summary", version 1, BaselineSummary;
    /// What the host says of its cryptography. Repeated in every segment.
    HostCrypto = 39, "host_crypto", version 1, HostCrypto;
    /// A function that is probed. Repeated in every segment.
    ApiFunction = 40, "api_function", version 1, ApiFunction;
    /// A file whose functions are probed. Repeated in every segment.
    ApiLibrary = 41, "api_library", version 1, ApiLibrary;
}

macro_rules! numbers {
    ($(#[doc = $doc:literal])* $name:ident: $($(#[doc = $item_doc:literal])* $item:ident = $number:literal, $text:literal;)*) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum $name {
            $( $(#[doc = $item_doc])* $item = $number, )*
        }

        impl $name {
            /// All of them, by number.
            pub const ALL: &'static [$name] = &[$($name::$item),*];

            /// The one with this number, if this release knows it.
            pub fn from_number(number: u16) -> Option<$name> {
                match number {
                    $( $number => Some($name::$item), )*
                    _ => None,
                }
            }

            /// The number in a record.
            pub fn number(self) -> u16 {
                self as u16
            }

            /// The name that people read.
            pub fn name(self) -> &'static str {
                match self {
                    $( $name::$item => $text, )*
                }
            }
        }
    };
}

numbers! {
    /// What a ladder of probes is there to see. In [`ProbeStatus::fact`] and [`Loss::fact`].
    Fact:
    /// File opens.
    FileOpen = 1, "file_open";
    /// Loads of crypto libraries.
    LibLoad = 2, "lib_load";
    /// New processes.
    ProcessFork = 3, "process_fork";
    /// New programs.
    ProcessExec = 4, "process_exec";
    /// Ended processes.
    ProcessExit = 5, "process_exit";
    /// The scan of /proc.
    Baseline = 6, "baseline";
    /// Calls of libraries' functions.
    ApiCall = 7, "api_call";
    /// TLS handshakes on the wire.
    TlsHandshake = 8, "tls_handshake";
    /// Cryptography of the kernel.
    KernelCrypto = 9, "kernel_crypto";
}

numbers! {
    /// How a probe fared. In [`ProbeStatus::state`].
    ProbeState:
    /// In use.
    Attached = 1, "attached";
    /// The kernel or the privileges don't permit it.
    NotPermitted = 2, "not permitted";
    /// The kernel doesn't have it.
    NotSupported = 3, "not supported";
    /// Not tried: a better one of the same ladder is in use.
    NotNeeded = 4, "not needed";
    /// Not tried: the user left the fact out.
    NotRequested = 5, "not requested";
    /// It should have worked and did not.
    Failed = 6, "failed";
}

numbers! {
    /// Why something was lost. In [`Loss::reason`].
    LossReason:
    /// The buffer between kernel and recorder was full.
    BufferFull = 1, "buffer full";
    /// The process's memory could not be read when the probe ran.
    Unreadable = 2, "memory not readable";
    /// A table of the kernel programs was full.
    MapFull = 3, "map full";
    /// The record could not be made sense of by the recorder.
    Malformed = 4, "malformed record";
    /// A process was gone, or not readable, before the recorder could look at it.
    Vanished = 5, "vanished";
    /// The probe was busy on this processor already, so that the kernel did not run it; how many of these runs would have
    /// made a record is not known: at most so many.
    Missed = 6, "probe was busy";
    /// It happened where the probe can't see it (a socket that is used through io_uring).
    OutOfSight = 7, "not visible to the probe";
    /// It may have happened between the mapping of a library and the attachment of its probes.
    BeforeAttached = 8, "before the probes were attached";
}

numbers! {
    /// What a [`Mark`] marks.
    MarkKind:
    /// Everything is attached: from here on, what isn't in the capture didn't happen or is named as lost.
    Recording = 1, "recording";
    /// The recorder stopped; the text says why.
    Stopped = 2, "stopped";
    /// The scan of /proc begins.
    BaselineBegins = 3, "baseline begins";
    /// A warning of the recorder; the text says which.
    Warning = 4, "warning";
    /// Every record older than this one has been written: a reader that orders by time can let go of all before it.
    Complete = 5, "complete";
}

numbers! {
    /// What a [`TlsHello`] is. In [`TlsHello::message`].
    TlsMessage:
    /// ClientHello (RFC 8446, 4.1.2), as far as it may be kept. Its beginning, four bytes of type and length, included.
    ClientHello = 1, "client_hello";
    /// ServerHello or HelloRetryRequest (RFC 8446, 4.1.3 and 4.1.4), likewise.
    ServerHello = 2, "server_hello";
    /// One certificate of a Certificate message (RFC 5246, 7.4.2): the DER form, names of hosts and people masked.
    Certificate = 3, "certificate";
    /// Of the body of ServerKeyExchange (RFC 8422, 5.4) the first four bytes: curve type, curve and the length of the point.
    /// Of a curve that is named, without the point, the two bytes behind it if there are any: in TLS 1.2, the signature scheme
    /// (before, the signature's length).
    ServerKeyExchange = 4, "server_key_exchange";
    /// An alert (RFC 8446, 6): level and description.
    Alert = 5, "alert";
    /// From here on this direction is encrypted (what follows a ChangeCipherSpec, or application data). No body.
    Encrypted = 6, "encrypted";
    /// The socket was closed. No body, no direction.
    Closed = 7, "closed";
    /// CertificateRequest was sent (RFC 5246, 7.4.4): a client certificate was asked for. No body.
    CertificateRequest = 8, "certificate_request";
}

numbers! {
    /// Which way bytes went, seen from the process. In [`TlsHello::direction`].
    Direction:
    /// The process sent them.
    Sent = 1, "sent";
    /// The process received them.
    Received = 2, "received";
}

numbers! {
    /// What was asked of the kernel. In [`KernelCrypto::call`].
    KernelCall:
    /// bind(2) of an AF_ALG socket: `kind` and `name` are salg_type and salg_name (linux/if_alg.h).
    AlgBind = 1, "af_alg_bind";
    /// setsockopt(SOL_TLS, TLS_TX): the kernel encrypts what is sent (linux/tls.h).
    TlsTx = 2, "ktls_tx";
    /// setsockopt(SOL_TLS, TLS_RX): the kernel decrypts what is received.
    TlsRx = 3, "ktls_rx";
    /// add_key(2): `kind` and `name` are type and description.
    AddKey = 4, "add_key";
    /// request_key(2): likewise.
    RequestKey = 5, "request_key";
    /// keyctl(2) with the operation in `operation`.
    Keyctl = 6, "keyctl";
    /// setsockopt(SOL_TCP, TCP_ULP, "tls"): the kernel is to speak TLS on this socket.
    TlsUlp = 7, "ktls_enable";
}

numbers! {
    /// What a [`HostCrypto`] tells. In [`HostCrypto::what`].
    HostFact:
    /// FIPS mode of the kernel (/proc/sys/crypto/fips_enabled): `value` is 0 or 1.
    Fips = 1, "fips";
    /// The system-wide crypto policy (/etc/crypto-policies/state/current): `value` is its name.
    CryptoPolicy = 2, "crypto_policy";
    /// An algorithm that the kernel has registered (/proc/crypto).
    Algorithm = 3, "algorithm";
}

numbers! {
    /// How calls of a function are recorded. In [`ApiFunction::recorded`].
    ApiRecorded:
    /// One record per completed call.
    Event = 1, "event";
    /// Counted in the kernel.
    Count = 2, "count";
}

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

wire! {
    /// Host, kernel, recorder.
    pub struct Host: Host as "ct_host" {
        /// Version of the record schema: another number here means that fields changed their meaning.
        schema_major: u16,
        /// Minor version of the record schema: grows with new types and fields.
        schema_minor: u16,
        /// The clock of all `time_ns`: 7 CLOCK_BOOTTIME, 1 CLOCK_MONOTONIC (clock_gettime(2)).
        clock_id: u32,
        /// Number of processors that are online.
        cpus: u32,
        /// What was redacted: bits of `redaction`.
        redaction: u32,
        /// Name of the host (uname nodename).
        (Text) hostname: StrRef,
        /// Kernel release (uname release).
        (Text) kernel: StrRef,
        /// Machine (uname machine).
        (Text) machine: StrRef,
        /// PRETTY_NAME of os-release.
        (Text) os: StrRef,
        /// /proc/sys/kernel/random/boot_id: with it, process identities of several captures can be compared.
        (Text) boot_id: StrRef,
        /// Name and version of the recorder.
        (Text) recorder: StrRef,
        /// The filters and options in force, as one readable line.
        (Message) options: StrRef,
        /// Unused, zero.
        reserved: u32,
    }
}

wire! {
    /// The same moment on several clocks; the header's `time_ns` is the capture's clock.
    pub struct Clock: Clock as "ct_clock" {
        /// CLOCK_REALTIME, nanoseconds since 1970-01-01T00:00:00Z.
        realtime_ns: u64,
        /// CLOCK_MONOTONIC, nanoseconds.
        monotonic_ns: u64,
        /// The readings are at most this far apart, in nanoseconds.
        uncertainty_ns: u64,
    }
}

wire! {
    /// What was dropped.
    pub struct Loss: Loss as "ct_loss" {
        /// Which fact lost: a `Fact`.
        fact: u16,
        /// Why: a `LossReason`.
        reason: u16,
        /// Unused, zero.
        reserved: u32,
        /// How many records.
        count: u64,
        /// Not before this time.
        from_ns: u64,
        /// Not after this time.
        to_ns: u64,
    }
}

wire! {
    /// How a probe fared.
    pub struct ProbeStatus: ProbeStatus as "ct_probe_status" {
        /// What it is there to see: a `Fact`.
        fact: u16,
        /// How it fared: a `ProbeState`.
        state: u16,
        /// The error number of the attempt; 0: none.
        errno: i32,
        /// The probe's name, e.g. `tracepoint:syscalls/sys_exit_openat`.
        (Text) probe: StrRef,
        /// What the user can know or do about it.
        (Message) reason: StrRef,
    }
}

wire! {
    /// A moment in the life of the recording.
    pub struct Mark: Mark as "ct_mark" {
        /// A `MarkKind`.
        mark: u16,
        /// Unused, zero.
        reserved: u16,
        /// In words.
        (Message) text: StrRef,
    }
}

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

wire! {
    /// A completed call of a function that is recorded as events. The header's `time_ns` is when it returned.
    pub struct ApiCall: ApiCall as "ct_api_call" {
        /// Which function: the `id` of an `ApiFunction` of the same segment.
        function: u32,
        /// Which file: the `id` of an `ApiLibrary` of the same segment.
        library: u32,
        /// When it was entered: of a call that was tried again (a non-blocking handshake), the first time.
        entered_ns: u64,
        /// What it returned; see `api_bits`.
        result: i64,
        /// Bits of `api_bits`.
        bits: u32,
        /// How often it was entered until it completed.
        tries: u32,
        /// Names the library's object (a connection, a context) within the process; 0: none. Not an address.
        object: u64,
        /// Names the object that `object` was made from or belongs to; 0: none.
        parent: u64,
        /// First number; the function's `args` say what it is.
        n0: i64,
        /// Second number.
        n1: i64,
        /// Third number.
        n2: i64,
        /// Fourth number.
        n3: i64,
        /// The name of an algorithm, or a list of such names.
        (Algorithm) name: StrRef,
        /// A path or URI of a file or key.
        (Locator) path: StrRef,
        /// Another one.
        (Locator) path2: StrRef,
        /// A host's name.
        (HostName) host: StrRef,
    }
}

wire! {
    /// Completed calls of a function since the last such record of the same process, function and numbers.
    pub struct ApiCount: ApiCount as "ct_api_count" {
        /// Which function: the `id` of an `ApiFunction` of the same segment.
        function: u32,
        /// Which file: the `id` of an `ApiLibrary` of the same segment.
        library: u32,
        /// How many.
        count: u64,
        /// When the first of them completed.
        from_ns: u64,
        /// When the last of them completed.
        to_ns: u64,
        /// First number; the function's `args` say what it is.
        n0: i64,
        /// Second number.
        n1: i64,
    }
}

wire! {
    /// What was seen of a TCP connection's TLS handshake. The process is the one that sent or received it.
    pub struct TlsHello: TlsHello as "ct_tls_hello" {
        /// Names the connection within the capture. Not an address.
        connection: u64,
        /// The library's object whose call was under way in this thread, as in `ApiCall`; 0: none.
        object: u64,
        /// A `TlsMessage`.
        message: u16,
        /// A `Direction`; 0: none.
        direction: u16,
        /// Bits of `tls_bits`.
        bits: u16,
        /// Of certificates: 0 for the end entity's, 1 for the next of the chain, and so on.
        index: u16,
        /// The length of the whole message as it was sent, in bytes. Of `Encrypted`: the length field of this direction's first
        /// record of application data, which in TLS 1.3 tells an alert from all else (RFC 8446, 5.2); 0: it began with another
        /// record (up to TLS 1.2), or with none that could be seen.
        length: u32,
        /// Port of this side.
        local_port: u16,
        /// Port of the other side.
        peer_port: u16,
        /// Address of this side: IPv6, or IPv4 as ::ffff:a.b.c.d.
        (Address) local: [u8; 16],
        /// Address of the other side.
        (Address) peer: [u8; 16],
        /// The message, as `TlsMessage` says.
        (Hello) body: StrRef,
        /// Unused, zero.
        reserved: u32,
    }
}

wire! {
    /// Cryptography of the kernel was asked for; seen when the call returned.
    pub struct KernelCrypto: KernelCrypto as "ct_kernel_crypto" {
        /// A `KernelCall`.
        call: u16,
        /// Of keyctl(2), its operation.
        operation: u16,
        /// Of kTLS, the version (0x0303, 0x0304).
        version: u16,
        /// Of kTLS, the cipher (TLS_CIPHER_… of linux/tls.h).
        cipher: u16,
        /// Length of the payload that was given, in bytes. The payload itself is never read.
        length: u32,
        /// Unused, zero.
        reserved: u32,
        /// What the call returned; negative: the error number.
        result: i64,
        /// Type of the algorithm or key.
        (Text) kind: StrRef,
        /// Name of the algorithm, description of the key.
        (Message) name: StrRef,
    }
}

wire! {
    /// What the host says of its cryptography.
    pub struct HostCrypto: HostCrypto as "ct_host_crypto" {
        /// A `HostFact`.
        what: u16,
        /// Of an algorithm: 1 if its self-test passed.
        passed: u16,
        /// Of an algorithm: its priority.
        priority: u32,
        /// Of an algorithm: its name.
        (Text) name: StrRef,
        /// Of an algorithm: the driver.
        (Text) driver: StrRef,
        /// Of an algorithm: the type (skcipher, aead …).
        (Text) kind: StrRef,
        /// Of other facts: what was found.
        (Text) value: StrRef,
    }
}

wire! {
    /// A function that is probed, as the catalogue describes it.
    pub struct ApiFunction: ApiFunction as "ct_api_function" {
        /// Its number in this recording.
        id: u32,
        /// An `ApiRecorded`.
        recorded: u16,
        /// 1: one of the bulk functions, which are recorded only where they were asked for.
        bulk: u16,
        /// The family of libraries that it belongs to.
        (Text) family: StrRef,
        /// Its name.
        (Text) name: StrRef,
        /// What it tells of: a topic of the catalogue.
        (Text) topic: StrRef,
        /// Its arguments: `slot=name:type`, separated by spaces; the slots are the fields of `ApiCall`.
        (Text) args: StrRef,
        /// Which results are success: a rule of the catalogue.
        (Text) success: StrRef,
        /// Unused, zero.
        reserved: u32,
    }
}

wire! {
    /// A file whose functions are probed.
    pub struct ApiLibrary: ApiLibrary as "ct_api_library" {
        /// Its number in this recording.
        id: u32,
        /// Bits of `lib_bits`.
        bits: u32,
        /// Inode number.
        ino: u64,
        /// Device, major number.
        dev_major: u32,
        /// Device, minor number.
        dev_minor: u32,
        /// How many of its functions are probed.
        functions: u32,
        /// The family of libraries.
        (Text) family: StrRef,
        /// The path through which it was first seen.
        (Path) path: StrRef,
        /// The functions that can't be probed, separated by spaces.
        (Text) left_out: StrRef,
    }
}
