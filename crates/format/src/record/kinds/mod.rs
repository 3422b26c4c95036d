//! The record types: their numbers, and the type of the fields of each.
//!
//! A number, once given, keeps its meaning for ever. 1–15 say what the capture is and what it lacks, 16–31 come from
//! the kernel, 32–47 from the recorder's own look at the host. Later releases take free numbers; a reader skips and
//! counts those it doesn't know.

mod about;
mod activity;
mod baseline;
mod bits;
mod crypto;
mod numbers;

pub use about::{Clock, Host, Loss, Mark, ProbeStatus};
pub use activity::{FileOpen, LibLoad, ProcessExec, ProcessExit, ProcessFork};
pub use baseline::{
    BaselineMapping, BaselineOpenFile, BaselineProcess, BaselineSummary, Cgroup, Library, User,
};
pub use bits::*;
pub use crypto::{ApiCall, ApiCount, ApiFunction, ApiLibrary, HostCrypto, KernelCrypto, TlsHello};
pub use numbers::*;

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
