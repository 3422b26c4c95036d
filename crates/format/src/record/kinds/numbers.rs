//! What numbers in records stand for, a table for each field that has one.

#[cfg(doc)]
use super::{ApiFunction, HostCrypto, KernelCrypto, Loss, Mark, ProbeStatus, TlsHello};

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
