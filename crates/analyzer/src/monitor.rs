//! `monitor`: events one by one, as JSON or as a table.
//!
//! Invariants:
//! - What is written so far is valid at any time: whole lines, and an array is closed also after a failure.
//! - A reader that goes away ends the run quietly.
//! - From a capture and from a database made of it come the same bytes.

use std::io::Write;

use crate::AnalyzeError;
use crate::coverage::Coverage;
use crate::event::Event;
use crate::filter::Filter;
use crate::identity::Host;
use crate::json::event::EventWriter;
use crate::json::time::timestamp;
use crate::monitor_table::TableWriter;
use crate::sink::{Range, Sink, Source};
use crate::when::When;

/// Bytes that are gathered before they're written.
const BUFFER: usize = 64 * 1024;

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line (`json-stream`, `json-lines`).
    #[default]
    Lines,
    /// One JSON array.
    Array,
    /// Columns for people.
    Table,
}

impl Format {
    /// By the name that `--format` takes.
    pub fn from_name(name: &str) -> Option<Format> {
        match name {
            "json-stream" | "json-lines" => Some(Format::Lines),
            "json-array" => Some(Format::Array),
            "table" => Some(Format::Table),
            _ => None,
        }
    }
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct MonitorOptions {
    /// How events are written.
    pub format: Format,
    /// Which events; its range is set from `since` and `until`.
    pub filter: Filter,
    /// Not before.
    pub since: Option<When>,
    /// Not after.
    pub until: Option<When>,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the inputs held and lacked; `None`: the reader of the output went away before the end.
    pub coverage: Option<Coverage>,
    /// Events that were written.
    pub events: u64,
}

/// Writes the events of a source.
///
/// # Errors
/// What could not be read or written. A closed pipe is no error.
pub fn monitor(
    source: &mut dyn Source,
    options: &MonitorOptions,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    let range = range(source, options.since, options.until)?;
    let mut filter = options.filter.clone();
    filter.range = range;
    let mut sink = Monitor::new(filter, options.format, out);
    let fed = source.feed(range, &mut sink);
    let closed = sink.close();
    let events = sink.events;
    match fed.and_then(|coverage| closed.map(|()| coverage)) {
        Ok(coverage) => Ok(Outcome { coverage: Some(coverage), events }),
        Err(error) if error.is_closed_pipe() => Ok(Outcome { coverage: None, events }),
        Err(error) => Err(error),
    }
}

/// The range that `--since` and `--until` mean for a source.
///
/// # Errors
/// [`AnalyzeError::NotSeekable`] where one is relative and the source can't tell its span; [`AnalyzeError::Option`] where the
/// range is reversed.
pub fn range(
    source: &mut dyn Source,
    since: Option<When>,
    until: Option<When>,
) -> Result<Range, AnalyzeError> {
    let is_relative = since.into_iter().chain(until).any(When::is_relative);
    let span = match is_relative {
        true => source.span()?,
        false => crate::sink::Span { first_wall_ns: 0, last_wall_ns: 0 },
    };
    let since_wall_ns = since.map(|when| when.resolve(span));
    let until_wall_ns = until.map(|when| when.resolve_end(span));
    // From both ends of a capture inwards, nothing is left of a short one: that is no mistake.
    let inwards = matches!((since, until), (Some(When::AfterStart(_)), Some(When::BeforeEnd(_))));
    if let (Some(since), Some(until)) = (since_wall_ns, until_wall_ns)
        && until < since
        && !inwards
    {
        return Err(AnalyzeError::Option {
            option: "--until",
            value: timestamp(until),
            why: format!("lies before --since ({})", timestamp(since)),
        });
    }
    Ok(Range { since_wall_ns, until_wall_ns })
}

struct Monitor<'a> {
    filter: Filter,
    format: Format,
    json: EventWriter,
    table: TableWriter,
    buffer: Vec<u8>,
    out: &'a mut dyn Write,
    events: u64,
    begun: bool,
}

impl<'a> Monitor<'a> {
    fn new(filter: Filter, format: Format, out: &'a mut dyn Write) -> Monitor<'a> {
        Monitor {
            filter,
            format,
            json: EventWriter::default(),
            table: TableWriter::default(),
            buffer: Vec::with_capacity(BUFFER + 4096),
            out,
            events: 0,
            begun: false,
        }
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            match self.format {
                Format::Lines => {}
                Format::Array => self.buffer.push(b'['),
                Format::Table => self.table.put_header(&mut self.buffer),
            }
        }
    }

    fn write(&mut self) -> Result<(), AnalyzeError> {
        let written = self.out.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(AnalyzeError::Output)
    }

    /// Ends the output, whatever came before.
    fn close(&mut self) -> Result<(), AnalyzeError> {
        self.begin();
        if self.format == Format::Array {
            self.buffer.extend_from_slice(b"\n]\n");
        }
        self.write()?;
        self.out.flush().map_err(AnalyzeError::Output)
    }
}

impl Sink for Monitor<'_> {
    fn host(&mut self, host: &Host) -> Result<(), AnalyzeError> {
        self.json.host(host);
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), AnalyzeError> {
        if !self.filter.passes(event) {
            return Ok(());
        }
        self.begin();
        match self.format {
            Format::Lines => {
                self.json.put(&mut self.buffer, event);
                self.buffer.push(b'\n');
            }
            Format::Array => {
                self.buffer.extend_from_slice(if self.events == 0 { b"\n" } else { b",\n" });
                self.json.put(&mut self.buffer, event);
            }
            Format::Table => {
                let architecture = self.json.architecture(event.host);
                self.table.put(&mut self.buffer, event, architecture);
            }
        }
        self.events += 1;
        if self.buffer.len() >= BUFFER { self.write() } else { Ok(()) }
    }

    fn pause(&mut self) -> Result<(), AnalyzeError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.write()?;
        self.out.flush().map_err(AnalyzeError::Output)
    }
}
