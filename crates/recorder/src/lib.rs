//! The recorder: everything that needs Linux, privileges and libbpf.

pub mod api;
pub mod baseline;
mod calls;
mod clocks;
mod doctor;
mod error;
mod events;
mod filters;
mod host_crypto;
mod kernel_crypto;
mod known;
mod loads;
pub mod maps;
pub mod objects;
mod options;
pub mod output;
mod perf;
pub mod privileges;
pub mod probes;
mod session;
mod start;
mod stop;
pub mod wire;
mod writer;

pub use doctor::{DoctorReport, Finding, ProbeReport, doctor};
pub use error::RecordError;
pub use options::{Hooks, Progress, RecordOptions, Report, Stop};
pub use output::{OutputError, Sync};
pub use probes::facts;
pub use start::record;

/// The oldest kernel that has what every probe needs: the BPF ring buffer (5.8).
pub const OLDEST_KERNEL: &str = "5.8";

/// Version of libbpf, which is linked in.
#[allow(unsafe_code)]
pub fn libbpf_version() -> String {
    // SAFETY: both only return numbers.
    let (major, minor) = unsafe {
        (libbpf_rs::libbpf_sys::libbpf_major_version(), libbpf_rs::libbpf_sys::libbpf_minor_version())
    };
    format!("{major}.{minor}")
}
