//! The way of every record into the capture: redacted, counted, appended.
//!
//! Invariants:
//! - Nothing reaches the output but through [`Writer::put`] and [`Writer::event`], which redact.
//! - Every event is either in a block that was written whole, or counted as lost. After a failed write, which breaks once,
//!   what still comes is counted only.

use crate::output::{Output, OutputError};
use crypto_tracer_format::record::{Fact, Loss, LossReason, Record, Records};
use crypto_tracer_format::redact::Redactor;
use std::ops::ControlFlow;

/// See the module.
pub struct Writer {
    pub(crate) output: Output,
    redactor: Redactor,
    redacted: Vec<u8>,
    /// Why nothing more can be written.
    pub(crate) error: Option<OutputError>,
    /// Events written.
    pub(crate) events: u64,
    /// Records lost.
    pub(crate) lost: u64,
    /// Events of the open block.
    open: u64,
    /// Blocks that were written when an event was last added.
    blocks: u64,
    /// Something was written since the last pass.
    pub(crate) dirty: bool,
}

impl Writer {
    pub(crate) fn new(output: Output, redactor: Redactor) -> Writer {
        Writer {
            output,
            redactor,
            redacted: Vec::new(),
            error: None,
            events: 0,
            lost: 0,
            open: 0,
            blocks: 0,
            dirty: false,
        }
    }

    pub(crate) fn redaction(&self) -> u32 {
        self.redactor.bits()
    }

    /// What everything that is written goes through.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Adds whole records. Break: nothing more can be written.
    pub(crate) fn put(&mut self, records: &[u8]) -> ControlFlow<()> {
        self.redacted.clear();
        for record in Records::new(records).flatten() {
            self.redactor.rewrite(&record, &mut self.redacted);
        }
        self.append()
    }

    /// Adds an event.
    pub(crate) fn event(&mut self, record: &Record<'_>) -> ControlFlow<()> {
        self.redacted.clear();
        self.redactor.rewrite(record, &mut self.redacted);
        if self.error.is_some() {
            self.lost = self.lost.saturating_add(1);
            return ControlFlow::Continue(());
        }
        self.settle();
        self.events += 1;
        self.open += 1;
        self.append()?;
        if self.settle() && self.output.has_open_block() {
            // The block before was written to make room for this one.
            self.open = 1;
        }
        ControlFlow::Continue(())
    }

    fn append(&mut self) -> ControlFlow<()> {
        if self.error.is_some() {
            return ControlFlow::Continue(());
        }
        self.settle();
        self.dirty |= !self.redacted.is_empty();
        let result = self.output.append(&self.redacted);
        self.check(result)
    }

    /// Forgets the events of a block that was written; whether one was.
    fn settle(&mut self) -> bool {
        let blocks = self.output.written().blocks;
        let changed = blocks != std::mem::replace(&mut self.blocks, blocks);
        if changed {
            self.open = 0;
        }
        changed
    }

    /// Adds a loss.
    pub(crate) fn loss(
        &mut self,
        fact: Fact,
        reason: LossReason,
        count: u64,
        from_ns: u64,
        to_ns: u64,
    ) -> ControlFlow<()> {
        if count == 0 {
            return ControlFlow::Continue(());
        }
        self.lost = self.lost.saturating_add(count);
        let mut out = Vec::new();
        crate::clocks::put(&mut out, to_ns, |_| Loss {
            fact: fact.number(),
            reason: reason.number(),
            reserved: 0,
            count,
            from_ns,
            to_ns,
        });
        self.put(&out)
    }

    pub(crate) fn check(&mut self, result: Result<(), OutputError>) -> ControlFlow<()> {
        match result {
            Ok(()) => ControlFlow::Continue(()),
            Err(e) => {
                self.error.get_or_insert(e);
                // What was drained, but reached no block that is whole.
                let open = std::mem::take(&mut self.open);
                self.events = self.events.saturating_sub(open);
                self.lost = self.lost.saturating_add(open);
                ControlFlow::Break(())
            }
        }
    }
}
