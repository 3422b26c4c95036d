//! What the inputs held, and what they lacked: said with every answer, so that silence is never taken for absence.
//!
//! Invariants:
//! - Whatever was skipped, damaged or lost on the way is in here; nothing is dropped without a trace.

use std::collections::BTreeMap;
use std::fmt;

use crate::event::Loss;
use crate::json::time::timestamp;
use crate::sink::Span;

/// The coverage of one run over all its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The inputs, in the order they were given (of a directory, each of its files).
    pub inputs: Vec<InputCoverage>,
    /// Records that the recorder says were lost, by (fact, reason): numbers as in [`Loss`].
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

impl Coverage {
    /// What is missing, in sentences for stderr; empty where nothing is known to be missing.
    pub fn warnings(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.inputs.iter().flat_map(InputCoverage::warnings).collect();
        for ((fact, reason), total) in &self.losses {
            // Damage was told above, with its place.
            if *reason != Loss::DAMAGED {
                let (fact, reason) = Loss::names(*fact, *reason);
                lines.push(format!("{} {fact} records were lost while recording: {reason}", total.records));
            }
        }
        if self.without_clock > 0 {
            lines.push(format!(
                "{} of the captures hold no clock record: their times can't be told in UTC",
                self.without_clock
            ));
        }
        lines
    }
}

impl InputCoverage {
    fn warnings(&self) -> Vec<String> {
        let name = &self.name;
        let mut lines: Vec<_> = self.damage.iter().map(|d| format!("{name}: {d}")).collect();
        if self.damage_more > 0 {
            lines.push(format!("{name}: {} more places are damaged", self.damage_more));
        }
        if let Some(failure) = &self.failure {
            lines.push(format!("{name}: could not be read on: {failure}"));
        }
        if self.malformed > 0 {
            lines.push(format!("{name}: {} records could not be understood", self.malformed));
        }
        if self.out_of_order > 0 {
            lines
                .push(format!("{name}: {} records came too late for their place in time", self.out_of_order));
        }
        let unknown: u64 = self.unknown_kinds.values().sum();
        if unknown > 0 {
            lines.push(format!("{name}: {unknown} records are of types that only a later release knows"));
        }
        if !self.closed && self.is_whole() && self.segments > 0 {
            lines.push(format!(
                "{name}: was not closed: the recorder was stopped by force, is still writing, or the file was cut"
            ));
        }
        lines
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (byte {}): {} bytes", self.what, self.offset, self.bytes)?;
        let counted = [(self.blocks, "blocks"), (self.records, "records")];
        for (count, what) in counted {
            match count {
                Some(count) => write!(f, ", {count} {what}")?,
                None => write!(f, ", an unknown number of {what}")?,
            }
        }
        write!(f, " are missing")?;
        match (self.after_wall_ns, self.before_wall_ns) {
            (Some(after), Some(before)) => write!(f, ", from {} to {}", timestamp(after), timestamp(before)),
            (Some(after), None) => write!(f, ", from {} on", timestamp(after)),
            (None, Some(before)) => write!(f, ", up to {}", timestamp(before)),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input() -> InputCoverage {
        InputCoverage {
            name: "a".to_owned(),
            records: 5,
            blocks: 1,
            segments: 1,
            closed: true,
            ..Default::default()
        }
    }

    #[test]
    fn completeness_is_that_of_all_inputs() {
        let of = |inputs| Coverage { inputs, ..Coverage::default() }.completeness();
        let nothing = InputCoverage { failure: Some("no".to_owned()), ..InputCoverage::default() };
        let damaged = InputCoverage { damage: vec![Damage::default()], ..input() };
        assert_eq!(of(vec![]), Completeness::Nothing);
        assert_eq!(of(vec![nothing.clone()]), Completeness::Nothing);
        assert_eq!(of(vec![input()]), Completeness::Whole);
        assert_eq!(of(vec![InputCoverage { closed: false, ..input() }]), Completeness::Whole);
        assert_eq!(of(vec![input(), nothing]), Completeness::Damaged);
        assert_eq!(of(vec![damaged]), Completeness::Damaged);
        assert_eq!(of(vec![InputCoverage { malformed: 1, ..input() }]), Completeness::Damaged);
    }

    #[test]
    fn what_is_missing_is_said() {
        let damage = Damage {
            what: "cut".to_owned(),
            offset: 10,
            bytes: 20,
            blocks: Some(1),
            records: None,
            after_wall_ns: Some(1_763_375_445_000_000_000),
            ..Damage::default()
        };
        let mut coverage = Coverage { inputs: vec![input()], ..Coverage::default() };
        assert!(coverage.warnings().is_empty());
        coverage.inputs[0].damage.push(damage);
        coverage.losses.insert((1, 1), LossTotal { records: 7, gaps: 2 });
        coverage.losses.insert((Loss::CAPTURE, Loss::DAMAGED), LossTotal { records: 0, gaps: 1 });
        assert_eq!(
            coverage.warnings(),
            [
                "a: cut (byte 10): 20 bytes, 1 blocks, an unknown number of records are missing, \
                 from 2025-11-17T10:30:45.000000Z on",
                "7 file_open records were lost while recording: buffer full",
            ]
        );
        coverage.inputs[0] = InputCoverage { closed: false, ..input() };
        assert!(coverage.warnings()[0].contains("not closed"));
    }
}
