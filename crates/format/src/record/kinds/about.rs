//! What a capture is and what it lacks: host, clocks, losses, probes, marks.

use crate::record::StrRef;
use crate::record::wire::wire;

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
