//! Rows of `sql`: they come one by one, and but for a table none is kept.

use std::io::{self, Write};

use rusqlite::types::Value;

use super::csv::put_line;
use super::text::{Column, Sheet, harmless};
use super::{Format, without_controls};

/// Writes rows.
pub struct Rows<'a> {
    columns: Vec<String>,
    format: Format,
    out: &'a mut dyn Write,
    table: Vec<Vec<String>>,
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
        Ok(Rows { columns, format, out, table: Vec::new(), numeric, written: 0 })
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
                self.table.push(values.iter().map(|v| harmless(&plain(v, "-"))).collect());
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
    pub fn finish(self) -> io::Result<()> {
        match self.format {
            Format::Table => {
                let header: Vec<Column> = self
                    .numeric
                    .iter()
                    .map(|&n| if n && !self.table.is_empty() { Column::Number("") } else { Column::Text("") })
                    .collect();
                let mut sheet = Sheet::named(&header, self.columns.iter().map(|c| harmless(c)));
                for row in self.table {
                    sheet.row(row);
                }
                let mut text = String::new();
                sheet.put(&mut text);
                self.out.write_all(text.as_bytes())?;
            }
            Format::Json | Format::JsonPretty => {
                let end: &[u8] = if self.written == 0 { b"[]\n" } else { b"\n]\n" };
                self.out.write_all(end)?;
            }
            Format::Csv => {}
        }
        self.out.flush()
    }

    /// A row as an object. Written by hand, since columns keep their order and may have one name twice.
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
        Value::Real(n) => n.to_string(),
        Value::Text(t) => t.clone(),
        Value::Blob(b) => format!("x'{}'", crate::documents::hex(b)),
    }
}
