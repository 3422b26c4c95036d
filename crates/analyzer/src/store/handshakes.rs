//! TLS handshakes on their way into the database: what came of them once for each combination, and a row each.
//!
//! Invariants:
//! - Nothing is allocated for a handshake like one before.
//! - Of the server's port and the other side's address a client's port is not part: it differs each time and tells nothing.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::StoreError;
use super::convert::signed;
use super::ingest::Ingest;
use super::rows::EventRow;
use super::tally::{Counter, Tally, add_to};
use crate::event::{Alert, Event, TlsHandshake};
use crate::tls::registry::{ALERTS, CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES, VERSIONS};

/// So many combinations are remembered; more are looked up again.
const MAX_KNOWN: usize = 50_000;

/// What came of a handshake; texts by their number. See `negotiations` in sql/schema_crypto.sql.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Negotiation {
    client: bool,
    server_port: u16,
    version: Option<u16>,
    cipher_suite: Option<u16>,
    group: Option<u16>,
    signature_scheme: Option<u16>,
    sni: Option<i64>,
    alpn: Option<i64>,
    resumed: Option<bool>,
    hello_retry: bool,
    ech: bool,
    result: i64,
    alert: Option<Alert>,
    ja4: Option<i64>,
    verify: Option<i64>,
    offered: Option<i64>,
    certificates: Option<i64>,
    library: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    process: i64,
    negotiation: i64,
    peer: i64,
    segment: i64,
}

/// Counters that are not in the table yet, and combinations that were looked up.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    counters: Tally<Key>,
    known: HashMap<Negotiation, i64>,
}

impl Handshakes {
    /// Adds all counters to their table.
    pub(super) fn flush(&mut self, db: &Connection) -> Result<(), StoreError> {
        let mut insert = db.prepare_cached(add_to!("tls_rollup.sql"))?;
        for (k, c) in self.counters.drain() {
            insert.execute(params![k.process, k.negotiation, k.peer, k.segment, c.count, c.first, c.last])?;
        }
        Ok(())
    }

    fn find(&mut self, db: &Connection, n: Negotiation) -> Result<i64, StoreError> {
        if let Some(id) = self.known.get(&n) {
            return Ok(*id);
        }
        let (alert, sent) = (n.alert.and_then(|a| a.description), n.alert.map(|a| a.sent));
        let row: [&dyn ToSql; 19] = [
            &n.client,
            &n.server_port,
            &n.version,
            &n.cipher_suite,
            &n.group,
            &n.signature_scheme,
            &n.sni,
            &n.alpn,
            &n.resumed,
            &n.hello_retry,
            &n.ech,
            &n.result,
            &alert,
            &sent,
            &n.ja4,
            &n.verify,
            &n.offered,
            &n.certificates,
            &n.library,
        ];
        let find = db.prepare_cached(include_str!("../../sql/negotiation_find.sql"))?;
        let id = match { find }.query_row(&row[..], |r| r.get(0)).optional()? {
            Some(id) => id,
            None => {
                name_numbers(db, &n)?;
                db.prepare_cached(include_str!("../../sql/negotiation_insert.sql"))?.insert(&row[..])?
            }
        };
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(n, id);
        Ok(id)
    }
}

/// Keeps the names of the numbers, where they have any.
fn name_numbers(db: &Connection, n: &Negotiation) -> Result<(), StoreError> {
    let mut insert = db.prepare_cached(include_str!("../../sql/tls_name.sql"))?;
    for (name, registry, number) in [
        ("version", &VERSIONS, n.version),
        ("cipher_suite", &CIPHER_SUITES, n.cipher_suite),
        ("group", &GROUPS, n.group),
        ("signature_scheme", &SIGNATURE_SCHEMES, n.signature_scheme),
        ("alert", &ALERTS, n.alert.and_then(|a| a.description).map(u16::from)),
    ] {
        if let Some((number, known)) = number.and_then(|number| Some((number, registry.known(number)?))) {
            insert.execute(params![name, number, known])?;
        }
    }
    Ok(())
}

impl Ingest {
    /// A handshake. Gives the row its detail.
    pub(super) fn add_handshake(
        &mut self,
        event: &Event<'_>,
        shake: &TlsHandshake<'_>,
        process: Option<i64>,
        row: &mut EventRow,
    ) -> Result<(), StoreError> {
        let negotiation = self.negotiation(shake)?;
        let peer = self.address(shake.peer.address)?;
        if let Some(process) = process {
            let key = Key { process, negotiation, peer, segment: row.segment };
            if self.handshakes.counters.count(key, Counter::one(event.wall_ns)) {
                self.handshakes.flush(&self.db)?;
            }
        }
        if self.keep_events {
            let local = self.address(shake.local.address)?;
            let mut insert = self.db.prepare_cached(include_str!("../../sql/handshake_insert.sql"))?;
            row.detail = Some(insert.insert(params![
                row.segment,
                process,
                negotiation,
                row.time_ns,
                row.wall_ns,
                signed(shake.connection),
                local,
                shake.local.port,
                peer,
                shake.peer.port,
                shake.duration_ns.map(signed),
                shake.bits
            ])?);
        }
        Ok(())
    }

    fn negotiation(&mut self, shake: &TlsHandshake<'_>) -> Result<i64, StoreError> {
        let (db, texts) = (&self.db, &mut self.interned);
        let server = if shake.client { shake.peer } else { shake.local };
        let negotiation = Negotiation {
            client: shake.client,
            server_port: server.port,
            version: shake.version,
            cipher_suite: shake.cipher_suite,
            group: shake.group,
            signature_scheme: shake.signature_scheme,
            sni: texts.text_option(db, shake.sni)?,
            alpn: texts.text_option(db, shake.alpn)?,
            resumed: shake.resumed,
            hello_retry: shake.hello_retry,
            ech: shake.ech,
            result: texts.text(db, shake.result.as_bytes())?,
            alert: shake.alert,
            ja4: texts.text_option(db, shake.ja4)?,
            verify: texts.text_option(db, shake.verify)?,
            offered: texts.text_option(db, shake.offered)?,
            certificates: texts.text_option(db, shake.certificates)?,
            library: texts.path_option(db, Some(shake.library))?,
        };
        self.handshakes.find(&self.db, negotiation)
    }

    /// The number of an address's text.
    fn address(&mut self, address: Ipv6Addr) -> Result<i64, StoreError> {
        use std::io::Write;
        // The longest is 39 characters.
        let mut text = [0; 64];
        let mut rest = &mut text[..];
        // It can't fail: there is room.
        let _ = write!(rest, "{}", address.to_canonical());
        let left = rest.len();
        let len = text.len() - left;
        self.interned.text(&self.db, text.get(..len).unwrap_or_default())
    }
}
