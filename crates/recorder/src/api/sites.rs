//! A row of the catalogue at a place of a file, as the kernel programs read it: `struct ct_api_site` of bpf/api.h.
//!
//! Invariants:
//! - The layout is held against the object's BTF by a test.
//! - What can't be told by a return probe, since there is none, is not asked for.

use super::elf::Calling;
use crypto_tracer_format::catalogue::api::{
    Callers, DEREFERENCES, Function, NUMBERS, ONLY_VALUES, Recorded, Retry, Slot, Source, Success, Topic,
    Width,
};

/// Most sites of a recording.
pub const MAX_SITES: u32 = 8192;
/// Strings of a call.
const STRINGS: usize = 4;

/// Size of `struct ct_api_source`.
const SOURCE_BYTES: usize = 4 + 2 * DEREFERENCES;
/// Where the sources stand in `struct ct_api_site`.
const SOURCES_AT: usize = 80;
/// Size of `struct ct_api_site`.
pub const SITE_BYTES: usize = SOURCES_AT + (2 + NUMBERS + STRINGS) * SOURCE_BYTES;

/// Offset and size of each field of `struct ct_api_site`, for the layout test.
pub const SITE_FIELDS: &[(&str, usize, usize)] = &[
    ("function", 0, 4),
    ("library", 4, 4),
    ("group", 8, 4),
    ("rank", 12, 4),
    ("flags", 16, 4),
    ("family", 20, 4),
    ("address", 24, 8),
    ("text_from", 32, 8),
    ("text_to", 40, 8),
    ("only_arg", 48, 1),
    ("only_count", 49, 1),
    ("success", 50, 1),
    ("retry", 51, 1),
    ("only", 52, 4 * ONLY_VALUES),
    ("strings", 68, 2),
    ("sp_delta", 70, 2),
    ("unread", 72, 8),
    ("object", SOURCES_AT, SOURCE_BYTES),
    ("parent", SOURCES_AT + SOURCE_BYTES, SOURCE_BYTES),
    ("number", SOURCES_AT + 2 * SOURCE_BYTES, NUMBERS * SOURCE_BYTES),
    ("string", SOURCES_AT + (2 + NUMBERS) * SOURCE_BYTES, STRINGS * SOURCE_BYTES),
];

/// Bits of `ct_api_site.flags`.
mod flag {
    pub const COUNT: u32 = 1;
    pub const OTHERS: u32 = 2;
    pub const PROGRAM: u32 = 4;
    pub const HANDSHAKE: u32 = 8;
    pub const RETURNS: u32 = 16;
    pub const CREATES: u32 = 32;
    pub const GO: u32 = 64;
    pub const ENDS: u32 = 128;
    pub const FAILURES: u32 = 256;
    pub const READABLE: u32 = 512;
}

const FROM_RESULT: u8 = 7;
/// Beside the width: to be read when the function returned.
const LATE: u8 = 0x80;

/// A place with a probe.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The row.
    pub function: &'a Function,
    /// The numbers of function, file and family in the recording.
    pub ids: Ids,
    /// The number of its group; 0: none.
    pub group: u32,
    /// The address of the probe, as in the file.
    pub address: u64,
    /// How far above the stack pointer the return address stands.
    pub sp_delta: u16,
    /// The addresses of the library's own text, from and to.
    pub text: (u64, u64),
    /// Whether its return is seen, here or at its last alias.
    pub returns: bool,
    /// Where its arguments are passed.
    pub calling: Calling,
}

/// Numbers of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// `ApiFunction::id`.
    pub function: u32,
    /// `ApiLibrary::id`.
    pub library: u32,
    /// From 1.
    pub family: u32,
}

