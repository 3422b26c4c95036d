//! Libraries and programs of this machine, only read: places are instructions, as another disassembler sees them.

use super::*;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDERS: [&str; 4] = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib"];

/// Says it past the test runner, which keeps what a passing test says to itself: a skip must be seen.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

fn library(name: &str) -> Option<PathBuf> {
    FOLDERS.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

/// A catalogue of every function that a file exports and whose name begins so.
fn everything(path: &Path, stem: &str, prefix: &str) -> Option<Finder> {
    let file = File::open(path).ok()?;
    let bytes = Bytes::new(&file).ok()?;
    let image = Image::open(&bytes, Machine::X86_64).ok()?;
    let mut names = BTreeSet::new();
    symbols::walk(&image, Table::Dynamic, |name, _| {
        names.extend(std::str::from_utf8(name).ok().filter(|n| n.starts_with(prefix)).map(str::to_owned));
    });
    let functions: String = names
        .iter()
        .map(|name| {
            format!("[[function]]\nname = '{name}'\nrecord = 'event'\ntopic = 'key'\nsuccess = 'one'\n")
        })
        .collect();
    Some(finder(&format!("family = 'X'\nlibraries = ['{stem}']\n{functions}")))
}

/// Where instructions begin.
fn disassembled(path: &Path) -> Option<HashSet<u64>> {
    let out = Command::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(path).output().ok()?;
    let text = String::from_utf8(out.stdout).ok().filter(|_| out.status.success())?;
    let address = |line: &str| u64::from_str_radix(line.split_once(":\t")?.0.trim(), 16).ok();
    Some(text.lines().filter_map(address).collect())
}

#[test]
fn places_are_instructions() {
    let Some(path) = library("libssl.so.3") else { return skipped("there is no libssl.so.3") };
    let Some(instructions) = disassembled(&path) else { return skipped("there is no objdump") };
    let finder = everything(&path, "libssl", "SSL_").expect("readable");
    let found = finder.find(&File::open(&path).expect("readable"), b"libssl.so.3").expect("ELF").remove(0);
    assert!(found.sites.len() > 400, "{}", found.sites.len());
    let stray: Vec<_> = found.sites.iter().filter(|s| !instructions.contains(&s.address)).collect();
    assert!(stray.is_empty(), "{stray:?}");
    let ahead = |s: &&Site| s.address < s.symbol || s.address - s.symbol > 64;
    assert_eq!(found.sites.iter().find(ahead), None);
    assert!(found.sites.iter().all(|s| found.text.contains(&s.address) && s.sp_delta == 0));
    let left: Vec<_> = found.left_out.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    assert!(left.len() * 20 < found.sites.len(), "{left:#?}");
}

/// Functions that count references begin with a lock prefix: one of them makes uprobe_multi fail as a whole.
#[test]
fn no_probe_stands_on_a_lock_prefix() {
    let Some(path) = library("libcrypto.so.3") else { return skipped("there is no libcrypto.so.3") };
    let finder = everything(&path, "libcrypto", "EVP_").expect("readable");
    let file = File::open(&path).expect("readable");
    let found = finder.find(&file, b"libcrypto.so.3").expect("ELF").remove(0);
    assert!(found.sites.len() > 500, "{}", found.sites.len());
    let bytes = Bytes::new(&file).expect("readable");
    for site in &found.sites {
        let mut code = [0; 4];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut code, site.offset).expect("in the file");
        let name = &finder.catalogue().families()[0].functions[site.function].name;
        assert_ne!(code[0], 0xf0, "{name}");
        // What is called cheap: push, nop, jump or call, with nothing else before it.
        let cheap = matches!(code, [0x50..=0x57 | 0x70..=0x7f | 0x90 | 0xe8 | 0xe9 | 0xeb, ..] | [0x41, 0x50..=0x57, ..])
            || matches!(code, [0x0f, 0x80..=0x8f, ..] | [0x66, 0x90, ..]);
        assert_eq!(site.cheap, cheap, "{name} {code:x?}");
    }
    drop(bytes);
}

#[test]
fn openssl_is_found_within_node() {
    let path = Path::new("/usr/bin/node");
    let Ok(file) = File::open(path) else { return skipped("there is no node") };
    let finder = Finder::new(Catalogue::builtin().expect("valid"), false, Machine::X86_64);
    let found = finder.find(&file, b"/usr/bin/node").expect("ELF");
    let [probed] = &found[..] else { return skipped("node doesn't carry OpenSSL") };
    let family = &finder.catalogue().families()[probed.family];
    assert_eq!((family.family.as_str(), probed.within), ("OpenSSL", true));
    let names: Vec<_> = probed.sites.iter().map(|s| family.functions[s.function].name.as_str()).collect();
    assert!(names.contains(&"SSL_do_handshake"), "{names:?}");
    assert!(probed.sites.iter().all(|s| probed.text.contains(&s.symbol)));
    let size = file.metadata().expect("stat").len();
    assert!(probed.text.end - probed.text.start < size / 10, "OpenSSL is a small part of it");
}

#[test]
fn most_files_have_nothing() {
    let finder = Finder::new(Catalogue::builtin().expect("valid"), true, Machine::X86_64);
    for name in ["libc.so.6", "libz.so.1"] {
        let Some(path) = library(name) else { continue };
        let found = finder.find(&File::open(&path).expect("readable"), name.as_bytes()).expect("ELF");
        assert_eq!(found, [], "{name}");
    }
}
