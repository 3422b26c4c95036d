//! The form of `profile` for people.

use super::Document;
use super::files::{COLUMNS, row};
use super::text::{Column, Sheet, counted, coverage, harmless, heading, host, section, time, time_or_dash};
use crate::documents::{
    FileAccess, FunctionCalls, KernelCalls, LoadedLibrary, ProcessPart, ProfileDocument, TlsRow,
};
use crate::names::signal_name;

impl Document for ProfileDocument {
    fn text(&self, out: &mut String) {
        heading(
            out,
            &format!(
                "Process {} ({}) on {}",
                harmless(&self.process.name),
                self.process.pid,
                host(&self.host)
            ),
        );
        process(out, &self.process);
        libraries(out, &self.libraries);
        files(out, &self.files_accessed, &self.files_failed);
        if !self.open_files.is_empty() {
            let mut sheet = Sheet::new(&[Column::Text("FOR"), Column::Text("TYPE"), Column::Text("FILE")]);
            for file in &self.open_files {
                sheet.row(vec![file.mode.replace('_', "+"), file.file_type.clone(), harmless(&file.path)]);
            }
            section(out, "Open when /proc was scanned", &sheet, "");
        }
        crypto(out, &self.tls, &self.api_functions, &self.kernel_crypto);
        for child in self.children.iter().flatten() {
            heading(out, &format!("Descendant {} ({})", harmless(&child.process.name), child.process.pid));
            process(out, &child.process);
            if !child.libraries.is_empty() {
                libraries(out, &child.libraries);
            }
            if !child.files_accessed.is_empty() || !child.files_failed.is_empty() {
                files(out, &child.files_accessed, &child.files_failed);
            }
            crypto(out, &child.tls, &child.api_functions, &child.kernel_crypto);
        }
        let s = &self.statistics;
        heading(out, "Totals");
        out.push_str(&format!(
            "  {}, {}, {}, {} failed, {}\n  {}, {} failed; {}\n",
            counted(s.total_events, "event", "events"),
            counted(s.libraries_loaded, "library", "libraries"),
            counted(s.accesses, "file access", "file accesses"),
            counted(s.failures, "open", "opens"),
            counted(s.children, "child", "children"),
            counted(s.tls_handshakes, "TLS handshake", "TLS handshakes"),
            s.tls_failures,
            counted(s.api_calls_made, "library call", "library calls"),
        ));
        coverage(out, &self.coverage);
    }
}

/// What a profile shows of handshakes; what is not known of any is left out.
fn tls_columns(rows: &[TlsRow]) -> Vec<&'static str> {
    let mut columns = vec!["role", "version", "group", "result", "peer", "sni", "cipher_suite"];
    columns.extend(rows.iter().any(|row| row.resumed.is_some()).then_some("resumed"));
    columns.extend(rows.iter().any(|row| row.verify.is_some()).then_some("verify"));
    columns.extend(rows.iter().any(|row| row.alpn.is_some()).then_some("alpn"));
    columns
}

/// What there is of TLS, calls and the kernel.
fn crypto(out: &mut String, tls: &[TlsRow], functions: &[FunctionCalls], requests: &[KernelCalls]) {
    if !tls.is_empty() {
        section(out, "TLS", &super::tls::sheet(tls, &tls_columns(tls)), "");
    }
    if !functions.is_empty() {
        section(out, "Calls of libraries", &super::calls::functions(functions), "");
    }
    if !requests.is_empty() {
        section(out, "Cryptography of the kernel", &super::calls::requests(requests), "");
    }
}

fn process(out: &mut String, p: &ProcessPart) {
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.push_str(&format!("  {name:<10} {value}\n"));
        }
    };
    line("program", p.exe.as_deref().map(harmless));
    let cut = if p.cmdline_cut { " …" } else { "" };
    line("command", p.cmdline.as_deref().map(|c| harmless(c) + cut));
    let user = match (&p.user, p.uid) {
        (Some(user), Some(uid)) => Some(format!("{} (uid {uid})", harmless(user))),
        (None, Some(uid)) => Some(format!("uid {uid}")),
        (user, None) => user.as_deref().map(harmless),
    };
    line("user", user);
    line("parent", p.ppid.map(|ppid| ppid.to_string()));
    line("container", p.container.as_deref().map(harmless));
    let before = if p.before_recording { ", before the recording" } else { "" };
    line("started", p.start_time.map(|t| format!("{} UTC{before}", time(t))));
    let how = match (p.exit_code, p.signal) {
        (_, Some(signal)) => format!(", by {}", signal_name(signal)),
        (Some(code), None) => format!(", exit code {code}"),
        (None, None) => String::new(),
    };
    line("ended", p.end_time.map(|t| format!("{} UTC{how}", time(t))));
}

fn libraries(out: &mut String, libraries: &[LoadedLibrary]) {
    let mut sheet = Sheet::new(&[
        Column::Text("LOADED"),
        Column::Text("FAMILY"),
        Column::Text("VERSION"),
        Column::Text("LIBRARY"),
    ]);
    for library in libraries {
        let when = match library.how {
            "load" => time_or_dash(library.load_time),
            "inherited" => "by its parent".to_owned(),
            _ => "before the scan".to_owned(),
        };
        let deleted = if library.deleted { "\n  deleted or replaced on disk while in use" } else { "" };
        sheet.row(vec![
            when,
            library.family.as_deref().map_or_else(|| "-".to_owned(), harmless),
            library.version.as_deref().map_or_else(|| "-".to_owned(), harmless),
            format!("{}{deleted}", harmless(&library.path)),
        ]);
    }
    section(out, "Libraries", &sheet, "no crypto library was seen");
}

fn files(out: &mut String, accessed: &[FileAccess], failed: &[FileAccess]) {
    let mut sheet = Sheet::new(&COLUMNS);
    for file in accessed.iter().chain(failed) {
        sheet.row(row(file, ""));
    }
    section(out, "Files", &sheet, "no crypto file was opened");
}