impl Place<'_> {
    /// As the kernel programs read it.
    pub fn bytes(&self) -> Vec<u8> {
        let f = self.function;
        // Of calls by an old Go it isn't known where arguments are.
        let known = self.calling != Calling::OldGo;
        let mut out = Vec::with_capacity(SITE_BYTES);
        let words = [
            self.ids.function,
            self.ids.library,
            self.group,
            // Rows that stand later in the catalogue are called by those before.
            self.ids.function,
            self.flags(),
            self.ids.family,
        ];
        words.iter().for_each(|word| out.extend_from_slice(&word.to_ne_bytes()));
        for address in [self.address, self.text.0, self.text.1] {
            out.extend_from_slice(&address.to_ne_bytes());
        }
        let values = f.only.as_ref().map_or(&[][..], |only| &only.values);
        out.push(f.only.as_ref().map_or(0, |only| only.arg));
        out.push(values.len().min(ONLY_VALUES) as u8);
        out.push(success(f.success));
        out.push(retry(f.retry));
        for i in 0..ONLY_VALUES {
            let value = values.get(i).copied().unwrap_or_default();
            out.extend_from_slice(&(value as u32).to_ne_bytes());
        }
        let mut numbers = [const { [0; SOURCE_BYTES] }; NUMBERS];
        let mut strings = Vec::new();
        for (slot, arg) in f.slots().filter(|_| known) {
            let string = |place: u8| source(Some(&arg.from), place);
            let number = match slot {
                Slot::N0 => 0,
                Slot::N1 => 1,
                Slot::N2 => 2,
                Slot::N3 => 3,
                Slot::Name => {
                    strings.push(string(0));
                    continue;
                }
                Slot::Path => {
                    strings.push(string(1));
                    continue;
                }
                Slot::Path2 => {
                    strings.push(string(2));
                    continue;
                }
                Slot::Host => {
                    strings.push(string(3));
                    continue;
                }
            };
            if let Some(place) = numbers.get_mut(number) {
                *place = source(Some(&arg.from), 0);
            }
        }
        strings.truncate(STRINGS);
        out.extend_from_slice(&(strings.len() as u16).to_ne_bytes());
        out.extend_from_slice(&self.sp_delta.to_ne_bytes());
        let used = numbers.iter().enumerate().filter(|(_, n)| n.first() != Some(&0)).map(|(i, _)| i);
        let unread = used.chain((0..strings.len()).map(|i| NUMBERS + i)).fold(0u64, |bits, i| bits | 1 << i);
        out.extend_from_slice(&unread.to_ne_bytes());
        out.extend_from_slice(&source(f.object.as_ref().filter(|_| known), 0));
        out.extend_from_slice(&source(f.parent.as_ref().filter(|_| known), 0));
        numbers.iter().chain(&strings).for_each(|s| out.extend_from_slice(s));
        out.resize(SITE_BYTES, 0);
        out
    }

    fn flags(&self) -> u32 {
        let f = self.function;
        let callers = match f.callers {
            Callers::Program => flag::PROGRAM,
            Callers::Others => flag::OTHERS,
            Callers::Any => 0,
        };
        let from_result = f.object.as_ref().is_some_and(Source::is_result);
        // A connection that is shut down or freed will not be tried again.
        let ends = f.topic == Topic::Shutdown && f.object.is_some() && !from_result;
        // A read or write that didn't succeed now will be tried again.
        let fails = !matches!(f.topic, Topic::Data | Topic::Shutdown);
        let when = |condition: bool, bit: u32| if condition { bit } else { 0 };
        callers
            | when(f.record == Recorded::Count, flag::COUNT)
            | when(f.handshake, flag::HANDSHAKE)
            | when(self.returns, flag::RETURNS)
            | when(from_result, flag::CREATES)
            | when(self.calling != Calling::C, flag::GO)
            | when(ends, flag::ENDS)
            | when(fails, flag::FAILURES)
            | when(f.only_readable, flag::READABLE)
    }
}

