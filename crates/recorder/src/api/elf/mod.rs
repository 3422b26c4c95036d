//! From an opened file to the places in it where functions of the catalogue take their probes.
//!
//! Invariants:
//! - Which family a file is of follows from its name; only a file of no such name is looked into for a family within it
//!   (NSS's libssl3.so exports `SSL_…` as OpenSSL does).
//! - The file is a stranger's: what is read, looked at and found is bounded, nothing in it panics, and it is never mapped.
//! - A function that can't be probed is named with the reason. One that the file doesn't have isn't.
//! - Of two names for the same code one is probed: a call is counted once.
//! - FIPS modules, which hash their own text, are never probed.

mod arm64;
mod go;
mod image;
mod instructions;
mod names;
mod symbols;
#[cfg(test)]
mod tests;
mod within;

pub use image::Machine;

use crypto_tracer_format::catalogue::api::{Catalogue, Family, Function};
use crypto_tracer_format::catalogue::libraries;
use image::{Bytes, CODE_BYTES, Image};
use instructions::{Body, C_ARGUMENTS, Exits, stub};
use names::Names;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::ops::Range;
use symbols::{Found, Symbol, Table};

/// Why a file has no places for probes.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// It isn't ELF.
    #[error("expected an ELF file, but it begins otherwise")]
    NotElf,
    /// It is for another machine.
    #[error("expected text of this machine, but got that of another one")]
    Machine,
    /// A part can't be read.
    #[error("expected a whole ELF file, but its {0} can't be read")]
    Damaged(&'static str),
    /// It would find itself damaged.
    #[error("it is a FIPS module, which hashes its own text")]
    Fips,
    /// It can't be read.
    #[error("the file can't be read: {0}")]
    Read(#[from] std::io::Error),
}

/// Why a function that the file has isn't probed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unprobed {
    /// The loader chooses what the name stands for.
    #[error("the loader chooses its code")]
    Indirect,
    /// There is no place among its instructions.
    #[error("{0}")]
    Instruction(&'static str),
    /// Its address isn't in the text of the file.
    #[error("it isn't in the text")]
    NotInText,
    /// It hashes itself.
    #[error("it is part of a FIPS module, which hashes its own text")]
    Fips,
    /// Another name for it is probed.
    #[error("it is the same code as {0}")]
    SameCode(String),
}

/// A family in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// Its position in the catalogue.
    pub family: usize,
    /// The addresses of the library's own text: calls from there are its own (R1, R5).
    pub text: Range<u64>,
    /// Whether the file is the library, or carries it within.
    pub within: bool,
    /// Where arguments are passed.
    pub calling: Calling,
    /// Where the probes go.
    pub sites: Vec<Site>,
    /// Functions that the file has but can't be probed, with the reason.
    pub left_out: Vec<(String, Unprobed)>,
}

/// Where arguments are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calling {
    /// As in C.
    C,
    /// As Go does since 1.17: AX, BX, CX, DI, SI, R8 (arm64: R0 to R5); results from AX (R0) on; the goroutine in R14 (R28).
    /// A call may end in another thread than it began in, and with its stack elsewhere.
    Go,
    /// By a Go before that, or one that can't be told from it: arguments aren't known.
    OldGo,
}

/// A function in a file. Addresses are those of the file; where it is mapped they are moved by the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The function's position in its family.
    pub function: usize,
    /// The function's first instruction.
    pub symbol: u64,
    /// The instruction that takes the entry probe.
    pub address: u64,
    /// Where that lies in the file: what uprobes are given.
    pub offset: u64,
    /// Bytes on the stack above the return address when the probe is hit: it stands at `sp + sp_delta`.
    pub sp_delta: u16,
    /// Whether the kernel emulates the instruction: a tenth of the cost of stepping it.
    pub cheap: bool,
    /// How its end is seen.
    pub end: End,
    /// In Go, where the library is a part of the program: the text of the function's package, whose calls are its own.
    pub package: Option<Range<u64>>,
}

