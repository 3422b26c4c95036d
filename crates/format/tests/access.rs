//! Random access: what isn't wanted isn't decoded, and where the input can seek not even read.

mod common;

use std::io::{Cursor, Read, Seek, SeekFrom};

use common::*;
use crypto_tracer_format::segment::*;

const BLOCKS: usize = 40;

/// Counts what is read, and by which steps.
struct Counting<'a> {
    inner: Cursor<&'a [u8]>,
    read: u64,
    touched: Vec<std::ops::Range<u64>>,
}

impl<'a> Counting<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Counting { inner: Cursor::new(bytes), read: 0, touched: Vec::new() }
    }
}

impl Read for &mut Counting<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let at = self.inner.position();
        let n = self.inner.read(buf)?;
        self.read += n as u64;
        self.touched.push(at..at + n as u64);
        Ok(n)
    }
}

impl Seek for &mut Counting<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

/// 40 blocks of about 60 KiB that don't compress; block b has the times b·100 to b·100 + 14.
fn large() -> Vec<u8> {
    let all: Vec<Vec<Vec<u8>>> = (0..BLOCKS as u64)
        .map(|b| (0..15).map(|r| open(b * 100 + r, b as u32, &noise(b * 15 + r, 4000))).collect())
        .collect();
    segment(options(1, 0), &all).0
}

fn wanted_of(
    reader: &mut CaptureReader<impl Read>,
    want: impl Fn(&BlockEntry) -> bool,
) -> (Vec<u32>, Vec<u32>) {
    let (mut got, mut asked) = (Vec::new(), Vec::new());
    loop {
        let mut ask = |e: &BlockEntry| {
            asked.push(e.number);
            want(e)
        };
        match reader.next_block(&mut ask).expect("readable") {
            Some(block) => got.push(block.entry.expect("an entry").number),
            None => return (got, asked),
        }
    }
}

#[test]
fn with_an_index_only_wanted_blocks_are_read() {
    let bytes = large();
    let l = layout(&bytes);
    let mut input = Counting::new(&bytes);
    let mut reader = CaptureReader::seekable(&mut input, ReadOptions::default()).expect("seekable");
    let (got, asked) = wanted_of(&mut reader, |e| e.overlaps(1705, 1802));
    assert_eq!(got, [17, 18]);
    assert_eq!(asked, (0..BLOCKS as u32).collect::<Vec<_>>(), "each is asked for once");
    let c = reader.coverage().clone();
    assert_eq!((c.blocks, c.blocks_unwanted, c.closed), (2, 38, 1));
    assert_eq!((c.records, c.records_unwanted), (30, 38 * 15));
    assert_eq!((c.verdict(), c.bytes), (Verdict::Whole, bytes.len() as u64));
    for (b, range) in l.blocks.iter().enumerate().filter(|(b, _)| !(17..=18).contains(b)) {
        // Reads go by steps of 4 KiB, so that the edges of neighbours may come along.
        let inner = range.start as u64 + 8192..range.end as u64 - 8192;
        let touched = input.touched.iter().any(|t| t.start < inner.end && t.end > inner.start);
        assert!(!touched, "block {b} was read");
    }
    assert!(input.read < 200_000, "{} bytes were read", input.read);
}

#[test]
fn without_an_index_block_entries_are_walked() {
    let bytes = large();
    let l = layout(&bytes);
    let bytes = &bytes[..l.end.start];
    let mut input = Counting::new(bytes);
    let mut reader = CaptureReader::seekable(&mut input, ReadOptions::default()).expect("seekable");
    let (got, asked) = wanted_of(&mut reader, |e| e.number == 30);
    assert_eq!(got, [30]);
    assert_eq!(asked, (0..BLOCKS as u32).collect::<Vec<_>>());
    let c = reader.coverage().clone();
    assert_eq!((c.closed, c.not_closed, c.verdict()), (0, 1, Verdict::Whole));
    assert!(input.read < 40 * 8192 + 65_536, "{} bytes were read", input.read);
}

#[test]
fn unwanted_blocks_are_not_decoded_from_a_pipe() {
    // Data that no zstd can decode, with a right checksum: only who decodes them notices.
    let mut hand = Hand::new();
    let records: Vec<_> = (0..3).map(|n| open(n + 1, n as u32, b"/a.pem")).collect();
    let mut broken = data(&records.concat());
    let last = broken.len() - 6;
    broken[last] ^= 0xFF;
    hand.odd_block(&broken, &records, |_| {});
    hand.block(&records);
    let bytes = hand.closed();
    let mut reader = CaptureReader::new(&bytes[..]).expect("memory");
    let (got, _) = wanted_of(&mut reader, |e| e.number == 1);
    assert_eq!(got, [1]);
    assert_eq!(reader.coverage().damages, []);
    assert_eq!((reader.coverage().blocks_unwanted, reader.coverage().verdict()), (1, Verdict::Whole));
    let all = read(&bytes[..]);
    assert_eq!(all.coverage.damages.iter().map(|d| d.cause).collect::<Vec<_>>(), [Cause::Decode]);
}

