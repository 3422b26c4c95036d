//! The functions that a file's symbol tables name, of those that were asked for.
//!
//! Invariants:
//! - Tables are a stranger's: names are looked at up to [`NAME_BYTES`], and no more than [`FOUND`] symbols are kept.
//! - Versions of one name (`dlopen@GLIBC_2.2.5`, `dlopen@@GLIBC_2.34`) are symbols of their own, each with its address.

use super::image::Image;
use super::names::Names;
use object::elf;
use object::read::elf::{SectionHeader, Sym};
use std::collections::HashMap;
use std::ffi::CStr;

/// Longer names are in no catalogue.
const NAME_BYTES: usize = 256;
/// More symbols of wanted names than any library has.
const FOUND: usize = 16 * 1024;

/// A function of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    pub(super) address: u64,
    /// 0: not known.
    pub(super) size: u64,
    /// The loader chooses the function that the name stands for.
    pub(super) indirect: bool,
}

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// What is exported and imported.
    Dynamic,
    /// Everything, where the file isn't stripped.
    All,
}

/// Symbols by the numbers of the names that were asked for.
pub(super) type Found = HashMap<u32, Vec<Symbol>>;

/// Calls `each` with the name of each function that the file defines.
pub(super) fn walk(image: &Image<'_, '_>, table: Table, mut each: impl FnMut(&[u8], Symbol)) {
    let kind = match table {
        Table::Dynamic => elf::SHT_DYNSYM,
        Table::All => elf::SHT_SYMTAB,
    };
    let endian = image.endian;
    let Some(section) = image.sections().iter().find(|s| s.sh_type(endian) == kind) else { return };
    let strings = object::SectionIndex(section.sh_link(endian) as usize);
    let strings = image.sections().section(strings).ok().and_then(|s| image.data(s));
    let (Some(strings), Some(symbols)) = (strings, image.data(section)) else { return };
    let count = symbols.len() / size_of::<elf::Sym64<object::Endianness>>();
    let Ok((symbols, _)) = object::slice_from_bytes::<elf::Sym64<object::Endianness>>(symbols, count) else {
        return;
    };
    for symbol in symbols {
        let kind = symbol.st_type();
        let defined = symbol.st_shndx(endian) != elf::SHN_UNDEF && symbol.st_value(endian) != 0;
        if !defined || !matches!(kind, elf::STT_FUNC | elf::STT_GNU_IFUNC) {
            continue;
        }
        let Some(name) = name_at(strings, symbol.st_name(endian)) else { continue };
        let indirect = kind == elf::STT_GNU_IFUNC;
        each(name, Symbol { address: symbol.st_value(endian), size: symbol.st_size(endian), indirect });
    }
}

fn name_at(strings: &[u8], offset: u32) -> Option<&[u8]> {
    let rest = strings.get(offset as usize..)?;
    let rest = &rest[..rest.len().min(NAME_BYTES)];
    CStr::from_bytes_until_nul(rest).ok().map(CStr::to_bytes)
}

/// The symbols of wanted names in one table.
pub(super) fn find(image: &Image<'_, '_>, table: Table, names: &Names) -> Found {
    let mut found = Found::new();
    let mut kept = 0;
    walk(image, table, |name, symbol| {
        // Functions of C++ and Rust: in no catalogue, and most of a large program.
        if name.starts_with(b"_Z") {
            return;
        }
        // Linkers keep the version in the names of the whole table.
        let name = name.iter().position(|&b| b == b'@').map_or(name, |at| &name[..at]);
        if let Some(number) = names.of_symbol(name)
            && kept < FOUND
        {
            let symbols = found.entry(number).or_default();
            if symbols.iter().all(|known| known.address != symbol.address) {
                symbols.push(symbol);
                kept += 1;
            }
        }
    });
    found
}

/// Which pointers the loader fills with the addresses of wanted functions: address of the pointer → number of the name.
pub(super) fn slots(image: &Image<'_, '_>, names: &Names) -> HashMap<u64, u32> {
    let endian = image.endian;
    let mut out = HashMap::new();
    let dynamic = image.sections().iter().find(|s| s.sh_type(endian) == elf::SHT_DYNSYM);
    let symbols = dynamic.and_then(|s| image.data(s)).unwrap_or_default();
    let entry = size_of::<elf::Sym64<object::Endianness>>();
    let Ok((symbols, _)) =
        object::slice_from_bytes::<elf::Sym64<object::Endianness>>(symbols, symbols.len() / entry)
    else {
        return out;
    };
    let strings = dynamic.map(|s| object::SectionIndex(s.sh_link(endian) as usize));
    let strings = strings.and_then(|i| image.sections().section(i).ok()).and_then(|s| image.data(s));
    let strings = strings.unwrap_or_default();
    let entry = size_of::<elf::Rela64<object::Endianness>>();
    for section in image.sections().iter().filter(|s| s.sh_type(endian) == elf::SHT_RELA) {
        let bytes = image.data(section).unwrap_or_default();
        let Ok((relocations, _)) =
            object::slice_from_bytes::<elf::Rela64<object::Endianness>>(bytes, bytes.len() / entry)
        else {
            continue;
        };
        for relocation in relocations {
            let kind = relocation.r_type(endian, false);
            if !matches!(kind, elf::R_X86_64_JUMP_SLOT | elf::R_X86_64_GLOB_DAT) || out.len() >= FOUND {
                continue;
            }
            let symbol = symbols.get(relocation.r_sym(endian, false) as usize);
            let name = symbol.and_then(|s| name_at(strings, s.st_name(endian)));
            if let Some(number) = name.and_then(|name| names.of_symbol(name)) {
                out.insert(relocation.r_offset.get(endian), number);
            }
        }
    }
    out
}

/// What the loader adds its own address to and puts at an address of the file.
pub(super) fn relative(image: &Image<'_, '_>, address: u64) -> Option<u64> {
    let endian = image.endian;
    let entry = size_of::<elf::Rela64<object::Endianness>>();
    for section in image.sections().iter().filter(|s| s.sh_type(endian) == elf::SHT_RELA) {
        let bytes = image.data(section).unwrap_or_default();
        let relocations =
            object::slice_from_bytes::<elf::Rela64<object::Endianness>>(bytes, bytes.len() / entry);
        let Ok((relocations, _)) = relocations else { continue };
        for relocation in relocations.iter().filter(|r| r.r_offset.get(endian) == address) {
            let kind = relocation.r_type(endian, false);
            if matches!(kind, elf::R_X86_64_RELATIVE | elf::R_AARCH64_RELATIVE) {
                return u64::try_from(relocation.r_addend.get(endian)).ok();
            }
        }
    }
    None
}
