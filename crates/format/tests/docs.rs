//! docs/capture-format.md: its tables are made from the tables of the code. `UPDATE_GOLDENS=1` writes them anew.

use std::fmt::Write;
use std::path::Path;

use crypto_tracer_format::limits;
use crypto_tracer_format::record::{
    ApiRecorded, Direction, Fact, HEADER_FIELDS, HostFact, KernelCall, Kind, LossReason, MarkKind,
    ProbeState, TlsMessage,
};
use crypto_tracer_format::segment::*;

/// The sources, for what the tables of the code don't hold: the doc comments of types and of single bits.
const KINDS: &str = concat!(
    include_str!("../src/record/kinds/mod.rs"),
    include_str!("../src/record/kinds/numbers.rs"),
    include_str!("../src/record/kinds/bits.rs"),
);
const HEADER: &str = include_str!("../src/record/mod.rs");

/// `(doc, line)` for each line of `source` with a doc comment directly above it.
fn documented(source: &str) -> Vec<(String, &str)> {
    let (mut out, mut doc) = (Vec::new(), String::new());
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc = format!("{doc} {}", text.trim()).trim().to_owned();
        } else if !line.starts_with("#[") && !doc.is_empty() {
            out.push((std::mem::take(&mut doc), line));
        }
    }
    out
}

fn body(fields: &[BodyField]) -> String {
    let mut out = "| offset | bytes | field | what |\n|---|---|---|---|\n".to_owned();
    let mut at = 0;
    for f in fields {
        let bytes = if f.size == 0 { "…".into() } else { f.size.to_string() };
        writeln!(out, "| {at} | {bytes} | `{}` | {} |", f.name, f.doc.join(" ").trim()).expect("a String");
        at += f.size;
    }
    out
}

fn header() -> String {
    let docs = documented(HEADER);
    let mut out = "| offset | bytes | field | what |\n|---|---|---|---|\n".to_owned();
    for (name, at, size) in HEADER_FIELDS {
        let (doc, _) =
            docs.iter().find(|(_, l)| l.starts_with(&format!("pub {name}: "))).expect("each is documented");
        writeln!(out, "| {at} | {size} | `{name}` | {} |", plain(doc)).expect("a String");
    }
    out
}

/// Doc links read as code in a page without them.
fn plain(doc: &str) -> String {
    doc.replace("[`", "`").replace("`]", "`")
}

fn about(kind: Kind) -> String {
    let number = format!(" = {}, \"{}\"", kind.number(), kind.name());
    let docs = documented(KINDS);
    plain(&docs.iter().find(|(_, l)| l.contains(&number)).expect("each type is documented").0)
}

fn kinds() -> String {
    let mut out = "| type | name | version | what |\n|---|---|---|---|\n".to_owned();
    for k in Kind::ALL {
        writeln!(out, "| {} | [{}](#{}) | {} | {} |", k.number(), k.name(), k.name(), k.version(), about(*k))
            .expect("a String");
    }
    out
}

fn types() -> String {
    let mut out = String::new();
    for k in Kind::ALL {
        writeln!(out, "### {}\n\nType {}. {}\n", k.name(), k.number(), about(*k)).expect("a String");
        out.push_str("| offset | bytes | field | type | what |\n|---|---|---|---|---|\n");
        for f in k.fields() {
            let doc = plain(f.doc.join(" ").trim());
            writeln!(out, "| {} | {} | `{}` | {} | {doc} |", f.offset, f.size, f.name, f.ty)
                .expect("a String");
        }
        out.push('\n');
    }
    out
}

fn numbers() -> String {
    let list = |title: &str, items: Vec<(u16, &str)>| {
        let items: Vec<_> = items.iter().map(|(n, name)| format!("{n} {name}")).collect();
        format!("- `{title}`: {}.\n", items.join(", "))
    };
    let mut out = list("Fact", Fact::ALL.iter().map(|x| (x.number(), x.name())).collect());
    out += &list("ProbeState", ProbeState::ALL.iter().map(|x| (x.number(), x.name())).collect());
    out += &list("LossReason", LossReason::ALL.iter().map(|x| (x.number(), x.name())).collect());
    out += &list("MarkKind", MarkKind::ALL.iter().map(|x| (x.number(), x.name())).collect());
    out += &list("TlsMessage", TlsMessage::ALL.iter().map(|x| (x.number(), x.name())).collect());
    out += &list("Direction", Direction::ALL.iter().map(|x| (x.number(), x.name())).collect());
    out += &list("KernelCall", KernelCall::ALL.iter().map(|x| (x.number(), x.name())).collect());
    out += &list("HostFact", HostFact::ALL.iter().map(|x| (x.number(), x.name())).collect());
    out += &list("ApiRecorded", ApiRecorded::ALL.iter().map(|x| (x.number(), x.name())).collect());
    for (doc, line) in documented(KINDS) {
        if let Some(name) = line.strip_prefix("pub mod ") {
            writeln!(
                out,
                "\n`{}`. {}\n\n| bit | what |\n|---|---|",
                name.trim_end_matches(" {"),
                plain(&doc)
            )
            .expect("a String");
        } else if let Some((_, value)) = line.strip_prefix("pub const ").and_then(|l| l.split_once(" = ")) {
            writeln!(out, "| {} | {doc} |", value.trim_end_matches(';')).expect("a String");
        }
    }
    out
}