fn source(source: Option<&Source>, slot: u8) -> [u8; SOURCE_BYTES] {
    let mut out = [0; SOURCE_BYTES];
    let Some(source) = source else { return out };
    let width = match source.width {
        Width::I64 => 0,
        Width::I32 => 1,
        Width::U32 => 2,
        Width::U16 => 3,
        Width::U8 => 4,
    };
    let depth = source.follow.len().min(DEREFERENCES) as u8;
    let late = if source.late { LATE } else { 0 };
    let head = [source.arg.map_or(FROM_RESULT, |arg| arg + 1), depth, width | late, slot];
    out[..4].copy_from_slice(&head);
    for (place, offset) in out[4..].chunks_exact_mut(2).zip(&source.follow) {
        place.copy_from_slice(&offset.to_ne_bytes());
    }
    out
}

fn success(rule: Success) -> u8 {
    match rule {
        Success::None => 0,
        Success::One => 1,
        Success::Positive => 2,
        Success::Zero => 3,
        Success::NotNegative => 4,
        Success::Pointer => 5,
        Success::Nil => 6,
    }
}

fn retry(rule: Retry) -> u8 {
    match rule {
        Retry::None => 0,
        Retry::Failure => 1,
        Retry::Gnutls => 2,
        Retry::Mbedtls => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_tracer_format::catalogue::api::{Catalogue, CatalogueFile};

    #[test]
    fn fields_follow_each_other() {
        let mut end = 0;
        for (name, offset, size) in SITE_FIELDS {
            assert_eq!(*offset, end, "{name}");
            end += size;
        }
        assert_eq!(end, SITE_BYTES);
    }

    #[test]
    fn a_row_is_told_to_the_kernel() {
        let text = r#"
            family = "X"
            libraries = ["libx"]
            [[function]]
            name = "x"
            record = "event"
            topic = "key"
            callers = "others"
            success = "positive"
            only = { arg = 1, values = [123, -1] }
            object = "arg0"
            args = [
                { name = "file", from = "arg2[8]", type = "path" },
                { name = "bits", from = "result[16][4]:u16", type = "bits" },
            ]
        "#;
        let catalogue = Catalogue::of(&[CatalogueFile { name: "x.toml", text }]).expect("valid");
        let function = catalogue.function(0, 0).expect("there");
        let place = Place {
            function,
            ids: Ids { function: 5, library: 6, family: 1 },
            group: 9,
            address: 0x1004,
            sp_delta: 8,
            text: (0x1000, 0x2000),
            returns: true,
            calling: Calling::C,
        };
        let bytes = place.bytes();
        assert_eq!(bytes.len(), SITE_BYTES);
        let at = |name: &str| {
            let (_, offset, size) = SITE_FIELDS.iter().find(|(n, ..)| *n == name).expect("a field");
            bytes[*offset..offset + size].to_vec()
        };
        assert_eq!(at("function"), 5u32.to_ne_bytes());
        assert_eq!(at("flags"), (flag::OTHERS | flag::RETURNS | flag::FAILURES).to_ne_bytes());
        assert_eq!(at("address"), 0x1004u64.to_ne_bytes());
        assert_eq!((at("only_arg"), at("only_count")), (vec![1], vec![2]));
        assert_eq!(at("only")[..8], [123i32.to_ne_bytes(), (-1i32).to_ne_bytes()].concat());
        assert_eq!((at("success"), at("strings")), (vec![2], 1u16.to_ne_bytes().to_vec()));
        assert_eq!(at("sp_delta"), 8u16.to_ne_bytes());
        assert_eq!(at("unread"), 0b1_0001u64.to_ne_bytes());
        assert_eq!(at("object")[..4], [1, 0, 0, 0]);
        assert_eq!(at("parent"), [0; SOURCE_BYTES]);
        let follow = |offsets: &[u16]| offsets.iter().flat_map(|o| o.to_ne_bytes()).collect::<Vec<u8>>();
        let number = [vec![FROM_RESULT, 2, 3, 0], follow(&[16, 4, 0, 0])].concat();
        assert_eq!(at("number")[..SOURCE_BYTES], number);
        let string = [vec![3, 1, 0, 1], follow(&[8, 0, 0, 0])].concat();
        assert_eq!(at("string")[..SOURCE_BYTES], string);
    }
}
