//! The table of `tls`, and the rows of handshakes that other tables share.

use super::Document;
use super::text::{Column, Sheet, counted, coverage, harmless, heading, host, section};
use crate::documents::{TlsDocument, TlsRow, TlsTotals};

/// With more columns than these, what goes together stands in one: two lines are read more easily than a wide one.
const MOST_COLUMNS: usize = 4;

/// What stands behind a group that withstands quantum computers.
const POST_QUANTUM: &str = " (PQ)";

impl Document for TlsDocument {
    fn text(&self, out: &mut String) {
        heading(out, &format!("TLS on {}", host(&self.host)));
        section(
            out,
            &totals(&self.summary),
            &sheet(&self.handshakes, &self.group_by),
            "no handshake was seen",
        );
        if self.handshakes.iter().any(|row| row.post_quantum == Some(true)) {
            out.push_str("  (PQ): the key exchange withstands quantum computers, as far as is known\n");
        }
        coverage(out, &self.coverage);
    }
}

/// `5 handshakes, 1 failed; 3 of TLS 1.3, 2 (40 %) post-quantum`. Where there are both clients and servers, a connection may
/// stand there twice, once for each end.
pub(super) fn totals(t: &TlsTotals) -> String {
    let mut text = match (t.clients, t.servers) {
        (0, _) | (_, 0) => counted(t.handshakes, "handshake", "handshakes"),
        (clients, servers) => format!(
            "{} ends of handshakes ({}, {})",
            t.handshakes,
            counted(clients, "client", "clients"),
            counted(servers, "server", "servers")
        ),
    };
    text.push_str(&format!(", {} failed", t.failures));
    if t.handshakes > 0 {
        text.push_str(&format!("; {} TLS 1.3", share(t.tls13, t.handshakes)));
        if t.outdated > 0 {
            text.push_str(&format!(", {} older than TLS 1.2", share(t.outdated, t.handshakes)));
        }
        text.push_str(&format!(", {} post-quantum", share(t.post_quantum, t.handshakes)));
    }
    text
}

/// `3 (60 %)`. What is not quite all or nothing is not rounded to it.
pub(super) fn share(part: u64, whole: u64) -> String {
    let percent = match (part, whole) {
        (_, 0) | (0, _) => 0,
        (part, whole) if part >= whole => 100,
        (part, whole) => {
            ((u128::from(part) * 200 + u128::from(whole)) / (2 * u128::from(whole))).clamp(1, 99)
        }
    };
    format!("{part} ({percent} %)")
}

