//! `tls`: the handshakes, counted by whatever is asked for.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use rusqlite::{Connection, params};

use super::handshakes::{Known, Shakes, is_post_quantum, known, totals};
use super::hosts::{HostRow, hosts};
use super::processes::Whose;
use super::profile::{Selector, must_be_there};
use super::tls_libraries::TlsLibraries;
use super::{Material, Outcome, ViewError, coverage, write_all};
use crate::AnalyzeError;
use crate::documents::{Counted, TlsDocument, TlsRow, shown, shown_option};
use crate::render::Format;
use crate::store::{StoreError, stored_bytes};
use crate::tls::registry::{CIPHER_SUITES, GROUPS, SIGNATURE_SCHEMES, VERSIONS};
use crypto_tracer_format::matching::contains;

macro_rules! columns {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal;)*) => {
        /// What handshakes can be grouped by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum TlsColumn {
            $($(#[doc = $doc])* $name,)*
        }

        impl TlsColumn {
            /// All of them, in the order in which tables have them.
            pub const ALL: &'static [TlsColumn] = &[$(TlsColumn::$name),*];

            /// As `--group-by` has it.
            pub fn name(self) -> &'static str {
                match self {
                    $(TlsColumn::$name => $text,)*
                }
            }
        }
    };
}

columns! {
    /// The host.
    Host = "host";
    /// The process's name.
    Process = "process";
    /// The program file.
    Program = "program";
    /// The process's pid.
    Pid = "pid";
    /// Client or server.
    Role = "role";
    /// The library that made it, or may have.
    Library = "library";
    /// The version.
    Version = "version";
    /// The group of the key exchange.
    Group = "group";
    /// The signature scheme.
    SignatureScheme = "signature_scheme";
    /// The application protocol.
    Alpn = "alpn";
    /// How it ended, and with which alert.
    Result = "result";
    /// Whether an earlier session was resumed.
    Resumed = "resumed";
    /// What came of the verification of the peer.
    Verify = "verify";
    /// JA4 of the ClientHello.
    Ja4 = "ja4";
    /// The other side.
    Peer = "peer";
    /// The server's name.
    Sni = "sni";
    /// The cipher suite.
    CipherSuite = "cipher_suite";
}

impl TlsColumn {
    /// What is grouped by where nothing else is asked for.
    pub const DEFAULT: &'static [TlsColumn] = &[
        TlsColumn::Process,
        TlsColumn::Role,
        TlsColumn::Peer,
        TlsColumn::Sni,
        TlsColumn::Version,
        TlsColumn::CipherSuite,
        TlsColumn::Group,
        TlsColumn::Result,
        TlsColumn::Verify,
    ];

    /// The column of that name.
    pub fn from_name(name: &str) -> Option<TlsColumn> {
        TlsColumn::ALL.iter().copied().find(|c| c.name() == name)
    }
}

/// What `tls` is to show.
#[derive(Clone, Debug)]
pub struct TlsOptions {
    /// What to group by.
    pub group_by: Vec<TlsColumn>,
    /// Only handshakes of processes whose name holds this, whatever its case.
    pub name: Option<String>,
    /// Only handshakes of processes with this pid.
    pub pid: Option<u32>,
    /// Only handshakes that ended then or later. Needs a material with events.
    pub since_wall_ns: Option<i64>,
    /// Only handshakes that ended then or earlier. Needs a material with events.
    pub until_wall_ns: Option<i64>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        TlsOptions {
            group_by: TlsColumn::DEFAULT.to_vec(),
            name: None,
            pid: None,
            since_wall_ns: None,
            until_wall_ns: None,
        }
    }
}

impl TlsOptions {
    /// Whether the events are needed: what was counted while they came tells nothing of a stretch of time.
    pub fn needs_events(&self) -> bool {
        self.since_wall_ns.is_some() || self.until_wall_ns.is_some()
    }
}

/// Writes a document for each host.
///
/// # Errors
/// [`ViewError::NeedsEvents`], [`ViewError::NoProcess`]; what the database or the output could not do.
pub fn tls(
    material: &Material,
    options: &TlsOptions,
    format: Format,
    out: &mut dyn Write,
) -> Result<Outcome, AnalyzeError> {
    if options.needs_events() && !material.has_events() {
        return Err(ViewError::NeedsEvents.into());
    }
    let db = material.db();
    // A process that made no handshake has an empty document; one that isn't there is a mistake.
    let selectors =
        options.pid.map(Selector::Pid).into_iter().chain(options.name.clone().map(Selector::Name));
    for selector in selectors {
        must_be_there(db, &selector)?;
    }
    let documents: Result<Vec<_>, StoreError> =
        hosts(db)?.iter().map(|host| document(db, host, options)).collect();
    write_all(material, &documents?, format, out)
}

