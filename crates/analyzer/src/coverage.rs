//! What the inputs held, and what they lacked: said with every answer, so that silence is never taken for absence.
//!
//! Invariants:
//! - Whatever was skipped, damaged or lost on the way is in here; nothing is dropped without a trace.

use std::collections::BTreeMap;

use crate::sink::Span;

/// The coverage of one run over all its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The inputs, in the order they were given (of a directory, each of its files).
    pub inputs: Vec<InputCoverage>,
    /// Records that the recorder says were lost, by (fact, reason): numbers as in [`Loss`](crate::event::Loss).
    pub losses: BTreeMap<(u16, u16), LossTotal>,
    /// First and last record in UTC, where a clock record tells.
    pub span: Option<Span>,
    /// Captures without any clock record: their times can't be told in UTC.
    pub without_clock: u32,
    /// Bits of [`redaction`](crypto_tracer_format::record::redaction) that all segments have in common.
    pub redaction: u32,
}

/// See [`Coverage::losses`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossTotal {
    /// How many records.
    pub records: u64,
    /// How many stretches of time.
    pub gaps: u64,
}

/// What one input held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InputCoverage {
    /// Its place among the inputs.
    pub index: usize,
    /// The file's name as given, `-` for standard input.
    pub name: String,
    /// Bytes read.
    pub bytes: u64,
    /// Blocks read.
    pub blocks: u64,
    /// Blocks left out because they lie outside the time asked for.
    pub blocks_skipped: u64,
    /// Records read.
    pub records: u64,
    /// Records of types that this release doesn't know, by number.
    pub unknown_kinds: BTreeMap<u16, u64>,
    /// Records whose strings or fields could not be understood.
    pub malformed: u64,
    /// Records that came too late for their place in time order.
    pub out_of_order: u64,
    /// Segments begun.
    pub segments: u64,
    /// What is damaged or missing; a reader lists a bounded number.
    pub damage: Vec<Damage>,
    /// Further damages that are not listed.
    pub damage_more: u64,
    /// Why it could not be read on, or not at all.
    pub failure: Option<String>,
    /// The recorder closed it. `false`: the recorder was killed, or it is still being written, or it was cut between two blocks.
    pub closed: bool,
}

/// A damaged or missing stretch of an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong, in words.
    pub what: String,
    /// Where it begins, in bytes from the input's start.
    pub offset: u64,
    /// Bytes that could not be used.
    pub bytes: u64,
    /// Blocks lost, where that is known.
    pub blocks: Option<u64>,
    /// Records lost, where that is known.
    pub records: Option<u64>,
    /// What is missing lies after this time, on the capture's clock.
    pub after_ns: Option<u64>,
    /// What is missing lies before this time, on the capture's clock.
    pub before_ns: Option<u64>,
    /// What is missing lies after this time, in UTC.
    pub after_wall_ns: Option<i64>,
    /// What is missing lies before this time, in UTC.
    pub before_wall_ns: Option<i64>,
}

/// How complete the inputs were: what decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// All was read.
    Whole,
    /// Something was read; something is damaged or cut (exit code 6).
    Damaged,
    /// Nothing could be read (exit code 1).
    Nothing,
}

impl Coverage {
    /// See [`Completeness`].
    pub fn completeness(&self) -> Completeness {
        if self.inputs.iter().all(|i| i.records == 0 && i.blocks_skipped == 0 && i.segments == 0) {
            Completeness::Nothing
        } else if self.inputs.iter().all(InputCoverage::is_whole) {
            Completeness::Whole
        } else {
            Completeness::Damaged
        }
    }
}

impl InputCoverage {
    /// Whether nothing is damaged or cut, as far as can be known. (Without an end mark nothing that was written is missing.)
    pub fn is_whole(&self) -> bool {
        self.damage.is_empty() && self.damage_more == 0 && self.malformed == 0 && self.failure.is_none()
    }
}