/// The columns, by the fields that rows are grouped by.
pub(super) fn sheet(rows: &[TlsRow], group_by: &[&str]) -> Sheet {
    let has = |name: &str| group_by.contains(&name);
    let stacked = group_by.len() > MOST_COLUMNS;
    let has_failures = rows.iter().any(|row| row.counted.failures > 0);
    let has_server = has("peer") || has("sni");
    let role_below = stacked && has("role") && has("process");
    let group_below = stacked && has("version") && has("group");
    let verify_below = stacked && has("result") && has("verify");
    let suite_below = stacked && has("cipher_suite") && has_server;
    let is_below = |name: &str| {
        (role_below && name == "role")
            || (group_below && name == "group")
            || (verify_below && name == "verify")
    };
    let mut columns = vec![Column::Number("COUNT")];
    columns.extend(has_failures.then_some(Column::Number("FAILED")));
    for (name, column) in [
        ("host", Column::Text("HOST")),
        ("process", Column::Text("PROCESS")),
        ("pid", Column::Number("PID")),
        ("role", Column::Text("ROLE")),
        ("version", Column::Text(if group_below { "VERSION, GROUP" } else { "VERSION" })),
        ("group", Column::Text("GROUP")),
        ("signature_scheme", Column::Text("SIGNATURE")),
        ("alpn", Column::Text("ALPN")),
        ("result", Column::Text(if verify_below { "RESULT, VERIFIED" } else { "RESULT" })),
        ("resumed", Column::Text("RESUMED")),
        ("verify", Column::Text("VERIFIED")),
        ("ja4", Column::Text("JA4")),
        ("library", Column::Text("LIBRARY")),
        ("program", Column::Text("PROGRAM")),
    ] {
        if has(name) && !is_below(name) {
            columns.push(column);
        }
    }
    columns.extend((has("cipher_suite") && !suite_below).then_some(Column::Text("CIPHER SUITE")));
    columns.extend(has_server.then_some(Column::Text(if suite_below {
        "PEER, CIPHER SUITE"
    } else {
        "PEER"
    })));
    let mut sheet = Sheet::new(&columns);
    for row in rows {
        let text = |field: &Option<String>| field.as_deref().map_or_else(|| "-".to_owned(), harmless);
        let mut cells = vec![row.counted.count.to_string()];
        cells.extend(has_failures.then(|| row.counted.failures.to_string()));
        let role = row.role.unwrap_or("-");
        for (name, cell) in [
            ("host", text(&row.hostname)),
            (
                "process",
                if role_below { format!("{}\n  {role}", text(&row.process)) } else { text(&row.process) },
            ),
            ("pid", row.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string())),
            ("role", role.to_owned()),
            ("version", below(text(&row.version), group_below, group(row))),
            ("group", group(row)),
            ("signature_scheme", text(&row.signature_scheme)),
            ("alpn", text(&row.alpn)),
            ("result", below(result(row), verify_below, format!("verify: {}", text(&row.verify)))),
            ("resumed", row.resumed.map_or("-", |r| if r { "yes" } else { "no" }).to_owned()),
            ("verify", text(&row.verify)),
            ("ja4", text(&row.ja4)),
            ("library", text(&row.library)),
            ("program", text(&row.program)),
        ] {
            if has(name) && !is_below(name) {
                cells.push(cell);
            }
        }
        let suite = text(&row.cipher_suite);
        if suite_below {
            cells.push(format!("{}\n  {suite}", server(row)));
        } else {
            cells.extend(has("cipher_suite").then_some(suite));
            cells.extend(has_server.then(|| server(row)));
        }
        sheet.row(cells);
    }
    sheet
}

/// A cell with another one below, where that has no column of its own.
fn below(cell: String, has_below: bool, below: String) -> String {
    if has_below { format!("{cell}\n  {below}") } else { cell }
}

fn group(row: &TlsRow) -> String {
    let name = row.group.as_deref().map_or_else(|| "-".to_owned(), harmless);
    if row.post_quantum == Some(true) { name + POST_QUANTUM } else { name }
}

fn result(row: &TlsRow) -> String {
    let result = row.result.as_deref().map_or_else(|| "-".to_owned(), harmless);
    match &row.alert {
        Some(alert) => format!("{result}: {}", harmless(alert)),
        None => result,
    }
}

/// `example.org (198.51.100.0:443)`, as far as it is known and grouped by.
pub(super) fn server(row: &TlsRow) -> String {
    let address = row.peer.as_ref().map(|peer| {
        let address = harmless(&peer.address);
        match peer.port {
            Some(port) if address.contains(':') => format!("[{address}]:{port}"),
            Some(port) => format!("{address}:{port}"),
            None => address,
        }
    });
    match (row.sni.as_deref().map(harmless), address) {
        (Some(name), Some(address)) => format!("{name} ({address})"),
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_of_which_both_ends_were_recorded_is_not_called_two_handshakes() {
        let text = |clients, servers| {
            let text = totals(&TlsTotals {
                handshakes: clients + servers,
                clients,
                servers,
                ..TlsTotals::default()
            });
            text.split(',').take(if clients * servers > 0 { 2 } else { 1 }).collect::<Vec<_>>().join(",")
        };
        assert_eq!(text(8, 8), "16 ends of handshakes (8 clients, 8 servers)");
        assert_eq!(text(1, 2), "3 ends of handshakes (1 client, 2 servers)");
        assert_eq!(
            (&*text(3, 0), &*text(0, 1), &*text(0, 0)),
            ("3 handshakes", "1 handshake", "0 handshakes")
        );
    }

    #[test]
    fn shares_are_only_whole_where_they_are() {
        for (part, whole, want) in [
            (0, 0, "0 (0 %)"),
            (0, 5, "0 (0 %)"),
            (1, 1000, "1 (1 %)"),
            (999, 1000, "999 (99 %)"),
            (2, 3, "2 (67 %)"),
            (5, 5, "5 (100 %)"),
            (u64::MAX - 1, u64::MAX, "18446744073709551614 (99 %)"),
        ] {
            assert_eq!(share(part, whole), want);
        }
    }
}
