//! What OpenSSL's `X509_verify_cert` verified for.
//!
//! libssl says before, with `X509_STORE_CTX_set_default`, whether a server's or a client's certificate is verified. To build
//! its own chain it calls without: that this fails is the rule, and nothing that anybody has to look at.
//!
//! Invariant: that nothing was said is told only where it would have been seen, of calls that another library of the family
//! made; a program may have its own ways to say it.

use std::collections::HashSet;

use crypto_tracer_format::record::{ApiCall, api_bits};

use super::Function;
use super::args::add_text;
use super::call::Decoded;

/// The argument that says for what.
pub const PURPOSE: &str = "purpose";
/// What is told where libssl builds the chain that it sends.
pub const OWN_CHAIN: &str = "own_chain";
/// Says what the next verification with its object is for.
pub const SETS: &[u8] = b"X509_STORE_CTX_set_default";
/// Verifies.
const VERIFIES: &[u8] = b"X509_verify_cert";

/// Of a call that verifies: whether it would have been seen that a purpose was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verifies {
    /// Not so, or the program may have done it in another way.
    Unclear,
    /// Without a purpose, libssl builds its own chain.
    Clear,
}

/// The families whose purposes are recorded in a segment.
#[derive(Debug, Default)]
pub struct Families(HashSet<Box<[u8]>>);

impl Families {
    /// Takes note of a function whose calls are recorded.
    pub fn note(&mut self, function: &Function) {
        if *function.name == *SETS && tells_purpose(function) {
            self.0.insert(function.family.clone());
        }
    }

    fn contains(&self, family: &[u8]) -> bool {
        self.0.contains(family)
    }
}

fn tells_purpose(function: &Function) -> bool {
    function.args.iter().any(|arg| &*arg.name == PURPOSE)
}

/// Whether a file's calls tell purposes, as far as the functions of it say that can't be probed.
pub fn is_probed(left_out: &[u8]) -> bool {
    left_out.split(|b| *b == b' ').all(|name| name != SETS)
}

/// Whether a call verifies.
pub fn verifies(call: &ApiCall, function: &Function, families: &Families, probed: bool) -> Option<Verifies> {
    let is_so = *function.name == *VERIFIES && call.object != 0;
    // What says itself what it is for is asked nothing.
    if !is_so || tells_purpose(function) {
        return None;
    }
    let is_internal = call.bits & api_bits::INTERNAL != 0;
    let is_seen = probed && families.contains(&function.family);
    Some(if is_internal && is_seen { Verifies::Clear } else { Verifies::Unclear })
}

impl Decoded {
    /// Says what a call that [`Verifies`] was for: what was set for its object before; `None`: nothing was, an empty one: it
    /// could not be read.
    pub fn verified_for(&mut self, verifies: Verifies, purpose: Option<String>) {
        match purpose {
            Some(purpose) if !purpose.is_empty() => {
                add_text(&mut self.args, PURPOSE, purpose.as_bytes());
                if let Some(telling) = self.telling.as_mut().filter(|t| t.verified.is_some()) {
                    telling.purpose = Some(purpose);
                }
            }
            None if verifies == Verifies::Clear => {
                add_text(&mut self.args, PURPOSE, OWN_CHAIN.as_bytes());
                if self.result == "failure" {
                    self.result = "unknown";
                }
                self.telling = None;
            }
            _ => {}
        }
    }
}