fn table_of_limits() -> String {
    let mut out = "| limit | value | what |\n|---|---|---|\n".to_owned();
    for (name, value, doc) in limits::TABLE {
        writeln!(out, "| `{name}` | {value} | {} |", doc.join(" ").trim()).expect("a String");
    }
    out
}

fn generated(section: &str) -> String {
    match section {
        "SegmentBody" => body(SegmentBody::FIELDS),
        "BlockBody" => body(BlockBody::FIELDS),
        "BlockEntry" => body(BlockEntry::FIELDS),
        "EndBody" => body(EndBody::FIELDS),
        "IndexEntry" => body(IndexEntry::FIELDS),
        "Trailer" => body(Trailer::FIELDS),
        "CloseReason" => {
            let all: Vec<_> =
                CloseReason::ALL.iter().map(|r| format!("{} {}", r.number(), r.name())).collect();
            format!("{}.\n", all.join(", "))
        }
        "Header" => header(),
        "Kinds" => kinds(),
        "Types" => types(),
        "Numbers" => numbers(),
        "Limits" => table_of_limits(),
        other => panic!("the page names a section {other} that nobody makes"),
    }
}

#[test]
fn the_page_says_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/capture-format.md");
    let page = std::fs::read_to_string(&path).expect("docs/capture-format.md is there");
    let (mut fresh, mut sections, mut inside) = (String::new(), 0, false);
    for line in page.lines() {
        if line == "<!-- end -->" {
            inside = false;
        }
        if !inside {
            fresh.push_str(line);
            fresh.push('\n');
        }
        if let Some(section) = line.strip_prefix("<!-- generated: ").and_then(|l| l.strip_suffix(" -->")) {
            write!(fresh, "\n{}\n", generated(section).trim_end()).expect("a String");
            fresh.push('\n');
            sections += 1;
            inside = true;
        }
    }
    assert_eq!(sections, 12, "all sections are in the page");
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, &fresh).expect("written");
    } else {
        assert!(
            page == fresh,
            "docs/capture-format.md differs from the code: run this test with UPDATE_GOLDENS=1"
        );
    }
}

/// What the page says in words about frames, held against a capture.
#[test]
fn frames_lie_as_the_page_says() {
    let options = SegmentOptions {
        capture_id: [2; 16],
        segment_id: [1; 16],
        number: 3,
        previous: [4; 32],
        level: 1,
        block_bytes: 256 * 1024,
        writer: "w".into(),
    };
    let (bytes, _) = SegmentWriter::begin(Vec::new(), options)
        .and_then(|w| w.finish(CloseReason::Time))
        .expect("a Vec takes all");
    let at = |fields: &[BodyField], name: &str| -> usize {
        28 + fields.iter().take_while(|f| f.name != name).map(|f| f.size).sum::<usize>()
    };
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(bytes[..4], [0x5B, 0x2A, 0x4D, 0x18]);
    assert_eq!(bytes[8..16], [0x89, 0x43, 0x54, 0x52, 0x41, 0x43, 0x45, 0]);
    assert_eq!(bytes[16..20], [1, 0, 1, 0]);
    assert_eq!(u32_at(20), u32_at(4) - 20);
    let checked = crc32c::crc32c_append(crc32c::crc32c(&bytes[8..24]), &bytes[28..8 + u32_at(4) as usize]);
    assert_eq!(u32_at(24), checked);
    assert_eq!(bytes[at(SegmentBody::FIELDS, "segment_id")..][..16], [1; 16]);
    assert_eq!(bytes[at(SegmentBody::FIELDS, "capture_id")..][..16], [2; 16]);
    assert_eq!(u32_at(at(SegmentBody::FIELDS, "number")), 3);
    assert_eq!(bytes[at(SegmentBody::FIELDS, "previous")..][..32], [4; 32]);
    let writer = at(SegmentBody::FIELDS, "writer");
    assert_eq!(bytes[writer..writer + 9], [1, 0, 0, 0, 0, 0, 0, 0, b'w']);
    let end = writer + 9;
    assert_eq!(bytes[end + 16..end + 20], [3, 0, 1, 0]);
    assert_eq!(u32_at(end + at(EndBody::FIELDS, "reason")), CloseReason::Time.number());
    assert_eq!(u32_at(end + at(EndBody::FIELDS, "entries")), 0);
    let trailer: Vec<u8> =
        [((bytes.len() - end) as u64).to_le_bytes(), (bytes.len() as u64).to_le_bytes(), *b"\x89CTREND\0"]
            .concat();
    assert_eq!(bytes[bytes.len() - 24..], trailer);
}
