//! The form of `summary` for people: the first thing that anybody sees of a capture.

use super::text::{
    Column, Sheet, counted, coverage, harmless, heading, host, section, some, time, time_or_dash,
};
use super::{Document, calls, tls};
use crate::documents::{CertificateRow, Counted, SummaryDocument, TlsRow};

/// So many names or paths stand in a row.
const MOST: usize = 4;

impl Document for SummaryDocument {
    fn text(&self, out: &mut String) {
        heading(out, &host(&self.host));
        if let Some(span) = self.span {
            let length = length(span.captured_ns);
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
        self.tls(out);
        self.verifications(out);
        self.failed(out);
        self.programs(out);
        self.libraries(out);
        self.files(out);
        self.calls(out);
        coverage(out, &self.coverage);
    }
}

impl SummaryDocument {
    fn tls(&self, out: &mut String) {
        let tls = &self.tls;
        if tls.totals.handshakes == 0 {
            return;
        }
        let title = format!("TLS: {}", tls::totals(&tls.totals));
        section(out, &title, &tls::sheet(&tls.negotiated, &["version", "group", "cipher_suite"]), "");
        let clients = tls::share(tls.totals.post_quantum_offered, tls.totals.handshakes);
        out.push_str(&format!("  post-quantum key exchange was offered in {clients}\n"));
        if !tls.failed.is_empty() {
            let columns = ["process", "role", "result", "verify", "peer", "sni"];
            // All of them did: a column that says so again tells nothing.
            let failed: Vec<TlsRow> = tls
                .failed
                .iter()
                .map(|r| TlsRow { counted: Counted { failures: 0, ..r.counted }, ..r.clone() })
                .collect();
            section(out, "Handshakes that failed", &tls::sheet(&failed, &columns), "");
        }
        if !tls.not_verified.is_empty() {
            let columns = ["process", "role", "verify", "peer", "sni"];
            let title = "Peers that were not verified, or did not pass";
            section(out, title, &tls::sheet(&tls.not_verified, &columns), "");
        }
        if !tls.certificates.is_empty() {
            let mut sheet = Sheet::new(&[
                Column::Number("SEEN"),
                Column::Text("FAULTS"),
                Column::Text("KEY"),
                Column::Text("CERTIFICATE"),
            ]);
            for certificate in &tls.certificates {
                sheet.row(row(certificate));
            }
            let title = format!("Certificates with faults, of {} seen", tls.certificates_seen);
            section(out, &title, &sheet, "");
        }
    }

    /// Beside the handshakes: of some nothing tells that the verification was theirs.
    fn verifications(&self, out: &mut String) {
        let list = &self.api_calls.verifications;
        if !list.is_empty() {
            let title = "Verifications of certificates by libraries, whether their handshake is known or not";
            section(out, title, &calls::uses(list), "");
        }
    }

    fn calls(&self, out: &mut String) {
        let calls = &self.api_calls;
        if !calls.algorithms.is_empty() {
            section(out, "Algorithms and keys in libraries", &calls::uses(&calls.algorithms), "");
        }
        if !calls.settings.is_empty() {
            section(out, "Settings in libraries", &calls::uses(&calls.settings), "");
        }
        let kernel = &self.kernel;
        if !kernel.requests.is_empty() {
            section(out, "Cryptography of the kernel", &calls::requests(&kernel.requests), "");
        }
        let fips = kernel.fips.map(|on| format!("FIPS mode of the kernel {}", if on { "on" } else { "off" }));
        let policy = kernel.crypto_policy.as_ref().map(|p| format!("crypto policy {}", harmless(p)));
        let facts: Vec<String> = [fips, policy].into_iter().flatten().collect();
        if !facts.is_empty() {
            heading(out, "Host");
            out.push_str(&format!("  {}\n", facts.join("; ")));
        }
    }

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
            Column::Number("TLS"),
            Column::Number("CALLS"),
            Column::Text("NAME"),
            Column::Text("PROGRAM"),
        ]);
        for program in &self.programs {
            sheet.row(vec![
                program.processes.to_string(),
                program.file_opens.to_string(),
                program.failed_opens.to_string(),
                program.libraries.to_string(),
                program.tls_handshakes.to_string(),
                program.api_calls.to_string(),
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

/// `1.9 seconds`; of a longer time, whole ones.
fn length(ns: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    const TENTH: i64 = SECOND / 10;
    match ns.saturating_add(TENTH / 2) / TENTH {
        tenths @ ..100 => format!("{}.{} seconds", tenths / 10, tenths % 10),
        _ => format!("{} seconds", ns.saturating_add(SECOND / 2) / SECOND),
    }
}

fn row(certificate: &CertificateRow) -> Vec<String> {
    let dash = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), harmless);
    let bits = certificate.key_bits.map(|bits| format!(" {bits}")).unwrap_or_default();
    let names = |list: &[String]| {
        let names: Vec<String> = list.iter().map(|name| harmless(name)).collect();
        some(&names, MOST)
    };
    vec![
        certificate.count.to_string(),
        certificate.faults.join("\n"),
        format!("{}{bits}\n{}", dash(&certificate.key_type), dash(&certificate.signature_algorithm)),
        format!(
            "{}\n  until {}, by {}\n  {}: {}",
            harmless(&certificate.subject),
            dash(&certificate.not_after),
            harmless(&certificate.issuer),
            names(&certificate.processes),
            names(&certificate.servers)
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_are_not_rounded_away() {
        for (ns, want) in [
            (0, "0.0 seconds"),
            (1_886_000_000, "1.9 seconds"),
            (9_949_999_999, "9.9 seconds"),
            (9_950_000_000, "10 seconds"),
            (3_600_500_000_000, "3601 seconds"),
            (i64::MAX, "9223372036 seconds"),
        ] {
            assert_eq!(length(ns), want);
        }
    }
}
