//! Functions of Go programs, by their names in the line table (`.gopclntab`), which a stripped program has too.
//!
//! Invariants:
//! - Tables are a stranger's: each offset is checked; what is read counts against the file's limit.
//! - An address that isn't certain isn't used: a probe within an instruction would end the program.
//! - Go moves stacks, and a return probe would end the program: ends are probed at the return instructions.
//! - The linker puts the functions of a package side by side: those around a function are its package's text.

use super::image::{CODE_BYTES, Image, Machine};
use super::instructions::{Body, GO_ARGUMENTS};
use super::{Calling, End, Finder, Probed, Site, Unprobed, arm64, wanted_registers};
use crypto_tracer_format::catalogue::api::{Family, Function};
use object::read::elf::SectionHeader;
use std::collections::HashMap;
use std::ops::Range;

/// Names of the section, in programs at fixed and at any addresses.
const SECTIONS: [&str; 2] = [".gopclntab", ".data.rel.ro.gopclntab"];
/// The table of names is read as a whole.
const NAMES_BYTES: usize = 32 * 1024 * 1024;
/// Functions of a program.
const FUNCTIONS: u64 = 4 * 1024 * 1024;
const WINDOW: usize = 256 * 1024;

/// The layouts that are known, by the first four bytes of the table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Go 1.16 and 1.17: whole addresses.
    Addresses,
    /// Go 1.18 and later: offsets from the text's start.
    Offsets,
}

impl Layout {
    fn of(magic: &[u8]) -> Option<Layout> {
        match magic {
            [0xfa, 0xff, 0xff, 0xff] => Some(Layout::Addresses),
            [0xf0 | 0xf1, 0xff, 0xff, 0xff] => Some(Layout::Offsets),
            _ => None,
        }
    }
}

/// The line table's header.
struct Table<'i, 'b, 'f> {
    image: &'i Image<'b, 'f>,
    layout: Layout,
    /// Where the table lies in the file.
    offset: u64,
    len: u64,
    functions: u64,
    text: u64,
    names: Range<u64>,
    /// Where the list of functions begins, and what its offsets are counted from.
    list: u64,
}

