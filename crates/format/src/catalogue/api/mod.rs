//! Which functions of which libraries are recorded, and what their arguments may tell: one TOML file per family.
//!
//! Invariants:
//! - The files are the only list. Parsers, probes, documents and tests are made from them.
//! - An argument is a number, the name of an algorithm, a path, or a host's name: there is no way to name a buffer.
//! - What a probe reads is bounded: at most [`NUMBERS`] numbers and one string of each slot, [`DEREFERENCES`] pointers
//!   deep.
//! - A [`Catalogue`] is valid: what its rows say can be recorded. See [`CatalogueError`] for what is refused.

mod builtin;
mod check;
mod kinds;
mod parse;
mod slots;
mod source;

pub use kinds::{ArgumentKind, Callers, Recorded, Retry, Success, Topic};
pub use parse::{Catalogue, CatalogueError, CatalogueFile};
pub use slots::{NamedArgument, Slot};
pub use source::{ARGUMENTS, DEREFERENCES, Source, SourceError, Width};

use serde::Deserialize;

/// Numbers of one call that can be kept (`n0` to `n3`).
pub const NUMBERS: usize = 4;
/// Numbers that tell counts of one function apart (`n0` and `n1`).
pub const COUNTED_NUMBERS: usize = 2;
/// Values that a condition can list.
pub const ONLY_VALUES: usize = 4;

/// A family of libraries with one API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// As people write it, e.g. `OpenSSL`.
    pub family: String,
    /// Stems of its shared libraries, as in [`libraries`](super::libraries): `libssl` is `libssl.so.3` and `libssl-8bd944e8.so.3`.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// A file of any other name that exports all of these, or has them in its symbol table, carries the family within it.
    #[serde(default)]
    pub within: Vec<String>,
    /// The same, with one of these at least; both may stand there. What tells a fork from the library that it was made from.
    #[serde(default)]
    pub any: Vec<String>,
    /// None of these may be there besides (forks export the same names and more).
    #[serde(default)]
    pub unless: Vec<String>,
    /// Its names may begin with one of these and the version's digits and underscores, where several copies are to live
    /// in one program: `aws_lc_` is `aws_lc_0_35_0_EVP_Digest`. A file with such names carries the family within it.
    #[serde(default)]
    pub prefixes: Vec<String>,
    /// An earlier family whose functions are its functions too; those that differ stand here again.
    #[serde(default)]
    pub like: Option<String>,
    /// Binaries of the Go language: functions are found by their names in the line table, and have no return probes.
    #[serde(default)]
    pub go: bool,
    /// The functions.
    #[serde(rename = "function", default)]
    pub functions: Vec<Function>,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// The symbol's name.
    pub name: String,
    /// How its calls are recorded.
    pub record: Recorded,
    /// What it tells of, for people and summaries.
    pub topic: Topic,
    /// Only where bulk functions were asked for.
    #[serde(default)]
    pub bulk: bool,
    /// Doors to the same thing: of functions of one group that call each other as their last act, one call is recorded,
    /// that of the outermost, with the result of the innermost.
    #[serde(default)]
    pub group: Option<String>,
    /// Whose calls are recorded.
    #[serde(default)]
    pub callers: Callers,
    /// Only calls where this argument has one of these values (commands of `SSL_CTX_ctrl`).
    #[serde(default)]
    pub only: Option<Only>,
    /// Of a counted function, only calls whose arguments can all be read: a context that was never set up tells of no algorithm.
    #[serde(default)]
    pub only_readable: bool,
    /// Which results mean success. Without: the function tells nothing by its result.
    #[serde(default)]
    pub success: Success,
    /// Results that mean that the call isn't completed and will be tried again (of the same `object`).
    #[serde(default)]
    pub retry: Retry,
    /// The library's object that the call is about, a connection or a context: where its address is found.
    #[serde(default)]
    pub object: Option<Source>,
    /// The object that it was made from.
    #[serde(default)]
    pub parent: Option<Source>,
    /// While it runs, TLS messages of its thread belong to `object`.
    #[serde(default)]
    pub handshake: bool,
    /// What is kept of its arguments.
    #[serde(default)]
    pub args: Vec<Argument>,
}

/// A condition on an argument.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// The argument's position, from 0.
    pub arg: u8,
    /// The values (as int), at most four.
    pub values: Vec<i64>,
}

/// What is kept of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// Its name in documents, e.g. `verify_mode`.
    pub name: String,
    /// Where it is found. Of a string: its address.
    pub from: Source,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ArgumentKind,
}

impl Function {
    /// Whether something is known only when it returns: its result, what it made, that a handshake's thread left it.
    /// All else is known when it is entered, and a function that tells nothing by its result can't fail.
    pub fn needs_return(&self) -> bool {
        let late = |source: &Option<Source>| source.as_ref().is_some_and(Source::is_late);
        self.success != Success::None
            || self.handshake
            || late(&self.object)
            || late(&self.parent)
            || self.args.iter().any(|arg| arg.from.is_late())
    }
}