/// How the end of a call is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It isn't: nothing of the function is known only then.
    Unseen,
    /// By a return probe at `offset`, where `sp_delta` is 0. Where another function of its group that has one too was
    /// reached by a jump, both are hit when it returns, and that one sees the kernel's trampoline as its caller.
    Return,
    /// All its ways out are jumps to functions of its group (R3): when these return, it has.
    Inner,
    /// By probes at its return instructions (file offsets): Go. The result is in the first register.
    At(Vec<u64>),
}

/// Finds places in files.
#[derive(Debug)]
pub struct Finder {
    catalogue: Catalogue,
    bulk: bool,
    machine: Machine,
    names: Names,
}

/// Symbols that bound the text that a FIPS module hashes.
const FIPS_TEXT: [(&str, &str); 2] =
    [("BORINGSSL_bcm_text_start", "BORINGSSL_bcm_text_end"), ("FIPS_text_start", "FIPS_text_end")];

impl Finder {
    /// A finder for functions of this catalogue; `bulk`: also for the bulk functions.
    pub fn new(catalogue: Catalogue, bulk: bool, machine: Machine) -> Finder {
        let names = Names::new(&catalogue, FIPS_TEXT.iter().flat_map(|(start, end)| [*start, *end]));
        Finder { catalogue, bulk, machine, names }
    }

    /// The catalogue.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Whether a file of this name is a library of the catalogue.
    pub fn is_library(&self, path: &[u8]) -> bool {
        self.catalogue.families().iter().any(|family| named(family, path))
    }

    /// All families in the file, usually none or one. `path`: for its name.
    pub fn find(&self, file: &File, path: &[u8]) -> Result<Vec<Probed>, ElfError> {
        let name = path.rsplit(|&b| b == b'/').next().unwrap_or(path).to_ascii_lowercase();
        if name.windows(4).any(|w| w == b"fips") {
            return Err(ElfError::Fips);
        }
        let bytes = Bytes::new(file)?;
        let image = Image::open(&bytes, self.machine)?;
        let mut looker = Looker { finder: self, image: &image, dynamic: None, all: None, slots: None };
        Ok(looker.families(path))
    }

    /// The functions that are to be probed, with their positions.
    fn wanted<'c>(&self, family: &'c Family) -> impl Iterator<Item = (usize, &'c Function)> {
        let bulk = self.bulk;
        family.functions.iter().enumerate().filter(move |(_, f)| bulk || !f.bulk)
    }
}

fn named(family: &Family, path: &[u8]) -> bool {
    family.libraries.iter().any(|stem| libraries::is_library(path, stem))
}

/// Where a family is in a file.
struct Place<'c> {
    /// The library's own text.
    text: Range<u64>,
    within: bool,
    /// How the names of its functions begin.
    prefix: Option<&'c str>,
}

fn numbered(names: &Names, prefix: Option<&str>, name: &str) -> Option<u32> {
    match prefix {
        None => names.plain(name),
        Some(prefix) => names.prefixed(prefix, name),
    }
}

/// One file that is looked into. Tables are read when they are needed first.
struct Looker<'l, 'b, 'f> {
    finder: &'l Finder,
    image: &'l Image<'b, 'f>,
    dynamic: Option<Found>,
    all: Option<Found>,
    slots: Option<HashMap<u64, u32>>,
}

