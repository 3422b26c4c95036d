//! Rows of `sql`: they come one by one, and none is kept but those of a part of a table, whose columns are measured together.

use std::io::{self, Write};

use rusqlite::types::Value;

use super::csv::put_line;
use super::text::{Column, Sheet, harmless};
use super::{Format, without_controls};

/// A table is written in parts: each at most so many rows …
const PART_ROWS: usize = 10_000;
/// … or about so many bytes.
const PART_BYTES: usize = 16 * 1024 * 1024;

/// Writes rows.
pub struct Rows<'a> {
    columns: Vec<String>,
    format: Format,
    out: &'a mut dyn Write,
    table: Vec<Vec<String>>,
    table_bytes: usize,
    numeric: Vec<bool>,
    written: u64,
}

impl<'a> Rows<'a> {
    /// Before the first row.
    ///
    /// # Errors
    /// What the output could not do.
    pub fn begin(columns: Vec<String>, format: Format, out: &'a mut dyn Write) -> io::Result<Rows<'a>> {
        if format == Format::Csv {
            let mut line = String::new();
            put_line(&mut line, columns.iter().map(String::as_str));
            out.write_all(line.as_bytes())?;
        }
        let numeric = vec![true; columns.len()];
        Ok(Rows { columns, format, out, table: Vec::new(), table_bytes: 0, numeric, written: 0 })
    }

    /// A row, with a value for each column.
    ///
    /// # Errors
    /// What the output could not do.
    pub fn row(&mut self, values: &[Value]) -> io::Result<()> {
        let text = match self.format {
            Format::Table => {
                for (numeric, value) in self.numeric.iter_mut().zip(values) {
                    *numeric &= !matches!(value, Value::Text(_) | Value::Blob(_));
                }
                let cells: Vec<String> = values.iter().map(|v| harmless(&plain(v, "-"))).collect();
                self.table_bytes += cells.iter().map(String::len).sum::<usize>();
                self.table.push(cells);
                if self.table.len() >= PART_ROWS || self.table_bytes >= PART_BYTES {
                    self.put_table()?;
                }
                return Ok(());
            }
            Format::Csv => {
                let fields: Vec<String> = values.iter().map(|v| plain(v, "")).collect();
                let mut line = String::new();
                put_line(&mut line, fields.iter().map(String::as_str));
                line
            }
            Format::Json | Format::JsonPretty => self.object(values)?,
        };
        self.written += 1;
        self.out.write_all(text.as_bytes())
    }

    /// After the last row.
    ///
    /// # Errors
    /// What the output could not do.
    pub fn finish(mut self) -> io::Result<()> {
        match self.format {
            Format::Table if self.table.is_empty() && self.written > 0 => {}
            Format::Table => self.put_table()?,
            Format::Json | Format::JsonPretty => {
                let end: &[u8] = if self.written == 0 { b"[]\n" } else { b"\n]\n" };
                self.out.write_all(end)?;
            }
            Format::Csv => {}
        }
        self.out.flush()
    }

    /// The rows of a table that were gathered, with their header.
    fn put_table(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.table);
        self.table_bytes = 0;
        self.written += rows.len() as u64;
        let numbers = self.numeric.iter().map(|&n| n && !rows.is_empty());
        let header: Vec<Column> =
            numbers.map(|n| if n { Column::Number("") } else { Column::Text("") }).collect();
        let mut sheet = Sheet::named(&header, self.columns.iter().map(|c| harmless(c)));
        for row in rows {
            sheet.row(row);
        }
        let mut text = String::new();
        sheet.put(&mut text);
        self.out.write_all(text.as_bytes())
    }

    /// A row as an object. Written by hand, since columns keep their order.
    fn object(&self, values: &[Value]) -> io::Result<String> {
        let (indent, gap, colon) = match self.format {
            Format::JsonPretty => ("  ", "\n    ", ": "),
            _ => ("", "", ":"),
        };
        let mut text = String::from(if self.written == 0 { "[\n" } else { ",\n" });
        text.push_str(indent);
        text.push('{');
        for (index, (column, value)) in self.columns.iter().zip(values).enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(gap);
            text.push_str(&serde_json::to_string(column)?);
            text.push_str(colon);
            text.push_str(&match value {
                Value::Null => "null".to_owned(),
                Value::Integer(n) => n.to_string(),
                Value::Real(n) if n.is_infinite() => serde_json::to_string(&real(*n))?,
                Value::Real(n) => serde_json::to_string(n)?,
                Value::Text(t) => serde_json::to_string(t)?,
                Value::Blob(b) => serde_json::to_string(&format!("x'{}'", crate::documents::hex(b)))?,
            });
        }
        if self.format == Format::JsonPretty {
            text.push_str("\n  ");
        }
        text.push('}');
        Ok(without_controls(text))
    }
}

/// A value without quotes; a BLOB as SQL writes it.
fn plain(value: &Value, null: &str) -> String {
    match value {
        Value::Null => null.to_owned(),
        Value::Integer(n) => n.to_string(),
        Value::Real(n) => real(*n),
        Value::Text(t) => t.clone(),
        Value::Blob(b) => format!("x'{}'", crate::documents::hex(b)),
    }
}

/// A number; JSON has none for the infinite ones, which are written as a string there. (SQLite has no NaN.)
fn real(number: f64) -> String {
    match number {
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => number.to_string(),
    }
}
