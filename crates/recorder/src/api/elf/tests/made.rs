//! Makes small ELF files for tests: one segment of text, symbol tables, relocations, and sections of any content.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Where the text is in memory, and where in the file.
pub(super) const TEXT: u64 = 0x40_1000;
pub(super) const TEXT_OFFSET: u64 = 0x200;

const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;

/// A symbol: name, place in the text (`None`: of another file), size.
#[derive(Clone, Copy)]
pub(super) struct Named<'n>(pub(super) &'n str, pub(super) Option<u64>, pub(super) u64);

/// What is in the file.
#[derive(Clone, Default)]
pub(super) struct Made<'n> {
    pub(super) text: Vec<u8>,
    pub(super) exported: Vec<Named<'n>>,
    /// Of the exported, those that the loader chooses the code of.
    pub(super) indirect: Vec<&'n str>,
    pub(super) all: Vec<Named<'n>>,
    /// Pointers in memory → exported symbols, counted from 1.
    pub(super) pointers: Vec<(u64, u64)>,
    /// Name, address, content.
    pub(super) sections: Vec<(&'n str, u64, Vec<u8>)>,
    /// Addresses that the loader moves: where, and to what.
    pub(super) moved: Vec<(u64, u64)>,
    pub(super) entry: u64,
}

fn put(out: &mut Vec<u8>, number: u64, size: usize) {
    out.extend_from_slice(&number.to_le_bytes()[..size]);
}

impl Made<'_> {
    fn symbols(&self, list: &[Named<'_>]) -> (Vec<u8>, Vec<u8>) {
        let (mut symbols, mut strings) = (vec![0; 24], vec![0]);
        for Named(name, place, size) in list {
            let kind = if self.indirect.contains(name) { STT_GNU_IFUNC } else { STT_FUNC };
            put(&mut symbols, strings.len() as u64, 4);
            symbols.extend([1 << 4 | kind, 0]);
            put(&mut symbols, u64::from(place.is_some()), 2);
            put(&mut symbols, place.map_or(0, |at| TEXT + at), 8);
            put(&mut symbols, *size, 8);
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        (symbols, strings)
    }

    /// The file's bytes.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut relocations = Vec::new();
        for (at, symbol) in &self.pointers {
            [*at, symbol << 32 | 7, 0].iter().for_each(|n| put(&mut relocations, *n, 8));
        }
        for (at, to) in &self.moved {
            [*at, 8, *to].iter().for_each(|n| put(&mut relocations, *n, 8));
        }
        let (dynsym, dynstr) = self.symbols(&self.exported);
        let (symtab, strtab) = self.symbols(&self.all);
        // Name, type, address, content, link, size of an entry.
        let mut sections = vec![
            ("", 0, 0, Vec::new(), 0, 0),
            (".text", 1, TEXT, self.text.clone(), 0, 0),
            (".dynsym", 11, 0, dynsym, 3, 24),
            (".dynstr", 3, 0, dynstr, 0, 0),
            (".symtab", 2, 0, symtab, 5, 24),
            (".strtab", 3, 0, strtab, 0, 0),
            (".rela.plt", 4, 0, relocations, 2, 24),
        ];
        sections.extend(self.sections.iter().map(|(name, at, bytes)| (*name, 1, *at, bytes.clone(), 0, 0)));
        sections.push((".shstrtab", 3, 0, Vec::new(), 0, 0));
        let last = sections.len() - 1;
        let names: Vec<u8> = sections.iter().flat_map(|s| s.0.bytes().chain([0])).collect();
        sections[last].3 = names;

        let mut out = vec![0; TEXT_OFFSET as usize];
        let mut headers = Vec::new();
        let mut name = 0;
        for (label, kind, address, content, link, entry) in &sections {
            let offset = out.len() as u64;
            out.extend_from_slice(content);
            out.resize(out.len().next_multiple_of(8), 0);
            put(&mut headers, name, 4);
            put(&mut headers, *kind, 4);
            let offset = if *kind == 0 { 0 } else { offset };
            [0, *address, offset, content.len() as u64].iter().for_each(|n| put(&mut headers, *n, 8));
            put(&mut headers, *link, 4);
            put(&mut headers, 0, 4);
            [8, *entry].iter().for_each(|n| put(&mut headers, *n, 8));
            name += label.len() as u64 + 1;
        }
        let at = out.len() as u64;
        out.extend_from_slice(&headers);

        let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        head.resize(16, 0);
        [(3, 2), (62, 2), (1, 4), (self.entry, 8), (64, 8), (at, 8), (0, 4), (64, 2), (56, 2), (1, 2)]
            .iter()
            .chain(&[(64, 2), (sections.len() as u64, 2), (last as u64, 2)])
            .for_each(|(number, size)| put(&mut head, *number, *size));
        // PT_LOAD, readable and executable.
        put(&mut head, 1, 4);
        put(&mut head, 5, 4);
        let len = self.text.len() as u64;
        [TEXT_OFFSET, TEXT, TEXT, len, len, 0x1000].iter().for_each(|n| put(&mut head, *n, 8));
        out[..head.len()].copy_from_slice(&head);
        out
    }

    /// The file itself.
    pub(super) fn file(&self) -> File {
        let file = tempfile::tempfile().expect("a file");
        file.write_all_at(&self.bytes(), 0).expect("written");
        file
    }
}