impl Looker<'_, '_, '_> {
    fn families(&mut self, path: &[u8]) -> Vec<Probed> {
        let families = self.finder.catalogue.families();
        let by_name = families
            .iter()
            .enumerate()
            .find(|(_, family)| named(family, path) && !family.unless.iter().any(|name| self.has(name)));
        if let Some((at, family)) = by_name {
            let place = Place { text: self.image.text(), within: false, prefix: None };
            return Vec::from_iter(self.probed(at, family, place));
        }
        let mut found = Vec::new();
        for (at, family) in families.iter().enumerate() {
            if family.go {
                found.extend(go::find(self.finder, self.image, at, family));
            } else if let Some(place) = self.within(family) {
                found.extend(self.probed(at, family, place));
            }
        }
        found
    }

    fn table(&mut self, table: Table) -> &Found {
        let (image, names) = (self.image, &self.finder.names);
        let place = match table {
            Table::Dynamic => &mut self.dynamic,
            Table::All => &mut self.all,
        };
        place.get_or_insert_with(|| symbols::find(image, table, names))
    }

    /// The symbols of a number: those that are exported, else those of the whole table.
    fn symbols(&mut self, number: Option<u32>) -> std::vec::IntoIter<Symbol> {
        let Some(number) = number else { return Vec::new().into_iter() };
        for table in [Table::Dynamic, Table::All] {
            if let Some(symbols) = self.table(table).get(&number) {
                return symbols.clone().into_iter();
            }
        }
        Vec::new().into_iter()
    }

    /// Whether the file defines this name.
    fn has(&mut self, name: &str) -> bool {
        self.symbols(self.finder.names.plain(name)).next().is_some()
    }

    /// The place of a family that the file carries within it.
    fn within<'c>(&mut self, family: &'c Family) -> Option<Place<'c>> {
        let mut of_prefixes = self.finder.names.of_prefixes(family);
        if let Some((prefix, _)) =
            of_prefixes.find(|(_, number)| self.symbols(Some(*number)).next().is_some())
        {
            let text = within::prefixed_text(self.image, prefix.as_bytes())?;
            let prefix = family.prefixes.iter().find(|known| *known == prefix)?;
            return Some(Place { text, within: true, prefix: Some(prefix) });
        }
        let marked = !family.within.is_empty() || !family.any.is_empty();
        let there = marked
            && family.within.iter().all(|name| self.has(name))
            && (family.any.is_empty() || family.any.iter().any(|name| self.has(name)))
            && !family.unless.iter().any(|name| self.has(name));
        let text = there.then(|| within::text(self.image, family)).flatten()?;
        Some(Place { text, within: true, prefix: None })
    }

    /// The parts of the text that hash themselves.
    fn fips(&mut self, prefix: Option<&str>) -> Vec<Range<u64>> {
        let names = &self.finder.names;
        let mut parts = Vec::new();
        for (start, end) in FIPS_TEXT {
            for prefix in [None, prefix] {
                let from = self.symbols(numbered(names, prefix, start)).map(|s| s.address).min();
                let to = self.symbols(numbered(names, prefix, end)).map(|s| s.address).max();
                if let Some(from) = from {
                    parts.push(from..to.unwrap_or(u64::MAX));
                }
            }
        }
        parts
    }

    fn probed(&mut self, at: usize, family: &Family, place: Place<'_>) -> Option<Probed> {
        let names = &self.finder.names;
        let fips = self.fips(place.prefix);
        let mut sites: Vec<Site> = Vec::new();
        let mut exits = Vec::new();
        let mut left_out = Vec::new();
        let mut seen: HashMap<u64, &str> = HashMap::new();
        for (position, function) in self.finder.wanted(family) {
            for symbol in self.symbols(numbered(names, place.prefix, &function.name)) {
                let placed = match seen.get(&symbol.address) {
                    Some(other) => Err(Unprobed::SameCode((*other).to_owned())),
                    None if fips.iter().any(|part| part.contains(&symbol.address)) => Err(Unprobed::Fips),
                    None => self.place(position, function, symbol),
                };
                match placed {
                    Ok((site, exit)) => {
                        seen.insert(symbol.address, &function.name);
                        sites.push(site);
                        exits.push(exit);
                    }
                    Err(why) => left_out.push((function.name.clone(), why)),
                }
            }
        }
        self.join(family, place.prefix, &mut sites, &exits);
        let any = !sites.is_empty() || !left_out.is_empty();
        let Place { text, within, .. } = place;
        any.then_some(Probed { family: at, text, within, calling: Calling::C, sites, left_out })
    }

    fn place(&self, position: usize, function: &Function, symbol: Symbol) -> Result<(Site, Exits), Unprobed> {
        if symbol.indirect {
            return Err(Unprobed::Indirect);
        }
        let known = (1..=CODE_BYTES).contains(&symbol.size);
        let len = if known { symbol.size } else { CODE_BYTES };
        let code = self.image.code(symbol.address, len).ok_or(Unprobed::NotInText)?;
        let needs_return = function.needs_return();
        let (place, exits) = match self.finder.machine {
            Machine::X86_64 => {
                let body = Body::decode(&code, symbol.address, known);
                let wanted = wanted_registers(function, &C_ARGUMENTS);
                (body.entry(&wanted, needs_return)?, body.exits())
            }
            Machine::Aarch64 => (arm64::entry(&code)?, Exits { unknown: true, ..Exits::default() }),
        };
        let address = symbol.address.saturating_add(place.offset);
        let site = Site {
            function: position,
            symbol: symbol.address,
            address,
            offset: self.image.offset_of(address).ok_or(Unprobed::NotInText)?,
            sp_delta: place.sp_delta,
            cheap: place.cheap,
            end: if needs_return { End::Return } else { End::Unseen },
            package: None,
        };
        Ok((site, exits))
    }

    /// Finds the functions all of whose ways out lead to others of their group.
    fn join(&mut self, family: &Family, prefix: Option<&str>, sites: &mut [Site], exits: &[Exits]) {
        let group = |site: &Site| family.functions.get(site.function).and_then(|f| f.group.as_deref());
        let by_address: HashMap<u64, &str> = sites
            .iter()
            .filter(|site| site.end == End::Return)
            .filter_map(|site| Some((site.symbol, group(site)?)))
            .collect();
        let by_name: HashMap<u32, &str> = sites
            .iter()
            .filter(|site| site.end == End::Return)
            .filter_map(|site| {
                let name = &family.functions.get(site.function)?.name;
                Some((numbered(&self.finder.names, prefix, name)?, group(site)?))
            })
            .collect();
        let mut inner = HashSet::new();
        for (site, exits) in sites.iter().zip(exits) {
            let (Some(own), End::Return) = (group(site), &site.end) else { continue };
            let ways = exits.jumps.len() + exits.through.len();
            if ways == 0 || exits.unknown || !exits.returns.is_empty() {
                continue;
            }
            let slot = |looker: &mut Self, slot: u64| {
                let (image, names) = (looker.image, &looker.finder.names);
                let slots = looker.slots.get_or_insert_with(|| symbols::slots(image, names));
                slots.get(&slot).and_then(|name| by_name.get(name)) == Some(&own)
            };
            let direct = exits.jumps.iter().all(|target| {
                // To itself is no way out, and would make two functions wait for each other.
                let mate = *target != site.symbol && by_address.get(target) == Some(&own);
                mate || self
                    .image
                    .code(*target, 16)
                    .and_then(|code| stub(&code, *target))
                    .is_some_and(|through| slot(self, through))
            });
            if direct && exits.through.iter().all(|through| slot(self, *through)) {
                inner.insert(site.symbol);
            }
        }
        for site in sites.iter_mut().filter(|site| inner.contains(&site.symbol)) {
            site.end = End::Inner;
        }
    }
}

/// The registers that hold what is kept of a call.
fn wanted_registers(function: &Function, registers: &[iced_x86::Register; 6]) -> Vec<iced_x86::Register> {
    let sources = function.object.iter().chain(&function.parent).chain(function.args.iter().map(|a| &a.from));
    let mut positions: Vec<u8> = sources.filter_map(|source| source.arg).collect();
    positions.extend(function.only.as_ref().map(|only| only.arg));
    positions.iter().filter_map(|at| registers.get(usize::from(*at)).copied()).collect()
}
