//! Captures of other releases: later minor versions are read as far as they are known, what must not be overlooked is
//! refused, and the golden file of each version is read for ever.

mod common;

use common::*;
use crypto_tracer_format::record::{self, Kind, Payload, Records, StrRef};
use crypto_tracer_format::segment::*;

#[test]
fn a_later_minor_version_is_read_as_far_as_it_is_known() {
    let known = open(10, 1, b"/etc/ssl/a.pem");
    // A file_open of version 2, with 8 more bytes in its fixed part and a string behind them.
    let mut newer = vec![0; 112];
    let fixed = record::FileOpen::fixed_size();
    newer[..fixed].copy_from_slice(&known[..fixed]);
    newer[2] = 2;
    newer[3] = (fixed / 8 + 1) as u8;
    newer[4..8].copy_from_slice(&112_u32.to_le_bytes());
    newer[fixed..fixed + 8].fill(0xEE);
    newer[fixed + 8..fixed + 16].copy_from_slice(b"/key.pem");
    let path = record::FileOpen::FIELDS.iter().find(|f| f.name == "path").expect("a field").offset;
    newer[path..path + 2].copy_from_slice(&(fixed as u16 + 8).to_le_bytes());
    newer[path + 2..path + 4].copy_from_slice(&8_u16.to_le_bytes());
    let mut unknown = known.clone();
    unknown[..2].copy_from_slice(&99_u16.to_le_bytes());

    // Optional features, longer bodies, frames of unknown kinds and of other programs.
    let mut hand = Hand::with(2, 0, 0b101, b"more of SEG");
    hand.put(&frame(9, 1, b"who knows"));
    hand.block(std::slice::from_ref(&known));
    hand.put(&skippable(0, b"pzstd"));
    hand.put(&skippable(0xB, b"not ours, though of our nibble"));
    let records = vec![newer.clone(), unknown.clone(), known.clone()];
    hand.odd_block(&data(&records.concat()), &records, |b| {
        b.version = 2;
        b.tail = b"more of BLK".to_vec();
    });
    hand.put(&frame(77, 3, &[]));
    let bytes = [hand.bytes.clone(), hand.end(2, 0, b"more of END")].concat();

    for got in [read(&bytes[..]), read_seekable(&bytes)] {
        assert_eq!(got.records, [known.clone(), newer.clone(), unknown.clone(), known.clone()]);
        let c = got.coverage;
        assert_eq!(c.damages, []);
        assert_eq!((c.verdict(), c.closed), (Verdict::Whole, 1));
        assert_eq!(c.unknown_features, 0b101);
        assert_eq!(c.unknown_frames, Passed { frames: 2, bytes: 28 + 9 + 28 });
        assert_eq!(c.foreign_frames, Passed { frames: 2, bytes: 8 + 5 + 8 + 30 });
        assert_eq!(c.unknown_kinds.into_iter().collect::<Vec<_>>(), [(99, 1)]);
        assert_eq!(c.newer_records, 1);
    }
    let record = Records::new(&newer).next().expect("one").expect("whole");
    let payload: record::FileOpen = record.payload().expect("a file_open");
    assert_eq!((payload.result, record.str(payload.path)), (3, Ok(&b"/key.pem"[..])));
}

#[test]
fn a_required_feature_that_is_not_known_is_refused() {
    let mut hand = Hand::with(1, 1 << 40, 0, &[]);
    hand.block(&[open(10, 1, b"/a.pem")]);
    let later = hand.closed();
    let got = read(&later[..]);
    assert!(got.records.is_empty());
    let error = got.error.expect("refused");
    assert!(matches!(error, ReadError::RequiredFeatures { offset: 0, bits, .. } if bits == 1 << 40));
    let text = error.to_string();
    assert!(
        text.contains("0x10000000000") && text.contains("later release") && text.contains("\"later\""),
        "{text}"
    );

    // What stands before it is given, and it stays refused.
    let (first, _) = segment(options(1, 0), &blocks(1, 2));
    let both = [&first[..], &later[..]].concat();
    let mut reader = CaptureReader::new(&both[..]).expect("memory");
    assert_eq!(reader.next_block(&mut |_| true).expect("readable").map(|b| b.records().count()), Some(2));
    assert!(reader.next_block(&mut |_| true).is_err());
    assert!(matches!(reader.next_block(&mut |_| true), Ok(None)));
}

/// The types that version 1 began with. Later types are not in the golden file.
const TYPES: [u16; 17] = [1, 2, 3, 4, 5, 16, 17, 18, 19, 20, 32, 33, 34, 35, 36, 37, 38];

/// Content of the golden file: one record of each of these types.
fn every_type() -> Vec<Vec<u8>> {
    let kinds = TYPES.iter().map(|&n| Kind::from_number(n).expect("a type is never given up"));
    kinds.enumerate().map(|(n, kind)| golden(kind, 1_000_000 * (n as u64 + 1))).collect()
}

