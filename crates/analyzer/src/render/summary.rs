//! The form of `summary` for people: the first thing that anybody sees of a capture.

use super::Document;
use super::text::{
    Column, Sheet, counted, coverage, harmless, heading, host, section, some, time, time_or_dash,
};
use crate::documents::SummaryDocument;

/// So many names or paths stand in a row.
const MOST: usize = 4;

impl Document for SummaryDocument {
    fn text(&self, out: &mut String) {
        heading(out, &host(&self.host));
        if let Some(span) = self.span {
            let length = counted(span.duration_seconds, "second", "seconds");
            out.push_str(&format!("  {} to {} UTC, {length} captured\n", time(span.from), time(span.to)));
        }
        let c = &self.counts;
        out.push_str(&format!(
            "  {}, {} of them used cryptography: {} and {}\n",
            counted(c.processes, "process", "processes"),
            c.crypto_processes,
            counted(c.libraries, "library", "libraries"),
            counted(c.files, "file", "files"),
        ));
        out.push_str(&format!(
            "  files opened {}, {} failed; {}; {} started, {} ended\n",
            counted(c.file_opens, "time", "times"),
            counted(c.failed_opens, "open", "opens"),
            counted(c.library_loads, "library load", "library loads"),
            counted(c.execs, "program", "programs"),
            counted(c.exits, "process", "processes"),
        ));
        self.failed(out);
        self.programs(out);
        self.libraries(out);
        self.files(out);
        coverage(out, &self.coverage);
    }
}

impl SummaryDocument {
    fn failed(&self, out: &mut String) {
        if self.failed_files.is_empty() {
            return;
        }
        let mut sheet = Sheet::new(&[
            Column::Number("TIMES"),
            Column::Text("ERROR"),
            Column::Text("LAST"),
            Column::Text("FILE"),
        ]);
        for file in &self.failed_files {
            let names: Vec<String> = file.processes.iter().map(|name| harmless(name)).collect();
            sheet.row(vec![
                file.count.to_string(),
                file.error.clone(),
                time_or_dash(file.last),
                format!("{}\n  {}: {}", harmless(&file.path), some(&names, MOST), file.meaning),
            ]);
        }
        section(out, "Files that could not be opened", &sheet, "");
    }

    fn programs(&self, out: &mut String) {
        let mut sheet = Sheet::new(&[
            Column::Number("PROCESSES"),
            Column::Number("OPENED"),
            Column::Number("FAILED"),
            Column::Number("LIBRARIES"),
            Column::Text("NAME"),
            Column::Text("PROGRAM"),
        ]);
        for program in &self.programs {
            sheet.row(vec![
                program.processes.to_string(),
                program.file_opens.to_string(),
                program.failed_opens.to_string(),
                program.libraries.to_string(),
                harmless(&program.name),
                program.exe.as_deref().map_or_else(|| "-".to_owned(), harmless),
            ]);
        }
        section(out, "Programs that used cryptography", &sheet, "none was seen");
    }

    fn libraries(&self, out: &mut String) {
        let mut sheet = Sheet::new(&[
            Column::Number("PROCESSES"),
            Column::Text("FAMILY"),
            Column::Text("VERSION"),
            Column::Text("LIBRARIES"),
        ]);
        for version in &self.libraries {
            let paths: Vec<String> = version.paths.iter().map(|path| harmless(path)).collect();
            let deleted = if version.deleted { "\n  deleted or replaced on disk while in use" } else { "" };
            sheet.row(vec![
                version.process_count.to_string(),
                harmless(&version.family),
                version.version.as_deref().map_or_else(|| "-".to_owned(), harmless),
                format!("{}{deleted}", paths.join("\n")),
            ]);
        }
        section(out, "Libraries by version", &sheet, "no process was seen with a crypto library");
    }

    fn files(&self, out: &mut String) {
        let mut sheet = Sheet::new(&[
            Column::Number("OPENED"),
            Column::Number("PROCESSES"),
            Column::Text("TYPE"),
            Column::Text("FILE"),
        ]);
        for file in &self.files {
            sheet.row(vec![
                file.access_count.to_string(),
                file.process_count.to_string(),
                file.file_type.clone(),
                harmless(&file.path),
            ]);
        }
        section(out, "Files opened most", &sheet, "no crypto file was opened");
    }
}
