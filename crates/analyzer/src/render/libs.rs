//! The table of `libs`.

use super::Document;
use super::text::{Column, Sheet, counted, coverage, harmless, heading, host, section, some};
use crate::documents::LibsDocument;

/// So many processes are named for a library.
const MOST: usize = 6;

impl Document for LibsDocument {
    fn text(&self, out: &mut String) {
        let mut sheet = Sheet::new(&[
            Column::Number("PROCESSES"),
            Column::Number("CALLS"),
            Column::Text("FAMILY"),
            Column::Text("VERSION"),
            Column::Text("LIBRARY"),
        ]);
        for library in &self.libraries {
            let users: Vec<String> =
                library.processes.iter().map(|p| format!("{} ({})", harmless(&p.name), p.pid)).collect();
            let deleted = if library.deleted { "\n  deleted or replaced on disk while in use" } else { "" };
            sheet.row(vec![
                library.process_count.to_string(),
                library.calls.to_string(),
                library.family.as_deref().map_or_else(|| "-".to_owned(), harmless),
                library.version.as_deref().map_or_else(|| "-".to_owned(), harmless),
                format!("{}{deleted}\n  {}", harmless(&library.path), some(&users, MOST)),
            ]);
        }
        heading(out, &format!("Crypto libraries on {}", host(&self.host)));
        let title = format!(
            "{} in {}",
            counted(self.summary.total_libraries, "library", "libraries"),
            counted(self.summary.total_processes, "process", "processes")
        );
        section(out, &title, &sheet, "no process was seen with a crypto library");
        coverage(out, &self.coverage);
    }
}
