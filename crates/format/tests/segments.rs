//! Writing and reading undamaged captures.

mod common;

use common::*;
use crypto_tracer_format::record;
use crypto_tracer_format::segment::*;

fn flat(blocks: &[Vec<Vec<u8>>]) -> Vec<Vec<u8>> {
    blocks.iter().flatten().cloned().collect()
}

#[test]
fn what_is_written_is_read() {
    let blocks = blocks(3, 5);
    let (bytes, _) = segment(options(1, 0), &blocks);
    for got in [read(&bytes[..]), read_verified(&bytes[..]), read_seekable(&bytes)] {
        assert!(got.error.is_none());
        assert_eq!(got.records, flat(&blocks));
        let c = &got.coverage;
        assert_eq!((c.segments, c.closed, c.not_closed, c.blocks, c.records), (1, 1, 0, 3, 15));
        assert_eq!(c.close_reason, Some(CloseReason::Stopped));
        assert_eq!(c.bytes, bytes.len() as u64);
        assert_eq!(c.verdict(), Verdict::Whole);
        assert!(c.damages.is_empty(), "{:?}", c.damages);
    }
}

#[test]
fn zstd_tools_check_and_decode_a_capture() {
    let blocks = blocks(4, 100);
    let (bytes, _) = segment(options(1, 0), &blocks);
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("x.zst");
    std::fs::write(&file, &bytes).expect("written");
    let run = |args: &[&str]| {
        std::process::Command::new("zstd").args(args).arg(&file).output().expect("zstd is installed")
    };
    assert!(run(&["-q", "-t"]).status.success());
    assert_eq!(run(&["-q", "-dc"]).stdout, flat(&blocks).concat());
}

#[test]
fn a_block_closes_when_it_is_full() {
    let record = open(1, 1, &[b'a'; 400]);
    let mut writer = SegmentWriter::begin(Vec::new(), SegmentOptions { block_bytes: 1024, ..options(1, 0) })
        .expect("good");
    for _ in 0..5 {
        writer.append(&record).expect("whole");
    }
    // Two fit into 1024 bytes, three do not.
    assert_eq!(writer.totals().blocks, 2);
    assert_eq!(writer.open_block_bytes(), record.len());
    assert_eq!(writer.open_block_first_time(), Some(1));
}

#[test]
fn concatenated_segments_are_one_capture() {
    let (a, b) = (blocks(2, 3), blocks(1, 4));
    let (first, digest) = segment(options(1, 0), &a);
    let (second, _) = segment(SegmentOptions { previous: digest, ..options(1, 1) }, &b);
    let both = [first, second].concat();
    for got in [read(&both[..]), read_verified(&both[..]), read_seekable(&both)] {
        assert_eq!(got.records, [flat(&a), flat(&b)].concat());
        assert_eq!((got.coverage.segments, got.coverage.closed), (2, 2));
        assert_eq!(got.coverage.verdict(), Verdict::Whole);
    }
    // SEG to block, block to block, block to END; END to SEG; the second segment's own.
    assert_eq!(read_verified(&both[..]).coverage.chain_links, 3 + 1 + 2);
}

#[test]
fn entries_state_what_blocks_hold() {
    let loss = record::Loss { count: 7, from_ns: 5, to_ns: 6, ..Default::default() };
    let blocks = vec![
        vec![open(30, 1, b"/a.pem"), open(20, 1, b"/b.pem")],
        vec![fixed(40, &loss), fixed(0, &loss)],
        vec![open(50, 1, b"/c.pem")],
    ];
    let (bytes, _) = segment(options(1, 0), &blocks);
    let mut seen = Vec::new();
    let mut reader = CaptureReader::new(&bytes[..]).expect("memory");
    while let Some(block) = reader.next_block(&mut |_| true).expect("readable") {
        seen.push(block.entry.expect("a segment").clone());
    }
    let times: Vec<_> = seen.iter().map(|e| (e.first_ns, e.last_ns)).collect();
    assert_eq!(times, [(20, 30), (40, 40), (50, 50)]);
    assert_eq!(seen.iter().map(|e| e.kinds).collect::<Vec<_>>(), [1 << 16, 1 << 3, 1 << 16]);
    assert_eq!(seen.iter().map(|e| e.losses).collect::<Vec<_>>(), [0, 14, 14]);
    assert_eq!(seen.iter().map(|e| (e.number, e.records)).collect::<Vec<_>>(), [(0, 2), (1, 2), (2, 1)]);
}

