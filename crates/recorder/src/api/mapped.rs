//! The executable files that processes have mapped: what may have to be probed.

use crate::maps::{self, Mapping};
use std::fs::File;

/// A file that a process has mapped executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Who mapped it.
    pub tgid: u32,
    /// What, and where.
    pub mapping: Mapping,
    /// When; `None`: before the recording began.
    pub time_ns: Option<u64>,
}

/// Every file that the process has mapped by now; nothing, where it is gone or can't be looked into.
pub fn already(tgid: u32) -> Vec<Mapped> {
    let mut found = Vec::new();
    if let Ok(file) = File::open(format!("/proc/{tgid}/maps")) {
        // Of a process that ends meanwhile: what was read of it until then.
        let _ = maps::executable_files(file, |_| true, &mut found);
    }
    found.into_iter().map(|mapping| Mapped { tgid, mapping, time_ns: None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_mapped_its_own_program() {
        let own = std::env::current_exe().expect("a path").canonicalize().expect("there");
        let found = already(std::process::id());
        assert!(found.iter().any(|m| m.mapping.path == own.as_os_str().as_encoded_bytes()), "{found:?}");
    }
}
