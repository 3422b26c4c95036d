//! Captures as a source: reads them all, merges them by UTC, and feeds a sink.
//!
//! Invariants:
//! - Which event comes next depends on the captures and their order only: the earliest in UTC, and of the same time that of the first capture.
//! - A capture that can't be read on is no reason to drop the others: what it lacks is in the coverage.

use crate::AnalyzeError;
use crate::coverage::{Completeness, Coverage};
use crate::event::Event;
use crate::input::Inputs;
use crate::sink::{Range, Sink, Source, Span};
use crate::stream::{Shared, Stream};
use crypto_tracer_format::redact::Redactor;

/// Captures, as they were named.
#[derive(Debug)]
pub struct Captures {
    inputs: Inputs,
    redact: Redactor,
}

impl Captures {
    /// Over inputs that were found.
    pub fn new(inputs: Inputs, redact: Redactor) -> Captures {
        Captures { inputs, redact }
    }
}

impl Source for Captures {
    fn span(&mut self) -> Result<Span, AnalyzeError> {
        if !self.inputs.are_files() {
            return Err(AnalyzeError::NotSeekable {
                what: "a time that counts from the capture's start or end",
            });
        }
        let mut shared = Shared::new(self.redact);
        for blocks in self.inputs.open() {
            let mut stream = Stream::survey(blocks);
            while !stream.is_done() {
                stream.pump(&mut shared, Range::default(), &mut Nobody)?;
            }
        }
        shared.span.ok_or_else(|| AnalyzeError::Unreadable {
            name: self.inputs.name(),
            why: "it holds no record with a time in UTC".to_owned(),
        })
    }

    fn feed(&mut self, range: Range, sink: &mut dyn Sink) -> Result<Coverage, AnalyzeError> {
        let streams = self.inputs.open().into_iter().map(Stream::new).collect();
        run(streams, Shared::new(self.redact), range, sink)
    }
}

/// Looks at nothing.
struct Nobody;

impl Sink for Nobody {
    fn event(&mut self, _event: &Event<'_>) -> Result<(), AnalyzeError> {
        Ok(())
    }
}

/// Runs captures through the pipeline.
///
/// # Errors
/// What the sink could not do; [`AnalyzeError::Unreadable`] where no capture holds anything.
pub fn run(
    mut streams: Vec<Stream>,
    mut shared: Shared,
    range: Range,
    sink: &mut dyn Sink,
) -> Result<Coverage, AnalyzeError> {
    loop {
        let mut next: Option<(Option<i64>, usize)> = None;
        for (index, stream) in streams.iter_mut().enumerate() {
            while stream.ready().is_none() && !stream.is_done() {
                sink.pause()?;
                stream.pump(&mut shared, range, sink)?;
                stream.forget(&mut shared, sink)?;
            }
            if let Some(wall_ns) = stream.ready()
                && next.is_none_or(|(earliest, _)| wall_ns < earliest)
            {
                next = Some((wall_ns, index));
            }
        }
        let Some(stream) = next.and_then(|(_, index)| streams.get_mut(index)) else { break };
        stream.deliver(&mut shared, sink)?;
    }
    shared.identify.tell_all(sink)?;
    let coverage = coverage(&streams, shared);
    if coverage.completeness() == Completeness::Nothing {
        return Err(AnalyzeError::Nothing(Box::new(coverage)));
    }
    sink.finish(&coverage)?;
    Ok(coverage)
}

fn coverage(streams: &[Stream], shared: Shared) -> Coverage {
    let mut coverage = Coverage {
        losses: shared.losses,
        span: shared.span,
        redaction: shared.redaction.unwrap_or_default(),
        ..Coverage::default()
    };
    for stream in streams {
        let (inputs, without_clock) = stream.coverage();
        coverage.inputs.extend(inputs);
        coverage.without_clock += u32::from(without_clock);
    }
    coverage.inputs.sort_by_key(|input| input.index);
    coverage
}