#[test]
fn each_block_leaves_in_one_write() {
    #[derive(Default)]
    struct Writes(Vec<usize>);
    impl std::io::Write for Writes {
        fn write(&mut self, b: &[u8]) -> std::io::Result<usize> {
            self.0.push(b.len());
            Ok(b.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = SegmentWriter::begin(Writes::default(), options(1, 0)).expect("good");
    for block in blocks(3, 4) {
        writer.append(&block.concat()).expect("whole");
        writer.flush_block().expect("written");
    }
    let (writes, _) = writer.finish(CloseReason::Size).expect("written");
    assert_eq!(writes.0.len(), 1 + 3 + 1);
}

#[test]
fn the_chain_finds_what_checksums_cannot() {
    // A block replaced by another of the same segment id and number, all checksums right.
    let all = blocks(3, 3);
    let mut changed = all.clone();
    changed[1] = vec![open(1030, 77, b"/put/in.pem"); 3];
    let ((good, _), (other, _)) = (segment(options(1, 0), &all), segment(options(1, 0), &changed));
    let (g, o) = (layout(&good), layout(&other));
    let mixed = [&good[..g.blocks[0].end], &other[o.blocks[1].clone()], &good[g.blocks[2].start..]].concat();
    assert_eq!(read(&mixed[..]).coverage.verdict(), Verdict::Whole);
    let checked = read_verified(&mixed[..]).coverage;
    assert_eq!(checked.damages.iter().map(|d| d.cause).collect::<Vec<_>>(), [Cause::Chain]);
    assert_eq!((checked.damages[0].offset, checked.verdict()), (mixed_third(&g, &o), Verdict::Damaged));

    // A segment replaced as a whole.
    let (second, _) = segment(options(1, 1), &blocks(1, 1));
    let both = [good, second].concat();
    assert_eq!(read(&both[..]).coverage.verdict(), Verdict::Whole);
    let checked = read_verified(&both[..]).coverage;
    assert_eq!(checked.damages.iter().map(|d| d.cause).collect::<Vec<_>>(), [Cause::Chain]);
}

/// Where the third block lies, whose statement of the second is false.
fn mixed_third(good: &Layout, other: &Layout) -> u64 {
    (good.blocks[0].end + other.blocks[1].len()) as u64
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_on() {
    use std::io::{Seek, SeekFrom};
    /// Says that it is shorter than it is, as a file does that is still written.
    struct Growing<'a>(std::io::Cursor<&'a [u8]>, u64);
    impl std::io::Read for Growing<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            self.0.read(buf)
        }
    }
    impl Seek for Growing<'_> {
        fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
            match to {
                SeekFrom::End(0) => self.0.seek(SeekFrom::Start(self.1)),
                other => self.0.seek(other),
            }
        }
    }
    let (bytes, _) = segment(options(1, 0), &blocks(4, 3));
    let l = layout(&bytes);
    for length in [l.seg.end, l.blocks[1].start + 60, l.data[1] + 5, l.blocks[3].end] {
        let input = Growing(std::io::Cursor::new(&bytes[..l.end.start]), length as u64);
        let mut reader = CaptureReader::seekable(input, ReadOptions::default()).expect("seekable");
        let mut got = Vec::new();
        while let Some(b) = reader.next_block(&mut |e| e.number % 2 == 0).expect("readable") {
            got.push(b.entry.expect("an entry").number);
        }
        assert_eq!((got, reader.coverage().blocks_unwanted), (vec![0, 2], 2), "{length}");
        assert_eq!(reader.coverage().verdict(), Verdict::Whole, "{length}");
    }
}
