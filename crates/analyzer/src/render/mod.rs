//! Documents as bytes: JSON for programs, tables for people.
//!
//! Invariants:
//! - Nothing of the traced system reaches a terminal as it is: control characters (C0, DEL, C1) and those that turn the direction
//!   of writing are written as escapes, in JSON too.
//! - A row of a table is never cut and paths are never broken, so that they can be searched for and copied; what may be long stands last.

mod calls;
mod csv;
mod files;
mod libs;
mod profile;
mod rows;
mod snapshot;
mod summary;
mod text;
mod tls;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use calls::args as named_args;
pub use rows::Rows;
pub(crate) use text::harmless;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One document a line.
    Json,
    /// Indented.
    JsonPretty,
    /// For people.
    Table,
    /// Comma-separated values; of `sql` only.
    Csv,
}

impl Format {
    /// As the option is written.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::JsonPretty => "json-pretty",
            Format::Table => "table",
            Format::Csv => "csv",
        }
    }
}

/// A document that has a form for people.
pub(crate) trait Document: Serialize {
    /// Appends that form.
    fn text(&self, out: &mut String);
}

/// Writes documents one after the other.
pub(crate) fn documents<D: Document>(documents: &[D], format: Format, out: &mut dyn Write) -> io::Result<()> {
    for (index, document) in documents.iter().enumerate() {
        let mut text = match format {
            Format::Json => without_controls(serde_json::to_string(document)?),
            Format::JsonPretty => without_controls(serde_json::to_string_pretty(document)?),
            Format::Table | Format::Csv => {
                let mut text = String::new();
                document.text(&mut text);
                if index > 0 {
                    text.insert(0, '\n');
                }
                text
            }
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        out.write_all(text.as_bytes())?;
    }
    out.flush()
}

/// serde_json escapes the control characters below U+0020 only; those above are in strings, if anywhere.
fn without_controls(json: String) -> String {
    let rest = |c: char| ('\u{7f}'..='\u{9f}').contains(&c);
    if !json.contains(rest) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match rest(c) {
            true => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_no_control_character_and_loses_none() {
        let name = "a\u{1b}\u{7f}\u{9b}\"\\\n\u{202e}ä";
        let json = without_controls(serde_json::to_string(name).unwrap());
        assert!(!json.chars().any(char::is_control), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), name);
    }
}