fn number(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

impl<'i, 'b, 'f> Table<'i, 'b, 'f> {
    fn open(image: &'i Image<'b, 'f>) -> Option<Table<'i, 'b, 'f>> {
        let section = SECTIONS.iter().find_map(|name| image.section(name))?;
        let offset = section.sh_offset(image.endian);
        let len = section.sh_size(image.endian);
        let header = image.read(offset, 72)?;
        let layout = Layout::of(header.get(..4)?)?;
        // Then two bytes of zero, the least instruction and the size of a pointer.
        if header.get(7) != Some(&8) {
            return None;
        }
        let field = |i: usize| number(&header, 8 + 8 * i);
        // After the counts of functions and files: since 1.18 the text's start; then offsets of the parts.
        let parts = if layout == Layout::Addresses { 2 } else { 3 };
        let names = field(parts)?..field(parts + 1)?;
        let functions = field(0)?;
        let list = field(parts + 4)?;
        if functions > FUNCTIONS || names.start > names.end || names.end > len || list > len {
            return None;
        }
        let mut table = Table { image, layout, offset, len, functions, text: 0, names, list };
        if layout == Layout::Offsets {
            let address = section.sh_addr(image.endian).checked_add(24)?;
            table.text = table.text_start(field(2)?, address)?;
        }
        Some(table)
    }

    /// The text's start: in the header; or there by a relocation; or, where the header doesn't say it (since 1.26), the
    /// section's, if the program's first instruction is then a function of Go: the C parts of a program come before.
    fn text_start(&self, told: u64, field: u64) -> Option<u64> {
        if told != 0 {
            return Some(told);
        }
        if let Some(addend) = super::symbols::relative(self.image, field) {
            return Some(addend);
        }
        let text = self.image.section(".text")?.sh_addr(self.image.endian);
        let entry = self.image.entry().checked_sub(text)?;
        let list = self.list()?;
        let mut starts = list.chunks_exact(8).filter_map(|entry| short(entry, 0));
        starts.any(|start| u64::from(start) == entry).then_some(text)
    }

    fn entry_len(&self) -> usize {
        if self.layout == Layout::Addresses { 16 } else { 8 }
    }

    /// The functions' starts and offsets, and the last one's end.
    fn list(&self) -> Option<Vec<u8>> {
        let entry = self.entry_len() as u64;
        let len = (self.functions * entry).checked_add(entry / 2)?;
        self.part(self.list, usize::try_from(len).ok()?)
    }

    fn part(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        let end = at.checked_add(len as u64)?;
        (end <= self.len).then(|| self.image.read(self.offset.checked_add(at)?, len)).flatten()
    }

    /// What is wanted of the table of names.
    fn wanted(&self, names: &HashMap<&[u8], usize>) -> Option<Wanted> {
        let len = usize::try_from(self.names.end - self.names.start).ok()?.min(NAMES_BYTES);
        let text = self.part(self.names.start, len)?;
        let packages: Vec<&[u8]> = names.keys().filter_map(|name| package(name)).collect();
        let mut wanted = Wanted::default();
        let mut at = 0usize;
        for name in text.split(|&b| b == 0) {
            let offset = u32::try_from(at).ok()?;
            if let Some(position) = names.get(name) {
                wanted.functions.insert(offset, *position);
            }
            let its = package(name).and_then(|its| packages.iter().position(|known| *known == its));
            if let Some(its) = its {
                wanted.packages.insert(offset, its);
            }
            at += name.len() + 1;
        }
        Some(wanted)
    }

    /// The functions with these names.
    fn functions(&self, names: &HashMap<&[u8], usize>) -> Option<Vec<Told>> {
        let wanted = self.wanted(names).filter(|wanted| !wanted.functions.is_empty())?;
        let list = self.list()?;
        let mut window = Window { table: self, start: 0, bytes: Vec::new() };
        let mut found: Vec<Told> = Vec::new();
        // The package of the functions before this one, since where, and the first one found there.
        let mut run = (None, 0, 0);
        let len = self.entry_len();
        for (i, entry) in list.chunks_exact(len).enumerate() {
            let next = list.get((i + 1) * len..)?;
            let (start, end, about) = match self.layout {
                Layout::Addresses => (number(entry, 0)?, number(next, 0)?, number(entry, 8)?),
                Layout::Offsets => {
                    let address = |bytes| self.text.checked_add(u64::from(short(bytes, 0)?));
                    (address(entry)?, address(next)?, u64::from(short(entry, 4)?))
                }
            };
            // What is told of a function begins with its start, as wide as in the list; then the offset of its name.
            let name = window.short(self.list.checked_add(about)?.checked_add(len as u64 / 2)?);
            let its = name.and_then(|name| wanted.packages.get(&name)).copied();
            if its.is_none() || its != run.0 {
                run = (its, start, found.len());
            }
            let function = name.and_then(|name| wanted.functions.get(&name));
            found.extend(function.map(|position| Told {
                position: *position,
                range: start..end,
                package: start..end,
            }));
            if its.is_some() {
                found.iter_mut().skip(run.2).for_each(|told| told.package = run.1..end);
            }
        }
        Some(found)
    }
}

/// Offsets of names in the table of names.
#[derive(Default)]
struct Wanted {
    /// The functions that are to be probed, with their positions.
    functions: HashMap<u32, usize>,
    /// All functions of their packages, with a number of the package.
    packages: HashMap<u32, usize>,
}

/// A function of the table.
struct Told {
    position: usize,
    range: Range<u64>,
    /// The text of its package around it.
    package: Range<u64>,
}

/// The package of a function, with the dot behind it: `crypto/tls.` of `crypto/tls.(*Conn).clientHandshake`.
fn package(name: &[u8]) -> Option<&[u8]> {
    // Type parameters hold paths of their own.
    let plain = name.iter().position(|b| matches!(b, b'[' | b'(')).map_or(name, |at| &name[..at]);
    let last = plain.iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    let dot = name.get(last..)?.iter().position(|&b| b == b'.')?;
    name.get(..last + dot + 1)
}

/// Reads numbers that lie near each other without reading everything.
struct Window<'t, 'i, 'b, 'f> {
    table: &'t Table<'i, 'b, 'f>,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_, '_, '_, '_> {
    fn short(&mut self, at: u64) -> Option<u32> {
        let within =
            |w: &Self| at.checked_sub(w.start).and_then(|at| short(&w.bytes, usize::try_from(at).ok()?));
        if let Some(number) = within(self) {
            return Some(number);
        }
        let len = self.table.len.checked_sub(at)?.min(WINDOW as u64);
        self.bytes = self.table.part(at, usize::try_from(len).ok()?)?;
        self.start = at;
        within(self)
    }
}

/// A family of Go's functions in a program; `None`: it isn't Go's, or has none of them.
pub(super) fn find(finder: &Finder, image: &Image<'_, '_>, at: usize, family: &Family) -> Option<Probed> {
    let table = Table::open(image)?;
    let names: HashMap<&[u8], usize> =
        finder.wanted(family).map(|(position, f)| (f.name.as_bytes(), position)).collect();
    let mut sites = Vec::new();
    let mut left_out = Vec::new();
    for Told { position, range, package } in table.functions(&names)? {
        let Some(function) = family.functions.get(position) else { continue };
        match place(finder.machine, image, function, range) {
            Ok(site) => sites.push(Site { function: position, package: Some(package), ..site }),
            Err(why) => left_out.push((function.name.clone(), why)),
        }
    }
    // Between 1.16 and 1.17, which share a layout, arguments moved from the stack to registers.
    let calling = if table.layout == Layout::Addresses { Calling::OldGo } else { Calling::Go };
    Some(Probed { family: at, text: 0..0, within: true, calling, sites, left_out })
}

fn place(
    machine: Machine,
    image: &Image<'_, '_>,
    function: &Function,
    range: Range<u64>,
) -> Result<Site, Unprobed> {
    let len = range.end.checked_sub(range.start).ok_or(Unprobed::NotInText)?;
    if len > CODE_BYTES {
        return Err(Unprobed::Instruction("it is too long to be looked through for its returns"));
    }
    let code = image.code(range.start, len).ok_or(Unprobed::NotInText)?;
    let (entry, returns) = match machine {
        Machine::X86_64 => {
            let body = Body::decode(&code, range.start, true);
            let exits = body.exits();
            if exits.unknown {
                return Err(Unprobed::Instruction("not all of its returns can be seen"));
            }
            (body.go_entry(&wanted_registers(function, &GO_ARGUMENTS))?, exits.returns)
        }
        Machine::Aarch64 => (arm64::go_entry(&code)?, arm64::returns(&code)),
    };
    let address = range.start.saturating_add(entry.offset);
    let offset = |at: u64| image.offset_of(range.start.saturating_add(at)).ok_or(Unprobed::NotInText);
    let end = match function.needs_return() {
        true => End::At(returns.into_iter().map(offset).collect::<Result<_, _>>()?),
        false => End::Unseen,
    };
    Ok(Site {
        function: 0,
        symbol: range.start,
        address,
        offset: offset(entry.offset)?,
        sp_delta: entry.sp_delta,
        cheap: entry.cheap,
        end,
        package: None,
    })
}
