//! The table of `snapshot`.

use super::Document;
use super::text::{Column, Sheet, counted, coverage, harmless, heading, section, time_or_dash};
use crate::documents::SnapshotDocument;

impl Document for SnapshotDocument {
    fn text(&self, out: &mut String) {
        let kernel = self.kernel.as_deref().map(|k| format!(" (Linux {})", harmless(k))).unwrap_or_default();
        let at = time_or_dash(self.generated_at);
        heading(out, &format!("Cryptography in use on {}{kernel} at {at} UTC", harmless(&self.hostname)));
        let mut sheet = Sheet::new(&[
            Column::Number("PID"),
            Column::Text("NAME"),
            Column::Text("USER"),
            Column::Text("LIBRARIES AND OPEN FILES"),
        ]);
        for process in &self.processes {
            let mut uses = Vec::new();
            if !process.libraries.is_empty() {
                uses.push(harmless(&process.libraries.join(", ")));
            }
            uses.extend(process.open_crypto_files.iter().map(|path| format!("open: {}", harmless(path))));
            if let Some(container) = &process.container {
                uses.push(format!("in container {}", harmless(container)));
            }
            sheet.row(vec![
                process.pid.to_string(),
                harmless(&process.name),
                process.running_as.as_deref().map_or_else(|| "-".to_owned(), harmless),
                uses.join("\n"),
            ]);
        }
        let title = format!(
            "{}, {}, {}",
            counted(self.summary.total_processes, "process", "processes"),
            counted(self.summary.unique_libraries, "library", "libraries"),
            counted(self.summary.total_files, "open crypto file", "open crypto files")
        );
        section(out, &title, &sheet, "no process had a crypto library mapped or a crypto file open");
        let mut sheet = Sheet::new(&[
            Column::Number("PROCESSES"),
            Column::Text("FAMILY"),
            Column::Text("VERSION"),
            Column::Text("LIBRARY"),
        ]);
        for library in &self.libraries {
            sheet.row(vec![
                library.process_count.to_string(),
                library.family.as_deref().map_or_else(|| "-".to_owned(), harmless),
                library.version.as_deref().map_or_else(|| "-".to_owned(), harmless),
                harmless(&library.path),
            ]);
        }
        if !sheet.is_empty() {
            section(out, "Libraries", &sheet, "");
        }
        coverage(out, &self.coverage);
    }
}