#[test]
fn a_damaged_index_is_only_a_hint_lost() {
    let bytes = large();
    let l = layout(&bytes);
    for at in [l.end.start + 30, l.end.start + 400, bytes.len() - 1, bytes.len() - 9, bytes.len() - 17] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let cursor = Cursor::new(&damaged[..]);
        let mut reader = CaptureReader::seekable(cursor, ReadOptions::default()).expect("seekable");
        let (got, _) = wanted_of(&mut reader, |e| e.number % 10 == 3);
        assert_eq!(got, [3, 13, 23, 33], "byte {at}");
        assert_eq!(reader.coverage().verdict(), Verdict::Damaged);
    }
}

#[test]
fn an_index_that_lies_is_found_out() {
    let all = blocks(4, 3);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    // The second entry's offset is made that of the third, and the checksum right again.
    let entries = l.end.start + 28 + 100;
    let mut body = bytes[l.end.start + 28..].to_vec();
    let third = body[100 + 2 * 56..100 + 2 * 56 + 8].to_vec();
    assert_eq!(third, (l.blocks[2].start as u64).to_le_bytes(), "the third entry, at {entries}");
    body[100 + 56..100 + 64].copy_from_slice(&(l.blocks[1].start as u64 + 1).to_le_bytes());
    let lying = [&bytes[..l.end.start], &frame(3, 1, &body)].concat();
    let cursor = Cursor::new(&lying[..]);
    let mut reader = CaptureReader::seekable(cursor, ReadOptions::default()).expect("seekable");
    let (got, _) = wanted_of(&mut reader, |e| e.number > 0);
    assert_eq!(got, [2, 3]);
    // The block before its false place is missed, not forgotten.
    let [d] = &reader.coverage().damages[..] else { panic!("{:?}", reader.coverage().damages) };
    assert_eq!(d.blocks, Some(1));
}

#[test]
fn damage_in_a_wanted_block_is_found_by_index_too() {
    let bytes = large();
    let l = layout(&bytes);
    let mut damaged = bytes.clone();
    damaged[l.data[20] + 500] ^= 1;
    damaged[l.blocks[5].start + 40] ^= 1;
    let cursor = Cursor::new(&damaged[..]);
    let mut reader = CaptureReader::seekable(cursor, ReadOptions::default()).expect("seekable");
    let (got, _) = wanted_of(&mut reader, |e| e.number % 5 == 0);
    assert_eq!(got, [0, 10, 15, 25, 30, 35]);
    let c = reader.coverage();
    assert_eq!((c.damages.len(), c.lost_blocks, c.lost_records), (2, 2, 30));
    assert_eq!((c.damages[1].from_ns, c.damages[1].to_ns), (Some(2000), Some(2014)));
}

#[test]
fn times_and_types_choose_blocks() {
    let entry = |first_ns, last_ns, kinds| BlockEntry {
        number: 0,
        compressed: 0,
        raw: 0,
        records: 1,
        first_ns,
        last_ns,
        kinds,
        losses: 0,
    };
    let e = entry(10, 20, kind_bit(16) | kind_bit(200));
    assert!(e.overlaps(20, 30) && e.overlaps(0, 10) && e.overlaps(12, 13));
    assert!(!e.overlaps(21, 30) && !e.overlaps(0, 9));
    assert!(entry(0, 0, 1).overlaps(21, 30), "records without a time may belong anywhere");
    assert!(e.may_hold(16) && e.may_hold(63) && e.may_hold(4000) && !e.may_hold(17));
}

#[test]
fn a_pipe_gives_what_a_file_gives() {
    /// Gives a few bytes at a time, as a pipe may.
    struct Dribble<'a>(&'a [u8], usize);
    impl Read for Dribble<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.1 = self.1 % 7 + 1;
            let n = self.1.min(buf.len());
            self.0.read(&mut buf[..n])
        }
    }
    let (bytes, _) = segment(options(1, 0), &blocks(3, 20));
    let whole = read(&bytes[..]);
    let dribbled = read(Dribble(&bytes, 0));
    assert_eq!(dribbled.records, whole.records);
    assert_eq!(dribbled.coverage, whole.coverage);
}

#[test]
fn an_unwanted_block_before_damage_is_not_lost() {
    let (bytes, _) = segment(options(1, 0), &blocks(4, 3));
    let l = layout(&bytes);
    // Cut shortly behind block 1, and garbage there.
    let mut inputs: Vec<Vec<u8>> = (1..28).map(|n| bytes[..l.blocks[1].end + n].to_vec()).collect();
    let garbage = [&bytes[..l.blocks[1].end], b"garbage", &bytes[l.blocks[2].start..]].concat();
    inputs.push(garbage);
    for input in inputs {
        let cursor = Cursor::new(&input[..]);
        let mut reader = CaptureReader::seekable(cursor, ReadOptions::default()).expect("seekable");
        wanted_of(&mut reader, |_| false);
        let c = reader.coverage();
        assert!(c.blocks_unwanted >= 2);
        let [d] = &c.damages[..] else { panic!("{:?}", c.damages) };
        assert_eq!(d.offset, l.blocks[1].end as u64, "{d:?}");
        assert_eq!(c.lost_blocks, 0);
    }
}
