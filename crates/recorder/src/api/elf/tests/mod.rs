//! From files to places, with files made for it; those of this machine are in `real`.

mod damage;
mod go;
mod made;
mod real;

use super::*;
use crypto_tracer_format::catalogue::api::CatalogueFile;
use made::{Made, Named, TEXT, TEXT_OFFSET};

/// A finder for the functions of a catalogue.
fn finder(text: &str) -> Finder {
    let catalogue = Catalogue::of(&[CatalogueFile { name: "x.toml", text }]).expect("valid");
    Finder::new(catalogue, false, Machine::X86_64)
}

/// A catalogue with these functions, all of one group.
fn catalogue(names: &[&str]) -> String {
    let function = |name: &&str| {
        format!(
            "[[function]]\nname = '{name}'\nrecord = 'event'\ntopic = 'key'\nsuccess = 'one'\ngroup = 'g'\nobject = 'arg0'\n"
        )
    };
    let functions: String = names.iter().map(function).collect();
    format!("family = 'X'\nlibraries = ['libx']\nwithin = ['x_a', 'x_b']\n{functions}")
}

/// The one family found.
fn probed(finder: &Finder, made: &Made<'_>, path: &str) -> Probed {
    let mut found = finder.find(&made.file(), path.as_bytes()).expect("readable");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

const PUSH_RET: [u8; 3] = [0x55, 0x5d, 0xc3];

/// Functions of 16 bytes each.
fn text(functions: &[&[u8]]) -> Vec<u8> {
    let padded = |code: &&[u8]| [code, &[0xcc; 16][code.len()..]].concat();
    functions.iter().flat_map(padded).collect()
}

#[test]
fn a_function_takes_its_probe_behind_the_landing_pad() {
    let made = Made {
        text: text(&[&[0x90, 0xc3], &[0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x5d, 0xc3]]),
        exported: vec![Named("x_a", Some(16), 7), Named("x_imported", None, 0)],
        ..Made::default()
    };
    let found = probed(&finder(&catalogue(&["x_a", "x_b", "x_imported"])), &made, "/lib/libx.so.3");
    assert_eq!((found.text, found.within, found.calling), (TEXT..TEXT + 32, false, Calling::C));
    let site = Site {
        function: 0,
        symbol: TEXT + 16,
        address: TEXT + 20,
        offset: TEXT_OFFSET + 20,
        sp_delta: 0,
        cheap: true,
        end: End::Return,
        package: None,
    };
    assert_eq!(found.sites, [site]);
    assert_eq!(found.left_out, [], "what isn't there isn't left out");
}

#[test]
fn what_cannot_be_probed_is_named() {
    let lock = [0xf0, 0xff, 0x07, 0xc3];
    let made = Made {
        text: text(&[&lock, &PUSH_RET, &PUSH_RET]),
        exported: vec![
            Named("x_a", Some(0), 4),
            Named("x_b", Some(16), 3),
            Named("x_c", Some(16), 3),
            Named("x_d", Some(32), 3),
            Named("x_e", Some(0x5000), 3),
        ],
        indirect: vec!["x_d"],
        ..Made::default()
    };
    let found = probed(&finder(&catalogue(&["x_a", "x_b", "x_c", "x_d", "x_e"])), &made, "libx.so");
    assert_eq!(found.sites.iter().map(|s| s.function).collect::<Vec<_>>(), [1]);
    let left: Vec<_> = found.left_out.iter().map(|(name, why)| format!("{name}: {why}")).collect();
    assert_eq!(
        left,
        [
            "x_a: its first instruction has a lock prefix",
            "x_c: it is the same code as x_b",
            "x_d: the loader chooses its code",
            "x_e: it isn't in the text",
        ]
    );
}

#[test]
fn each_version_of_a_name_is_probed() {
    let made = Made {
        text: text(&[&PUSH_RET, &PUSH_RET, &PUSH_RET]),
        exported: vec![Named("x_a", Some(0), 3), Named("x_a", Some(16), 3)],
        all: vec![Named("x_a@@X_2", Some(0), 3), Named("x_b@@X_2", Some(32), 3)],
        ..Made::default()
    };
    let found = probed(&finder(&catalogue(&["x_a", "x_b"])), &made, "libx.so");
    let places: Vec<_> = found.sites.iter().map(|s| (s.function, s.symbol - TEXT)).collect();
    assert_eq!(places, [(0, 0), (0, 16), (1, 32)]);
}

#[test]
fn a_door_that_only_jumps_has_no_return_probe() {
    let jump = |from: i32, to: i32| [&[0xe9][..], &(to - from - 5).to_le_bytes()].concat();
    // jmp [rip + …] to the pointer at TEXT + 0x1000.
    let through = |from: i32| [&[0xff, 0x25][..], &(0x1000 - from - 6).to_le_bytes()].concat();
    let both = [&[0x74, 0x05][..], &jump(50, 0), &[0xc3]].concat();
    let made = Made {
        text: text(&[&PUSH_RET, &jump(16, 0), &jump(32, 80), &both, &jump(64, 96), &through(80), &PUSH_RET]),
        exported: vec![
            Named("x_inner", Some(0), 3),
            Named("x_direct", Some(16), 5),
            Named("x_by_stub", Some(32), 5),
            Named("x_sometimes", Some(48), 8),
            Named("x_elsewhere", Some(64), 5),
        ],
        pointers: vec![(TEXT + 0x1000, 1)],
        ..Made::default()
    };
    let names = ["x_inner", "x_direct", "x_by_stub", "x_sometimes", "x_elsewhere"];
    let ends = |text: &str| {
        let found = probed(&finder(text), &made, "libx.so");
        assert_eq!(found.sites.len(), 5, "{:?}", found.left_out);
        found.sites.into_iter().map(|s| s.end).collect::<Vec<_>>()
    };
    assert_eq!(ends(&catalogue(&names)), [End::Return, End::Inner, End::Inner, End::Return, End::Return]);
    let apart = catalogue(&names).replace("group = 'g'", "");
    assert_eq!(
        ends(&apart),
        [const { End::Return }; 5],
        "jumps to another one's work are calls of their own"
    );
    let nothing = apart.replace("success = 'one'", "");
    assert_eq!(ends(&nothing), [const { End::Unseen }; 5]);
}

/// The catalogue is chosen by the file: NSS's libssl3.so exports OpenSSL's names too.
#[test]
fn the_name_of_the_file_decides() {
    let made = Made {
        text: text(&[&PUSH_RET, &PUSH_RET, &PUSH_RET]),
        exported: vec![
            Named("SSL_ForceHandshake", Some(0), 3),
            Named("SSL_CTX_new", Some(16), 3),
            Named("SSL_do_handshake", Some(32), 3),
        ],
        ..Made::default()
    };
    let finder = Finder::new(Catalogue::builtin().expect("valid"), true, Machine::X86_64);
    let family = |path: &str| {
        let found = finder.find(&made.file(), path.as_bytes()).expect("readable");
        let families = finder.catalogue().families();
        found.iter().map(|p| families[p.family].family.clone()).collect::<Vec<_>>()
    };
    assert_eq!(family("/usr/lib/firefox/libssl3.so"), ["NSS"]);
    assert_eq!(family("/usr/lib/libssl.so.3"), ["OpenSSL"]);
    assert_eq!(family("/venv/x.libs/libssl-8bd944e8.so.3"), ["OpenSSL"]);
    assert!(finder.is_library(b"/usr/lib/libssl.so.3") && !finder.is_library(b"/usr/bin/node"));
}

/// Forks have the names of files and functions of the library that they were made from.
#[test]
fn a_fork_is_told_by_what_only_it_has() {
    let finder = Finder::new(Catalogue::builtin().expect("valid"), true, Machine::X86_64);
    let family = |path: &str, names: &[&'static str]| {
        let named = |(i, name): (usize, &&'static str)| Named(name, Some(16 * i as u64), 3);
        let made = Made {
            text: text(&vec![&PUSH_RET[..]; names.len()]),
            exported: names.iter().enumerate().map(named).collect(),
            ..Made::default()
        };
        let found = finder.find(&made.file(), path.as_bytes()).expect("readable");
        let families = finder.catalogue().families();
        found.iter().map(|p| families[p.family].family.clone()).collect::<Vec<_>>()
    };
    for path in ["/usr/lib/libcrypto.so", "/srv/proxy"] {
        let boringssl = ["EVP_DigestFinal_ex", "CRYPTO_BUFFER_new"];
        assert_eq!(family(path, &boringssl), ["BoringSSL"], "{path}");
        assert_eq!(
            family(path, &[&boringssl[..], &["awslc_api_version_num"]].concat()),
            ["AWS-LC"],
            "{path}"
        );
    }
    assert_eq!(family("/usr/lib/libssl.so", &["SSL_CTX_new", "SSL_CTX_set_custom_verify"]), ["BoringSSL"]);
    let libressl = ["SSL_CTX_new", "SSL_CTX_use_certificate_chain_mem"];
    assert_eq!(family("/usr/lib/libssl.so", &libressl), ["LibreSSL"]);
    assert_eq!(family("/usr/lib/libssl.so", &["SSL_CTX_new"]), ["OpenSSL"]);
}

/// Rust programs carry AWS-LC under names with its version, so that there may be an OpenSSL besides.
#[test]
fn names_with_a_version_are_those_of_a_family_within() {
    let far = 0x30_0000;
    let mut code = text(&[&PUSH_RET[..]; 2]);
    code.resize(far as usize, 0xcc);
    code.extend(text(&[&PUSH_RET[..]; 4]));
    let made = Made {
        text: code,
        all: vec![
            Named("EVP_DigestFinal", Some(0), 3),
            Named("aws_sdk_helper", Some(16), 3),
            Named("aws_lc_0_35_0_EVP_DigestFinal", Some(far), 3),
            Named("aws_lc_0_35_0_EVP_DigestFinal_ex", Some(far + 16), 3),
            Named("aws_lc_0_35_0_helper", Some(far + 32), 3),
            Named("aws_lc_EVP_Digestion", Some(far + 48), 3),
        ],
        ..Made::default()
    };
    let finder = Finder::new(Catalogue::builtin().expect("valid"), false, Machine::X86_64);
    let found = probed(&finder, &made, "/srv/server");
    let family = &finder.catalogue().families()[found.family];
    assert_eq!((family.family.as_str(), found.within), ("AWS-LC", true));
    assert_eq!(found.text, TEXT + far..TEXT + far + 51, "all of its names, and no others");
    let names: Vec<_> =
        found.sites.iter().map(|s| (family.functions[s.function].name.as_str(), s.symbol)).collect();
    assert_eq!(names, [("EVP_DigestFinal", TEXT + far)], "neither the plain one nor a bulk function");
}

/// A module that hashes its own text does so under each name.
#[test]
fn a_fips_module_is_known_behind_a_prefix() {
    let made = Made {
        text: text(&[&PUSH_RET[..]; 3]),
        all: vec![
            Named("aws_lc_fips_0_13_1_BORINGSSL_bcm_text_start", Some(0), 3),
            Named("aws_lc_fips_0_13_1_EVP_DigestFinal", Some(16), 3),
            Named("aws_lc_fips_0_13_1_BORINGSSL_bcm_text_end", Some(32), 3),
        ],
        ..Made::default()
    };
    let finder = Finder::new(Catalogue::builtin().expect("valid"), false, Machine::X86_64);
    let found = probed(&finder, &made, "/srv/server");
    assert_eq!(found.sites, []);
    assert_eq!(found.left_out, [("EVP_DigestFinal".to_owned(), Unprobed::Fips)]);
}

#[test]
fn a_library_within_a_program_is_the_range_of_its_symbols() {
    let far = 0x30_0000;
    let mut code = text(&[&PUSH_RET, &PUSH_RET, &PUSH_RET, &PUSH_RET]);
    code.resize(far as usize, 0xcc);
    code.extend(text(&[&PUSH_RET, &PUSH_RET]));
    let made = Made {
        text: code,
        exported: vec![Named("main", Some(far), 3), Named("x_b", Some(32), 3)],
        all: vec![
            Named("x_helper", Some(0), 3),
            Named("x_a", Some(16), 3),
            Named("x_lone", Some(far + 16), 3),
        ],
        ..Made::default()
    };
    let finder = finder(&catalogue(&["x_a", "x_b"]));
    let found = probed(&finder, &made, "/usr/bin/program");
    assert!(found.within);
    assert_eq!(found.text, TEXT..TEXT + 35);
    assert_eq!(found.sites.len(), 2);
    let without = Made { all: Vec::new(), ..made };
    assert_eq!(finder.find(&without.file(), b"/usr/bin/program").expect("readable"), []);
}

#[test]
fn forks_are_told_apart_by_what_they_have_besides() {
    let made = Made {
        text: text(&[&PUSH_RET, &PUSH_RET, &PUSH_RET]),
        exported: vec![Named("x_a", Some(0), 3), Named("x_b", Some(16), 3), Named("x_fork", Some(32), 3)],
        ..Made::default()
    };
    let plain = catalogue(&["x_a", "x_b"]);
    let unless = format!("unless = ['x_fork']\n{plain}");
    for path in ["libx.so", "program"] {
        assert_eq!(finder(&plain).find(&made.file(), path.as_bytes()).expect("readable").len(), 1);
        assert_eq!(finder(&unless).find(&made.file(), path.as_bytes()).expect("readable"), []);
    }
}

#[test]
fn what_hashes_its_own_text_is_never_probed() {
    let made = Made {
        text: text(&[&PUSH_RET, &PUSH_RET, &PUSH_RET]),
        exported: vec![Named("x_a", Some(0), 3), Named("x_b", Some(32), 3)],
        all: vec![
            Named("BORINGSSL_bcm_text_start", Some(16), 1),
            Named("BORINGSSL_bcm_text_end", Some(48), 1),
        ],
        ..Made::default()
    };
    let finder = finder(&catalogue(&["x_a", "x_b"]));
    let found = probed(&finder, &made, "libx.so");
    assert_eq!(found.sites.iter().map(|s| s.function).collect::<Vec<_>>(), [0]);
    assert_eq!(found.left_out, [("x_b".to_owned(), Unprobed::Fips)]);
    for path in ["/usr/lib/ossl-modules/fips.so", "libx-FIPS.so"] {
        assert!(matches!(finder.find(&made.file(), path.as_bytes()), Err(ElfError::Fips)), "{path}");
    }
    let folder = finder.find(&made.file(), b"/opt/fips/libx.so").expect("the file's own name counts");
    assert_eq!(folder.len(), 1);
}

#[test]
fn bulk_functions_are_probed_where_they_were_asked_for() {
    let made = Made {
        text: text(&[&PUSH_RET, &PUSH_RET]),
        exported: vec![Named("x_a", Some(0), 3), Named("x_b", Some(16), 3)],
        ..Made::default()
    };
    let text = "family = 'X'\nlibraries = ['libx']\n[[function]]\nname = 'x_a'\nrecord = 'count'\ntopic = 'data'\nbulk = true\n\
        [[function]]\nname = 'x_b'\nrecord = 'count'\ntopic = 'data'\n";
    let all = Catalogue::of(&[CatalogueFile { name: "x.toml", text }]).expect("valid");
    for (bulk, want) in [(false, &[1][..]), (true, &[0, 1])] {
        let finder = Finder::new(all.clone(), bulk, Machine::X86_64);
        let found = probed(&finder, &made, "libx.so");
        assert_eq!(found.sites.iter().map(|s| s.function).collect::<Vec<_>>(), want);
    }
}
