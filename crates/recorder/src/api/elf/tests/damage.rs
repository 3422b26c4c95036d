//! Files that lie: whatever they say, looking into them ends, in bounded time and memory and without a panic.

use super::*;
use proptest::prelude::*;
use std::os::unix::fs::FileExt;

/// A library that has something of everything.
fn whole() -> (Finder, Vec<u8>) {
    let made = Made {
        text: text(&[&PUSH_RET, &[0xe9, 0xfb, 0xff, 0xff, 0xff], &[0xff, 0x25, 0xda, 0x0f, 0, 0]]),
        exported: vec![Named("x_a", Some(0), 3), Named("x_b", Some(16), 5)],
        all: vec![Named("x_c", Some(32), 6)],
        pointers: vec![(TEXT + 0x1000, 1)],
        sections: vec![(".gopclntab", 0x50_0000, go::table(go::MAGIC_1_20, &[("x.a", 0, 16)], TEXT))],
        ..Made::default()
    };
    let c = catalogue(&["x_a", "x_b", "x_c"]);
    let go = "family = 'Go'\ngo = true\n[[function]]\nname = 'x.a'\nrecord = 'event'\ntopic = 'key'\n";
    let files = [CatalogueFile { name: "x.toml", text: &c }, CatalogueFile { name: "go.toml", text: go }];
    (Finder::new(Catalogue::of(&files).expect("valid"), true, Machine::X86_64), made.bytes())
}

fn look(finder: &Finder, file: &File, bytes: &[u8]) {
    file.set_len(0).expect("emptied");
    file.write_all_at(bytes, 0).expect("written");
    // By name, and by what is within.
    let _ = finder.find(file, b"libx.so");
    let _ = finder.find(file, b"program");
}

#[test]
fn damage_is_survived_everywhere() {
    let (finder, bytes) = whole();
    let file = tempfile::tempfile().expect("a file");
    for cut in 0..bytes.len() {
        look(&finder, &file, &bytes[..cut]);
    }
    for at in (0..bytes.len()).filter(|at| bytes[*at] != 0 || at % 3 == 0) {
        for value in [0, 0x7f, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            look(&finder, &file, &damaged);
        }
    }
}

#[test]
fn a_file_that_claims_more_than_it_has_is_refused_or_empty() {
    let (finder, mut bytes) = whole();
    let file = tempfile::tempfile().expect("a file");
    look(&finder, &file, &bytes);
    assert_eq!(finder.find(&file, b"libx.so").expect("whole").len(), 1);
    assert_eq!(finder.find(&file, b"program").expect("whole").len(), 2);
    // A hole makes it large without a byte on the disk: e_shnum 0 takes the count from the first section's size.
    bytes[60..62].copy_from_slice(&[0, 0]);
    let sections = u64::from_le_bytes(bytes[40..48].try_into().expect("8 bytes")) as usize;
    bytes[sections + 32..sections + 40].copy_from_slice(&(1u64 << 32).to_le_bytes());
    look(&finder, &file, &bytes);
    file.set_len(1 << 40).expect("a hole");
    assert!(matches!(finder.find(&file, b"libx.so"), Err(ElfError::Damaged(_))));
}

#[test]
fn other_files_are_refused() {
    let (finder, bytes) = whole();
    let file = tempfile::tempfile().expect("a file");
    let refused = |bytes: &[u8]| {
        look(&finder, &file, bytes);
        finder.find(&file, b"libx.so").expect_err("refused").to_string()
    };
    assert!(refused(b"").contains("an ELF file"));
    assert!(refused(b"-----BEGIN PRIVATE KEY-----").contains("an ELF file"));
    let with = |at: usize, value: u8| {
        let mut other = bytes.clone();
        other[at] = value;
        other
    };
    assert!(refused(&with(4, 1)).contains("of this machine"), "32 bits");
    assert!(refused(&with(5, 2)).contains("of this machine"), "the other byte order");
    assert!(refused(&with(18, 183)).contains("of this machine"), "ARM");
    assert!(refused(&with(57, 0xff)).contains("number of segments"));
    assert!(refused(&with(61, 0xff)).contains("number of sections"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn damage_in_many_places_is_survived(spots in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let (finder, mut bytes) = whole();
        for (at, value) in &spots {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        look(&finder, &tempfile::tempfile().expect("a file"), &bytes);
    }
}
