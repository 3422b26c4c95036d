//! Certificates that were seen, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::handshakes::{Shakes, known};
use super::tls::Actor;
use super::weak::{is_weak_key_of, is_weak_signature};
use crate::documents::{CertificateRow, Time, shown};

/// A certificate that ends within so many days is told.
const SOON_DAYS: i64 = 30;
const DAY_NS: i64 = 86_400_000_000_000;
/// So many servers and processes are named for each.
const MOST: usize = 10;

#[derive(Default)]
struct Seen {
    count: u64,
    servers: BTreeSet<String>,
    processes: BTreeSet<String>,
}

/// How many different certificates were seen, and those with faults, at `now`; at most `top`.
pub(super) fn faulty(
    shakes: &[Shakes],
    actors: &HashMap<i64, Actor>,
    now: Option<Time>,
    top: usize,
) -> (u64, Vec<CertificateRow>) {
    let mut seen: BTreeMap<String, (Map<String, Value>, Seen)> = BTreeMap::new();
    for shakes in shakes.iter().filter(|s| !s.what.outcome.certificates.is_empty()) {
        let list: Vec<Value> = serde_json::from_slice(&shakes.what.outcome.certificates).unwrap_or_default();
        for certificate in list {
            let Value::Object(fields) = certificate else { continue };
            let text = Value::Object(fields.clone()).to_string();
            let (_, seen) = seen.entry(text).or_insert_with(|| (fields, Seen::default()));
            seen.count += shakes.counted.count;
            seen.servers.insert(server(shakes));
            if let Some(actor) = actors.get(&shakes.process) {
                seen.processes.insert(shown(&actor.name).0);
            }
        }
    }
    let total = seen.len() as u64;
    let rows = seen.into_values().filter_map(|(fields, seen)| row(&fields, seen, now));
    let mut rows: Vec<CertificateRow> = rows.collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.faults.len(), row.count)));
    rows.truncate(top);
    (total, rows)
}

/// The server that showed a certificate.
fn server(shakes: &Shakes) -> String {
    let what = &shakes.what.outcome;
    match (known(&what.sni), what.client) {
        (Some(name), _) => name,
        (None, true) if shakes.peer.contains(':') => format!("[{}]:{}", shakes.peer, what.server_port),
        (None, true) => format!("{}:{}", shakes.peer, what.server_port),
        (None, false) => format!("port {}", what.server_port),
    }
}

/// `None`: nothing is wrong with it.
fn row(fields: &Map<String, Value>, seen: Seen, now: Option<Time>) -> Option<CertificateRow> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
    let (not_before, not_after) = (text("not_before"), text("not_after"));
    let (key_type, signature_algorithm) = (text("key_type"), text("signature_algorithm"));
    let key_bits = fields.get("key_bits").and_then(Value::as_u64);
    let (subject, issuer) = (text("subject").unwrap_or_default(), text("issuer").unwrap_or_default());
    let mut faults = Vec::new();
    if let Some(now) = now {
        let days = |text: &Option<String>| Some(moment(text.as_deref()?)?.saturating_sub(now.0));
        match days(&not_after) {
            Some(left) if left < 0 => faults.push("expired"),
            Some(left) if left < SOON_DAYS * DAY_NS => faults.push("expires soon"),
            _ => {}
        }
        if days(&not_before).is_some_and(|since| since > 0) {
            faults.push("not yet valid");
        }
    }
    if let (Some(kind), Some(bits)) = (&key_type, key_bits)
        && is_weak_key_of(kind, bits)
    {
        faults.push("weak key");
    }
    // Who signs itself is trusted for what it is, not for its signature.
    if subject != issuer && signature_algorithm.as_deref().is_some_and(is_weak_signature) {
        faults.push("weak signature");
    }
    let some = |set: BTreeSet<String>| set.into_iter().take(MOST).collect();
    (!faults.is_empty()).then(|| CertificateRow {
        faults,
        subject,
        issuer,
        serial: text("serial"),
        not_before,
        not_after,
        key_type,
        key_bits,
        signature_algorithm,
        count: seen.count,
        servers: some(seen.servers),
        processes: some(seen.processes),
    })
}

/// Nanoseconds since 1970; `None`: no time, or one that nanoseconds don't reach.
fn moment(text: &str) -> Option<i64> {
    let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
    time.timestamp_nanos_opt().or_else(|| Some(if time.timestamp() > 0 { i64::MAX } else { i64::MIN }))
}
