//! The table of `files`, and the rows of files that other tables share.

use super::Document;
use super::text::{Column, Sheet, counted, coverage, harmless, heading, host, section, some};
use crate::documents::{FileAccess, FilesDocument};

/// So many processes are named for a file.
const MOST: usize = 6;

impl Document for FilesDocument {
    fn text(&self, out: &mut String) {
        let mut sheet = Sheet::new(&COLUMNS);
        for file in &self.files {
            let users: Vec<String> = file
                .processes
                .iter()
                .map(|p| {
                    let open = if p.found_open { ", found open" } else { "" };
                    format!("{} ({}{open})", harmless(&p.name), p.pid)
                })
                .collect();
            sheet.row(row(&file.access, &format!("\n  {}", some(&users, MOST))));
        }
        heading(out, &format!("Crypto files on {}", host(&self.host)));
        let title = format!(
            "{}, opened {}, {} failed",
            counted(self.summary.total_files, "file", "files"),
            counted(self.summary.accesses, "time", "times"),
            counted(self.summary.failures, "open", "opens")
        );
        section(out, &title, &sheet, "no crypto file was opened");
        coverage(out, &self.coverage);
    }
}

/// Columns of a list of files.
pub(super) const COLUMNS: [Column; 5] = [
    Column::Number("OPENED"),
    Column::Number("FAILED"),
    Column::Text("FOR"),
    Column::Text("TYPE"),
    Column::Text("FILE"),
];

/// A file's row: the errors stand under its path, and then what else there is to say.
pub(super) fn row(file: &FileAccess, more: &str) -> Vec<String> {
    let failed: u64 = file.failures.iter().map(|f| f.count).sum();
    let mut path = harmless(&file.path);
    for failure in &file.failures {
        let meaning = crate::views::meaning(failure.errno.unsigned_abs());
        path.push_str(&format!("\n  {} x{}: {meaning}", failure.error, failure.count));
    }
    path.push_str(more);
    vec![
        file.access_count.to_string(),
        failed.to_string(),
        file.mode.replace('_', "+"),
        file.file_type.clone(),
        path,
    ]
}
