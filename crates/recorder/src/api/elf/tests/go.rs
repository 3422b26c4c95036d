//! Programs of Go, of each layout of the line table.

use super::*;

pub(super) const MAGIC_1_16: u32 = 0xffff_fffa;
pub(super) const MAGIC_1_18: u32 = 0xffff_fff0;
pub(super) const MAGIC_1_20: u32 = 0xffff_fff1;

/// A line table: functions by name, place in the text and size; `start`: what it says of the text's start.
pub(super) fn table(magic: u32, functions: &[(&str, u64, u64)], start: u64) -> Vec<u8> {
    let old = magic == MAGIC_1_16;
    let word = if old { 8 } else { 4 };
    let put = |out: &mut Vec<u8>, n: u64, size: usize| out.extend_from_slice(&n.to_le_bytes()[..size]);
    let address = |at: u64| if old { TEXT + at } else { at };
    let header_len = if old { 64u64 } else { 72 };
    let names: Vec<u8> = functions.iter().flat_map(|f| f.0.bytes().chain([0])).collect();
    let list_at = (header_len + names.len() as u64).next_multiple_of(8);
    let list_len = (2 * functions.len() as u64 + 1) * word as u64;
    let (mut list, mut told, mut name) = (Vec::new(), Vec::new(), 0);
    for (label, at, _) in functions {
        put(&mut list, address(*at), word);
        put(&mut list, list_len + told.len() as u64, word);
        put(&mut told, address(*at), word);
        put(&mut told, name, 4);
        told.resize(told.len() + 24, 0);
        name += label.len() as u64 + 1;
    }
    let (_, at, size) = functions.last().expect("one at least");
    put(&mut list, address(at + size), word);
    let mut out = magic.to_le_bytes().to_vec();
    out.extend([0, 0, 1, 8]);
    put(&mut out, functions.len() as u64, 8);
    put(&mut out, 0, 8);
    if !old {
        put(&mut out, start, 8);
    }
    // Names; then compilation units, files, program counters, of which nothing is read; then the list.
    let after = header_len + names.len() as u64;
    [header_len, after, after, after, list_at].iter().for_each(|n| put(&mut out, *n, 8));
    out.extend_from_slice(&names);
    out.resize(list_at as usize, 0);
    out.extend_from_slice(&list);
    out.extend_from_slice(&told);
    out
}

const FAMILY: &str = r#"
    family = "Go"
    go = true
    [[function]]
    name = "crypto/tls.(*Conn).clientHandshake"
    record = "event"
    topic = "handshake"
    success = "nil"
    object = "arg0"
    handshake = true
"#;

const NAME: &str = "crypto/tls.(*Conn).clientHandshake";

/// cmp rsp, [r14+16]; jbe; push rbp; je +2; pop rbp; ret; pop rbp; ret; call …; jmp start
const HANDSHAKE: [u8; 20] = [
    0x49, 0x3b, 0x66, 0x10, 0x76, 0x07, 0x55, 0x74, 0x02, 0x5d, 0xc3, 0x5d, 0xc3, 0xe8, 0, 0, 0, 0, 0xeb,
    0xec,
];

fn program(magic: u32, start: u64) -> Made<'static> {
    let mut code = text(&[&PUSH_RET, &PUSH_RET]);
    code.extend(HANDSHAKE);
    code.resize(64, 0xcc);
    Made {
        text: code,
        sections: vec![(
            ".gopclntab",
            0x50_0000,
            table(magic, &[("main.main", 0, 16), ("crypto/tls.other", 16, 16), (NAME, 32, 20)], start),
        )],
        entry: TEXT,
        ..Made::default()
    }
}

fn check(found: &Probed) {
    let offset = TEXT_OFFSET + 32;
    let site = Site {
        function: 0,
        symbol: TEXT + 32,
        address: TEXT + 38,
        offset: offset + 6,
        sp_delta: 0,
        cheap: true,
        end: End::At(vec![offset + 10, offset + 12]),
        package: Some(TEXT + 16..TEXT + 52),
    };
    assert_eq!(found.sites, [site]);
    assert_eq!(found.left_out, []);
}

#[test]
fn functions_are_found_in_each_layout() {
    for (magic, calling) in
        [(MAGIC_1_16, Calling::OldGo), (MAGIC_1_18, Calling::Go), (MAGIC_1_20, Calling::Go)]
    {
        let found = probed(&finder(FAMILY), &program(magic, TEXT), "/srv/server");
        check(&found);
        assert_eq!((found.calling, found.text), (calling, 0..0));
    }
    let unknown = program(0xffff_fffb, TEXT);
    assert_eq!(finder(FAMILY).find(&unknown.file(), b"server").expect("readable"), []);
}

/// What lies between two parts of a package belongs to another one; so may what follows.
#[test]
fn calls_of_its_own_package_are_those_from_around_it() {
    let names =
        ["crypto/tls.a", "crypto/tlsx.b", "crypto/tls.(*C).c", NAME, "crypto/tls.d[go.shape.x/y.Z]", "net.e"];
    let at = |i: usize| [0, 4, 8, 32, 52, 56][i];
    let functions: Vec<_> = (0..6).map(|i| (names[i], at(i), if i == 3 { 20 } else { 4 })).collect();
    let made = Made {
        sections: vec![(".gopclntab", 0x50_0000, table(MAGIC_1_20, &functions, TEXT))],
        ..program(MAGIC_1_20, TEXT)
    };
    let found = probed(&finder(FAMILY), &made, "server");
    assert_eq!(
        found.sites.iter().map(|s| s.package.clone()).collect::<Vec<_>>(),
        [Some(TEXT + 8..TEXT + 56)]
    );
}

#[test]
fn the_start_of_the_text_is_certain_or_nothing_is_probed() {
    // The program's first instruction is a function of the table: the section begins where Go's text does.
    check(&probed(&finder(FAMILY), &program(MAGIC_1_20, 0), "server"));
    let moved = Made { moved: vec![(0x50_0000 + 24, TEXT)], entry: 1, ..program(MAGIC_1_20, 0) };
    check(&probed(&finder(FAMILY), &moved, "server"));
    // C comes before Go: an address counted from the section's start would lie within an instruction.
    let with_c = Made { entry: TEXT + 5, ..program(MAGIC_1_20, 0) };
    assert_eq!(finder(FAMILY).find(&with_c.file(), b"server").expect("readable"), []);
}

#[test]
fn a_program_without_the_functions_has_nothing() {
    let other = finder(&FAMILY.replace("clientHandshake", "elsewhere"));
    assert_eq!(other.find(&program(MAGIC_1_20, TEXT).file(), b"server").expect("readable"), []);
}