/// A record made from the type's table: numbers say where they stand, strings what they are.
fn golden(kind: Kind, time_ns: u64) -> Vec<u8> {
    let fields = kind.fields();
    let end = fields.last().map_or(record::HEADER_SIZE, |f| f.offset + f.size).next_multiple_of(8);
    let mut bytes = open(time_ns, u32::from(kind.number()) + 100, b"");
    bytes.resize(end, 0);
    for f in fields {
        let value = if f.ty == "StrRef" {
            let text = format!("{} {}", kind.name(), f.name);
            let at = bytes.len() as u64 | (text.len() as u64) << 16;
            bytes.extend_from_slice(text.as_bytes());
            at
        } else {
            f.offset as u64 * 3 + 1
        };
        bytes[f.offset..f.offset + f.size].copy_from_slice(&value.to_le_bytes()[..f.size]);
    }
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let size = bytes.len() as u32;
    bytes[..2].copy_from_slice(&kind.number().to_le_bytes());
    bytes[2..4].copy_from_slice(&[1, (end / 8) as u8]);
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    bytes
}

fn made() -> Vec<u8> {
    let all = every_type();
    let (first, rest) = all.split_at(5);
    let (a, digest) = segment(options(1, 0), &[first.to_vec(), rest.to_vec()]);
    let last = vec![vec![open(900, 9, b"/etc/ssl/private/\xFF\n\".key")]];
    let (b, _) = segment(SegmentOptions { previous: digest, ..options(1, 1) }, &last);
    [a, b].concat()
}

/// The golden file. Made once by [`made`], never again: it is how old files are known to stay readable.
const VERSION_1: &[u8] = include_bytes!("../../../tests/fixtures/format-v1.ctrace");

#[test]
fn the_golden_file_of_version_1_is_read() {
    let expected: Vec<Vec<u8>> =
        every_type().into_iter().chain([open(900, 9, b"/etc/ssl/private/\xFF\n\".key")]).collect();
    for got in [read_verified(VERSION_1), read_seekable(VERSION_1)] {
        let c = got.coverage;
        assert_eq!((c.verdict(), c.segments, c.closed, c.blocks, c.records), (Verdict::Whole, 2, 2, 3, 18));
        assert_eq!((c.newer_records, c.unknown_kinds.len()), (0, 0));
        assert_eq!(got.records.len(), expected.len());
        for (old, new) in got.records.iter().zip(&expected) {
            let (old, new) = (one(old), one(new));
            assert_eq!(old.header().kind, new.header().kind);
            assert_eq!(old.header().time_ns, new.header().time_ns);
            assert_eq!((old.header().tgid, old.header().comm), (new.header().tgid, new.header().comm));
            // Every field that the old file has is where the tables of this release look for it.
            let end = old.header().fixed as usize * 8;
            for f in old.kind().expect("known").fields().iter().filter(|f| f.offset + f.size <= end) {
                let at = f.offset..f.offset + f.size;
                if f.ty == "StrRef" {
                    assert_eq!(string(&old, f.offset), string(&new, f.offset), "{}", f.name);
                } else {
                    assert_eq!(old.bytes()[at.clone()], new.bytes()[at], "{}", f.name);
                }
            }
        }
    }
}

fn one(bytes: &[u8]) -> record::Record<'_> {
    record::Record::split_first(bytes).expect("whole").0
}

fn string<'a>(record: &record::Record<'a>, at: usize) -> &'a [u8] {
    let b = record.bytes();
    let number = |at: usize| u16::from_le_bytes([b[at], b[at + 1]]);
    record.str(StrRef { off: number(at), len: number(at + 2) }).expect("within the record")
}

#[test]
fn the_golden_file_says_what_it_was_made_to_say() {
    let mut reader = CaptureReader::new(VERSION_1).expect("memory");
    let mut texts = Vec::new();
    while let Some(block) = reader.next_block(&mut |_| true).expect("readable") {
        let info = block.segment.expect("a segment");
        assert_eq!((info.capture, &info.writer[..]), (Some(([1; 16], info.ordinal as u32)), "test 1"));
        for record in block.records() {
            let record = record.expect("whole");
            if let Ok(host) = record.payload::<record::Host>() {
                assert_eq!(host.schema_major, 64 * 3 + 1);
                texts.push(record.str(host.hostname).expect("there").to_vec());
            }
            if let Ok(open) = record.payload::<record::FileOpen>() {
                texts.push(record.str(open.path).expect("there").to_vec());
            }
        }
    }
    assert_eq!(texts, [&b"host hostname"[..], b"file_open path", b"/etc/ssl/private/\xFF\n\".key"]);
}

/// Not a check of the golden file, which never changes: what is made for it today must be as readable.
#[test]
fn what_the_golden_file_was_made_by_still_makes_readable_captures() {
    let bytes = made();
    assert_eq!(read_verified(&bytes[..]).records.len(), TYPES.len() + 1);
    // To make the file of a new version: CRYPTO_TRACER_GOLDEN=path cargo test -p crypto-tracer-format --test versions
    if let Some(path) = std::env::var_os("CRYPTO_TRACER_GOLDEN") {
        assert!(!std::path::Path::new(&path).exists(), "a golden file is never overwritten");
        std::fs::write(path, bytes).expect("written");
    }
}
