//! What a running recording does about calls of functions: files that appear are probed, what the kernel tells and counts
//! is written.
//!
//! Invariants: only files that processes which are recorded have mapped are probed; each record goes through the writer.

use crate::api::counts::Whose;
use crate::api::mapped::Mapped;
use crate::session::Session;
use crypto_tracer_format::record::MarkKind;
use libbpf_rs::{MapCore, MapFlags};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Counts of processes that ended are read at most so often.
const NOT_SOONER: Duration = Duration::from_millis(100);

impl Session<'_> {
    /// Writes what processes left behind that ended, if there are any: not in every pass, since all counts are looked at.
    pub(crate) fn calls_of_ended(&mut self) -> ControlFlow<()> {
        let Some(api) = &mut self.api else { return ControlFlow::Continue(()) };
        if api.ended.is_empty() || self.calls_read.elapsed() < NOT_SOONER {
            return ControlFlow::Continue(());
        }
        self.calls_read = Instant::now();
        self.read_calls(Whose::Ended)
    }

    /// Probes the files that processes have mapped since the last pass, and writes what came of it.
    pub(crate) fn probe_new(&mut self) -> ControlFlow<()> {
        let new = self.loads.mapped.as_mut().map(std::mem::take).unwrap_or_default();
        let Some(mut api) = self.api.take() else { return ControlFlow::Continue(()) };
        for mapped in new {
            if api.is_new(&mapped) && self.may_probe(&mapped) {
                api.mapped(&mut self.loaded, &mapped);
            }
        }
        let out = std::mem::take(&mut api.out);
        let warnings = std::mem::take(&mut api.warnings);
        self.api = Some(api);
        for warning in warnings {
            self.mark(MarkKind::Warning, &warning)?;
        }
        if out.is_empty() { ControlFlow::Continue(()) } else { self.writer.put(&out) }
    }

    /// Whether a process that mapped a file is one that is recorded.
    fn may_probe(&mut self, mapped: &Mapped) -> bool {
        if mapped.tgid == std::process::id() {
            return false;
        }
        if !self.filters.any() {
            return true;
        }
        // Of children that are followed, the kernel knows before the recorder does.
        let chosen = self
            .loaded
            .handle("pids")
            .and_then(|pids| pids.lookup(&mapped.tgid.to_ne_bytes(), MapFlags::ANY).ok().flatten());
        chosen.is_some()
            || self.baseline.identity_of(mapped.tgid).is_some_and(|who| self.filters.admits(&who))
    }

    /// Writes what the kernel counted of calls.
    pub(crate) fn read_calls(&mut self, whose: Whose) -> ControlFlow<()> {
        let Some(api) = &mut self.api else { return ControlFlow::Continue(()) };
        let mut records = Vec::new();
        api.collect(whose, &mut records);
        self.calls(&records)
    }
}
