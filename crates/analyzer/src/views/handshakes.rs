//! Handshakes as the database counted them, for the views that tell of TLS.
//!
//! Invariant: what came of handshakes is read once for each combination, however many processes and peers share it.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::{Connection, Params};
use serde_json::Value;

use super::processes::Whose;
use crate::documents::{Counted, Time, TlsPeer, TlsTotals, shown};
use crate::store::{Outcome, StoreError};
use crate::tls::library::verdict;

/// Groups that withstand quantum computers, as far as is known: ML-KEM alone, ML-KEM with a curve, and the drafts of that
/// which browsers used before (Kyber).
const POST_QUANTUM: [u16; 9] = [512, 513, 514, 4587, 4588, 4589, 4590, 0x6399, 0x639a];

/// Number of TLS 1.2 and TLS 1.3.
const TLS12: u16 = 0x0303;
pub(super) const TLS13: u16 = 0x0304;

/// Whether a group withstands quantum computers, as far as is known.
pub(super) fn is_post_quantum(group: u16) -> bool {
    POST_QUANTUM.contains(&group)
}

/// Whether a version is older than TLS 1.2. (Drafts of TLS 1.3 are 0x7f…)
pub(super) fn is_outdated(version: u16) -> bool {
    version < TLS12
}

/// What came of handshakes.
#[derive(Clone, Debug, Default)]
pub(super) struct Negotiation {
    pub outcome: Outcome,
    /// The client offered a group that withstands quantum computers.
    pub offers_post_quantum: bool,
}

impl Negotiation {
    fn find(db: &Connection, id: i64) -> Result<Negotiation, StoreError> {
        let outcome = Outcome::find(db, id)?;
        let offers_post_quantum = offers_post_quantum(&outcome.offered);
        Ok(Negotiation { outcome, offers_post_quantum })
    }

    pub(super) fn has_failed(&self) -> bool {
        self.outcome.result == "failure"
    }

    /// A client's library was told not to verify the server, and nobody was seen to ask what it found.
    pub(super) fn is_not_verified(&self) -> bool {
        self.outcome.client && self.outcome.verify == verdict::DISABLED.as_bytes()
    }

    /// The peer was verified and did not pass.
    pub(super) fn has_failed_verification(&self) -> bool {
        let verify = &*self.outcome.verify;
        let is = |text: &str| verify == text.as_bytes();
        !verify.is_empty() && ![verdict::OK, verdict::DISABLED, verdict::BY_PROGRAM].into_iter().any(is)
    }

    pub(super) fn role(&self) -> &'static str {
        if self.outcome.client { "client" } else { "server" }
    }
}

/// A text of an outcome as documents show it; `None`: there is none.
pub(super) fn known(text: &[u8]) -> Option<String> {
    (!text.is_empty()).then(|| shown(text).0)
}

/// Handshakes of a process with one peer and the same outcome.
#[derive(Clone, Debug)]
pub(super) struct Shakes {
    pub process: i64,
    pub what: Rc<Negotiation>,
    /// The peer's address.
    pub peer: String,
    pub counted: Counted,
}

impl Shakes {
    pub(super) fn peer(&self) -> TlsPeer {
        let outcome = &self.what.outcome;
        TlsPeer { address: self.peer.clone(), port: outcome.client.then_some(outcome.server_port) }
    }
}

/// What was read of `negotiations`.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<i64, Rc<Negotiation>>);

impl Known {
    /// All handshakes.
    pub(super) fn of(&mut self, db: &Connection, whose: Whose) -> Result<Vec<Shakes>, StoreError> {
        self.read(db, include_str!("../../sql/tls_rows.sql"), whose.params())
    }

    /// The rows of one of the statements sql/tls_rows*.sql.
    pub(super) fn read(
        &mut self,
        db: &Connection,
        sql: &str,
        params: impl Params,
    ) -> Result<Vec<Shakes>, StoreError> {
        let mut statement = db.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            let id = row.get(1)?;
            let what = match self.0.get(&id) {
                Some(known) => Rc::clone(known),
                None => {
                    let read = Rc::new(Negotiation::find(db, id)?);
                    self.0.insert(id, Rc::clone(&read));
                    read
                }
            };
            let count = row.get::<_, i64>(3)?.cast_unsigned();
            let counted = Counted {
                count,
                failures: if what.has_failed() { count } else { 0 },
                first: row.get::<_, Option<i64>>(4)?.map(Time),
                last: row.get::<_, Option<i64>>(5)?.map(Time),
            };
            list.push(Shakes { process: row.get(0)?, what, peer: row.get(2)?, counted });
        }
        Ok(list)
    }
}

fn offers_post_quantum(offered: &[u8]) -> bool {
    let offered: Value = serde_json::from_slice(offered).unwrap_or_default();
    let groups = offered.get("group_ids").and_then(Value::as_array);
    let mut numbers =
        groups.into_iter().flatten().filter_map(Value::as_u64).filter_map(|n| n.try_into().ok());
    numbers.any(is_post_quantum)
}

/// Adds up.
pub(super) fn totals<'a>(shakes: impl Iterator<Item = &'a Shakes>) -> TlsTotals {
    let mut t = TlsTotals::default();
    for s in shakes {
        let of = |is: bool| if is { s.counted.count } else { 0 };
        let (n, outcome) = (&*s.what, &s.what.outcome);
        t.handshakes += s.counted.count;
        t.successes += of(outcome.result == "success");
        t.failures += s.counted.failures;
        t.clients += of(outcome.client);
        t.servers += of(!outcome.client);
        t.tls13 += of(outcome.version == Some(TLS13));
        t.outdated += of(outcome.version.is_some_and(is_outdated));
        t.post_quantum += of(outcome.group.is_some_and(is_post_quantum));
        t.post_quantum_offered += of(n.offers_post_quantum);
        t.not_verified += of(n.is_not_verified());
        t.verify_failures += of(n.has_failed_verification());
    }
    t
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_groups_that_withstand_quantum_computers_are_known_by_name() {
        use crate::tls::registry::GROUPS;
        for number in 0..=u16::MAX {
            let named = GROUPS.known(number).is_some_and(|n| n.contains("MLKEM") || n.contains("Kyber"));
            assert!(!named || is_post_quantum(number), "{number}");
        }
        assert!(!is_post_quantum(29) && !is_post_quantum(256));
    }

    #[test]
    fn who_asked_for_the_result_is_no_fault() {
        let told = |verify: &str, client| {
            let outcome = Outcome { verify: verify.as_bytes().into(), client, ..Outcome::default() };
            let n = Negotiation { outcome, ..Negotiation::default() };
            (n.is_not_verified(), n.has_failed_verification())
        };
        for neither in ["", "ok", "by_program"] {
            assert_eq!(told(neither, true), (false, false), "{neither}");
        }
        assert_eq!((told("disabled", true), told("disabled", false)), ((true, false), (false, false)));
        assert_eq!(told("X509_V_ERR_CERT_HAS_EXPIRED", true), (false, true));
    }

    #[test]
    fn offers_of_any_form_are_read_or_ignored() {
        assert!(offers_post_quantum(br#"{"group_ids":[29,4588]}"#));
        for offered in ["", "[]", "{", r#"{"group_ids":[29,70000,-1,"4588"]}"#, r#"{"group_ids":4588}"#] {
            assert!(!offers_post_quantum(offered.as_bytes()), "{offered}");
        }
    }
}