fn document(db: &Connection, host: &HostRow, options: &TlsOptions) -> Result<TlsDocument, StoreError> {
    let mut read = Known::default();
    let shakes = match options.needs_events() {
        true => read.read(
            db,
            include_str!("../../sql/tls_rows_between.sql"),
            params![host.id, options.since_wall_ns, options.until_wall_ns],
        ),
        false => read.of(db, Whose::Host(host.id)),
    }?;
    let actors = actors(db, host)?;
    let libraries = match options.group_by.contains(&TlsColumn::Library) {
        true => TlsLibraries::of_host(db, host.id)?,
        false => TlsLibraries::default(),
    };
    let wanted = |shakes: &&Shakes| {
        let actor = actors.get(&shakes.process);
        options.pid.is_none_or(|pid| actor.is_some_and(|a| a.pid == pid))
            && options.name.as_ref().is_none_or(|n| actor.is_some_and(|a| contains(&a.name, n.as_bytes())))
    };
    let group_by: Vec<TlsColumn> =
        TlsColumn::ALL.iter().copied().filter(|c| options.group_by.contains(c)).collect();
    let handshakes = group(shakes.iter().filter(wanted), &group_by, &actors, &libraries);
    Ok(TlsDocument {
        tls_document_version: "1.0",
        generated_at: host.end(),
        host: host.part(),
        group_by: group_by.iter().map(|c| c.name()).collect(),
        handshakes,
        summary: totals(shakes.iter().filter(wanted)),
        coverage: coverage::of(db, host)?,
    })
}

/// A process that made handshakes.
#[derive(Clone, Debug, Default)]
pub(super) struct Actor {
    pub pid: u32,
    pub name: Vec<u8>,
    pub exe: Option<Vec<u8>>,
    hostname: String,
}

/// The processes of a host that made handshakes, by their number in the database.
pub(super) fn actors(db: &Connection, host: &HostRow) -> Result<HashMap<i64, Actor>, StoreError> {
    let mut actors = HashMap::new();
    let mut statement = db.prepare_cached(include_str!("../../sql/tls_actors.sql"))?;
    let mut rows = statement.query([host.id])?;
    while let Some(row) = rows.next()? {
        let actor = Actor {
            pid: row.get(1)?,
            name: stored_bytes(row, 2)?.unwrap_or_default(),
            exe: stored_bytes(row, 3)?,
            hostname: host.hostname.clone(),
        };
        actors.insert(row.get(0)?, actor);
    }
    Ok(actors)
}

/// Counts what is alike in some columns. Rows of one process stand together; of those, the most frequent come first.
pub(super) fn group<'a>(
    shakes: impl Iterator<Item = &'a Shakes>,
    columns: &[TlsColumn],
    actors: &HashMap<i64, Actor>,
    libraries: &TlsLibraries,
) -> Vec<TlsRow> {
    let mut groups: BTreeMap<TlsRow, Counted> = BTreeMap::new();
    let nobody = Actor::default();
    for shakes in shakes {
        let actor = actors.get(&shakes.process).unwrap_or(&nobody);
        let mut row = TlsRow::default();
        columns.iter().for_each(|column| fill(&mut row, *column, shakes, actor, libraries));
        groups.entry(row).or_default().add(shakes.counted);
    }
    let mut rows: Vec<TlsRow> = groups.into_iter().map(|(row, counted)| TlsRow { counted, ..row }).collect();
    let whose = |r: &TlsRow| (r.hostname.clone(), r.process.clone(), r.program.clone(), r.pid, r.role);
    // Sorting is stable: what is equally frequent stays in the order of its fields.
    rows.sort_by_cached_key(|row| (whose(row), std::cmp::Reverse(row.counted.count)));
    rows
}

fn fill(row: &mut TlsRow, column: TlsColumn, shakes: &Shakes, actor: &Actor, libraries: &TlsLibraries) {
    let what = &shakes.what.outcome;
    match column {
        TlsColumn::Host => row.hostname = Some(actor.hostname.clone()),
        TlsColumn::Process => {
            let (name, hex) = shown(&actor.name);
            (row.process, row.process_hex) = (Some(name), hex);
        }
        TlsColumn::Program => (row.program, row.program_hex) = shown_option(actor.exe.as_deref()),
        TlsColumn::Pid => row.pid = Some(actor.pid),
        TlsColumn::Role => row.role = Some(shakes.what.role()),
        TlsColumn::Library => row.library = libraries.name(shakes.process, &what.library),
        TlsColumn::Version => {
            row.version = what.version.map(|n| VERSIONS.name(n).into_owned());
            row.version_id = what.version;
        }
        TlsColumn::Group => {
            row.group = what.group.map(|n| GROUPS.name(n).into_owned());
            row.group_id = what.group;
            row.post_quantum = what.group.map(is_post_quantum);
        }
        TlsColumn::SignatureScheme => {
            row.signature_scheme = what.signature_scheme.map(|n| SIGNATURE_SCHEMES.name(n).into_owned());
            row.signature_scheme_id = what.signature_scheme;
        }
        TlsColumn::Alpn => row.alpn = known(&what.alpn),
        TlsColumn::Result => {
            row.result = Some(what.result.clone());
            row.alert = what.alert.map(|alert| alert.name().into_owned());
        }
        TlsColumn::Resumed => row.resumed = what.resumed,
        TlsColumn::Verify => row.verify = known(&what.verify),
        TlsColumn::Ja4 => row.ja4 = known(&what.ja4),
        TlsColumn::Peer => row.peer = Some(shakes.peer()),
        TlsColumn::Sni => row.sni = known(&what.sni),
        TlsColumn::CipherSuite => {
            row.cipher_suite = what.cipher_suite.map(|n| CIPHER_SUITES.name(n).into_owned());
            row.cipher_suite_id = what.cipher_suite;
        }
    }
}
