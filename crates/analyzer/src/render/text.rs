//! What all tables share.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use crate::documents::{Coverage, HostPart, Time};

/// A string of the traced system for a terminal: what would move its cursor, change its state or turn the direction of
/// writing is written as an escape.
pub(crate) fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() || is_format(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Characters that show nothing but change how others are shown.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}' | '\u{61c}')
}

/// So many functions that can't be watched are named.
const MOST_FUNCTIONS: usize = 3;

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    /// Right-aligned.
    Number(&'static str),
    /// Left-aligned.
    Text(&'static str),
}

/// A table with a header, indented by two.
pub(super) struct Sheet {
    table: Table,
}

impl Sheet {
    pub(super) fn new(columns: &[Column]) -> Sheet {
        let name = |column: &Column| match column {
            Column::Number(name) | Column::Text(name) => (*name).to_owned(),
        };
        Sheet::named(columns, columns.iter().map(name))
    }

    /// Like [`Sheet::new`], with names that are made at run time.
    pub(super) fn named(columns: &[Column], names: impl Iterator<Item = String>) -> Sheet {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(names.collect::<Vec<_>>());
        for (index, column) in columns.iter().enumerate() {
            if let (Column::Number(_), Some(column)) = (column, table.column_mut(index)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Sheet { table }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.table.add_row(cells);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(super) fn put(&self, out: &mut String) {
        for line in self.table.lines() {
            out.push_str("  ");
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// A heading, an empty line before it.
pub(super) fn heading(out: &mut String, text: &str) {
    if !out.is_empty() && !out.ends_with("\n\n") {
        out.push('\n');
    }
    out.push_str(text);
    out.push('\n');
}

/// A heading and a table, or what to say where there are no rows.
pub(super) fn section(out: &mut String, title: &str, sheet: &Sheet, none: &str) {
    heading(out, title);
    match sheet.is_empty() {
        true => {
            out.push_str("  ");
            out.push_str(none);
            out.push('\n');
        }
        false => sheet.put(out),
    }
}

/// `web-01 (Debian 12, Linux 6.1.0, x86_64)`
pub(super) fn host(host: &HostPart) -> String {
    let kernel = host.kernel.as_ref().map(|k| format!("Linux {k}"));
    let details: Vec<String> =
        [&host.os, &kernel, &host.machine].into_iter().flatten().map(|text| harmless(text)).collect();
    let name = if host.hostname.is_empty() { "an unknown host".to_owned() } else { harmless(&host.hostname) };
    if details.is_empty() { name } else { format!("{name} ({})", details.join(", ")) }
}

/// A time as people read it: to the millisecond.
pub(super) fn time(time: Time) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(11..23)) {
        (Some(date), Some(clock)) => format!("{date} {clock}"),
        _ => text,
    }
}

/// Like [`time`], or a dash.
pub(super) fn time_or_dash(at: Option<Time>) -> String {
    at.map_or_else(|| "-".to_owned(), time)
}

/// A list that is cut where it grows long, saying by how much.
pub(super) fn some(items: &[String], most: usize) -> String {
    match items.len() > most {
        true => {
            format!("{} and {} more", items.get(..most).unwrap_or_default().join(", "), items.len() - most)
        }
        false => items.join(", "),
    }
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What the document rests on, and what it can't know.
pub(super) fn coverage(out: &mut String, coverage: &Coverage) {
    let state = if coverage.complete { "nothing is known to be missing" } else { "NOT COMPLETE" };
    heading(out, &format!("Coverage: {state}"));
    let mut line = |text: String| {
        out.push_str("  ");
        out.push_str(&text);
        out.push('\n');
    };
    if let (Some(from), Some(to)) = (coverage.from, coverage.to) {
        let segments = counted(coverage.segments, "segment", "segments");
        line(format!("captured      {} to {} UTC, {segments}", time(from), time(to)));
    }
    for loss in &coverage.losses {
        let count = if loss.count == 0 { "unknown number of".to_owned() } else { loss.count.to_string() };
        let range = match (loss.from, loss.to) {
            (Some(from), Some(to)) => format!(", {} to {}", time(from), time(to)),
            (from, to) => open_range(from, to),
        };
        line(format!(
            "lost          {count} {} records ({}){range}",
            harmless(&loss.fact),
            harmless(&loss.reason)
        ));
    }
    for damage in &coverage.damage {
        let bytes = if damage.bytes > 0 { format!("{} bytes: ", damage.bytes) } else { String::new() };
        let range = match (damage.from, damage.to) {
            (Some(from), Some(to)) => format!(", between {} and {}", time(from), time(to)),
            (from, to) => open_range(from, to),
        };
        line(format!("damaged       {bytes}{}{range}", harmless(&damage.what)));
    }
    for missing in &coverage.not_observed {
        line(format!("not observed  {}: {}", harmless(&missing.fact), harmless(&missing.reason)));
    }
    for library in &coverage.left_out {
        let functions: Vec<String> = library.functions.iter().map(|f| harmless(f)).collect();
        line(format!("not watched   {}: {}", harmless(&library.library), some(&functions, MOST_FUNCTIONS)));
    }
    if coverage.unknown_records > 0 {
        let records = counted(coverage.unknown_records, "record", "records");
        line(format!("not read      {records} of types that this release doesn't know"));
    }
    if let Some(b) = coverage.baseline.filter(|b| b.denied + b.vanished > 0) {
        let total = b.processes;
        line(format!(
            "/proc         {total} processes read, {} not readable, {} gone meanwhile",
            b.denied, b.vanished
        ));
    }
    if !coverage.redaction.is_empty() {
        line(format!("redacted      {}", coverage.redaction.join(", ")));
    }
    for options in &coverage.options {
        line(format!("recorded with {}", harmless(options)));
    }
}

/// A stretch of time of which one end, or none, is known.
fn open_range(from: Option<Time>, to: Option<Time>) -> String {
    match (from, to) {
        (Some(from), _) => format!(", after {}", time(from)),
        (None, Some(to)) => format!(", before {}", time(to)),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_comes_through() {
        assert_eq!(harmless("a\u{1b}[31m\n\u{202e}b\\\u{9b}"), "a\\u{1b}[31m\\n\\u{202e}b\\\\\\u{9b}");
        assert_eq!(harmless("ä 漢"), "ä 漢");
    }

    #[test]
    fn long_lists_say_how_much_is_left_out() {
        let items: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        assert_eq!(some(&items, 2), "a, b and 1 more");
        assert_eq!(some(&items, 3), "a, b, c");
    }
}
