//! Why a recording can't be made.

use crate::output::OutputError;
use crate::privileges::PrivilegeError;
use crypto_tracer_format::catalogue::api::CatalogueError;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not enough privileges.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// The kernel lacks what every probe needs.
    #[error("the kernel is {release}: {lacking}")]
    Kernel {
        /// What uname says.
        release: String,
        /// What is needed.
        lacking: &'static str,
    },
    /// Not one of the probes that were asked for could be attached.
    #[error("no probe could be attached: {0}")]
    NothingAttached(String),
    /// The programs are loaded, but a map or buffer of theirs can't be used.
    #[error("the eBPF programs can't be used: {0}")]
    Bpf(#[from] libbpf_rs::Error),
    /// A filter or pattern that can't be understood or matches nothing.
    #[error("{option} {value}: {why}")]
    Filter {
        /// The option.
        option: &'static str,
        /// What was given.
        value: String,
        /// What was expected.
        why: String,
    },
    /// A catalogue of functions that can't be used.
    #[error("--catalogue {0}")]
    Catalogue(CatalogueError),
    /// The capture can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A call of the system failed that never should.
    #[error("{what}: {source}")]
    System {
        /// Which.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
}
