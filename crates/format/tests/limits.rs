//! What strangers may send: lies about sizes and counts. Every limit has its own error and its own test.

mod common;

use common::*;
use crypto_tracer_format::limits;
use crypto_tracer_format::record::{Record, RecordError, StrRef};
use crypto_tracer_format::segment::*;

fn three() -> Vec<Vec<u8>> {
    (0..3).map(|n| open(n + 1, n as u32, b"/etc/ssl/a.pem")).collect()
}

fn causes(got: &Read1) -> Vec<Cause> {
    got.coverage.damages.iter().map(|d| d.cause).collect()
}

/// A good block, an odd one, a good one: the good ones are read, and the odd one's cause is told.
fn odd(data: &[u8], change: impl FnOnce(&mut Blk)) -> Cause {
    let records = three();
    let mut hand = Hand::new();
    hand.block(&records);
    hand.odd_block(data, &records, change);
    hand.block(&records);
    let bytes = hand.closed();
    let got = read(&bytes[..]);
    assert_eq!(got.records, [records.clone(), records.clone()].concat());
    assert_eq!(got.coverage, read_seekable(&bytes).coverage);
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert_eq!((d.blocks, d.records), (Some(1), Some(3)));
    assert_eq!(got.coverage.verdict(), Verdict::Damaged);
    d.cause
}

fn without_checksum(content: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(content, 1).expect("compressible")
}

#[test]
fn a_block_by_hand_is_a_block() {
    let mut hand = Hand::new();
    hand.block(&three());
    let got = read(&hand.closed()[..]);
    assert_eq!((got.records, got.coverage.verdict()), (three(), Verdict::Whole));
}

#[test]
fn a_data_frame_without_checksum_is_refused() {
    assert_eq!(odd(&without_checksum(&three().concat()), |_| {}), Cause::NoChecksum);
}

#[test]
fn a_data_frame_without_content_size_is_refused() {
    let mut e = zstd::stream::Encoder::new(Vec::new(), 1).expect("memory");
    e.include_checksum(true).expect("a flag");
    std::io::Write::write_all(&mut e, &three().concat()).expect("a Vec");
    assert_eq!(odd(&e.finish().expect("a Vec"), |_| {}), Cause::NoContentSize);
}

#[test]
fn content_above_the_limit_is_refused_before_it_is_decoded() {
    let large = vec![0; limits::BLOCK_BYTES + 8];
    let size = large.len();
    assert_eq!(odd(&data(&large), |b| b.raw = size as u32), Cause::ContentTooLarge(size as u64));
}

#[test]
fn content_and_entry_must_agree_on_the_size() {
    let raw = three().concat();
    let found = raw.len() as u64;
    assert_eq!(odd(&data(&raw), |b| b.raw = 8), Cause::ContentSize { stated: 8, found });
}

#[test]
fn content_must_be_as_long_as_its_frame_says() {
    // A bomb: 4 MiB of zeros in a frame that says 352 bytes, as its entry does.
    let raw = three().concat().len() as u32;
    let mut bomb = data(&vec![0; limits::BLOCK_BYTES]);
    // Descriptor at 4: a size of four bytes follows it, at 5 in a frame of one segment, else at 6.
    assert_eq!(bomb[4] >> 6, 2);
    let at = if bomb[4] & 0x20 != 0 { 5 } else { 6 };
    bomb[at..at + 4].copy_from_slice(&raw.to_le_bytes());
    assert_eq!(odd(&bomb, |_| {}), Cause::Decode);
}

#[test]
fn a_window_above_the_limit_is_refused() {
    // Checksum, no content size, window 2^24, then an empty last block.
    let wide = [0x28, 0xB5, 0x2F, 0xFD, 0x04, 14 << 3, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(odd(&wide, |_| {}), Cause::WindowTooLarge(1 << 24));
}

#[test]
fn a_dictionary_is_refused() {
    let with_dictionary = [0x28, 0xB5, 0x2F, 0xFD, 0x25, 7, 0, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(odd(&with_dictionary, |_| {}), Cause::Dictionary);
}

#[test]
fn a_data_frame_header_must_be_whole() {
    assert_eq!(odd(&[0x28, 0xB5, 0x2F, 0xFD], |_| {}), Cause::DataHeader);
    assert_eq!(odd(b"plain text", |_| {}), Cause::DataHeader);
    assert_eq!(odd(&[], |_| {}), Cause::DataHeader);
}

#[test]
fn a_block_is_one_frame() {
    let one = data(&three().concat());
    let two = [one.clone(), one].concat();
    assert_eq!(odd(&two, |_| {}), Cause::DataLength(two.len() as u32));
}

#[test]
fn data_above_the_limit_are_refused() {
    let good = data(&three().concat());
    let claimed = limits::DATA_BYTES as u32 + 1;
    assert_eq!(odd(&good, |b| b.compressed = claimed), Cause::DataTooLarge(claimed));
}

#[test]
fn data_that_zstd_cannot_decode_are_told() {
    let mut broken = data(&three().concat());
    let at = broken.len() - 6;
    broken[at] ^= 0x10;
    assert_eq!(odd(&broken, |_| {}), Cause::Decode);
}

#[test]
fn missing_data_are_told() {
    let cause = odd(&[], |b| b.compressed = 150);
    assert_eq!(cause, Cause::NoData);
}

/// A frame that is passed over as damage between two good blocks.
fn between(frame: &[u8]) -> Cause {
    let mut hand = Hand::new();
    hand.block(&three());
    hand.put(frame);
    hand.block(&three());
    let got = read(&hand.closed()[..]);
    assert_eq!(got.records.len(), 6);
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert_eq!((d.bytes, d.lost_records()), (frame.len() as u64, false));
    d.cause
}

#[test]
fn frames_above_their_limit_are_not_believed() {
    let body = vec![1; limits::FRAME_BYTES];
    assert_eq!(between(&frame(9, 1, &body)), Cause::FrameTooLarge(limits::FRAME_BYTES + 20));
    let claim = limits::END_BYTES as u32 + 20;
    let mut end = frame(3, 1, &[1; 100]);
    end[4..8].copy_from_slice(&claim.to_le_bytes());
    end[20..24].copy_from_slice(&(claim - 20).to_le_bytes());
    assert_eq!(between(&end), Cause::EndTooLarge(claim as usize));
    let foreign = skippable(0, &vec![7; limits::FOREIGN_BYTES]);
    assert_eq!(between(&foreign), Cause::ForeignTooLarge(limits::FOREIGN_BYTES as u64 + 8));
}

#[test]
fn a_frame_states_its_length_twice() {
    let mut bad = frame(9, 1, &[1; 100]);
    bad[20] += 1;
    assert_eq!(between(&bad), Cause::FrameLengths { outer: 120, body: 101 });
}

#[test]
fn a_body_that_is_too_short_or_not_text_is_not_believed() {
    assert_eq!(between(&frame(1, 1, &[1; 20])), Cause::Body(1));
    assert_eq!(between(&frame(2, 1, &[1; 20])), Cause::Body(2));
    assert_eq!(between(&frame(3, 1, &[1; 20])), Cause::Body(3));
    let seg = |writer: &[u8], len: u64| {
        let mut b = vec![0; 16 + 16 + 4 + 8 + 8 + 32];
        b.extend(len.to_le_bytes());
        b.extend(writer);
        frame(1, 1, &b)
    };
    assert_eq!(between(&seg(b"\xFF\xFE", 2)), Cause::Body(1));
    assert_eq!(between(&seg(b"short", u64::MAX)), Cause::Body(1));
    assert_eq!(
        between(&seg(&[b'w'; limits::WRITER_BYTES + 1], limits::WRITER_BYTES as u64 + 1)),
        Cause::Body(1)
    );
}

#[test]
fn a_large_end_is_read_as_a_stream() {
    // A later version may put more into END than this release keeps in memory.
    let mut hand = Hand::new();
    hand.block(&three());
    let good = [hand.bytes.clone(), hand.end(2, 0, &vec![3; 2 * limits::FRAME_BYTES])].concat();
    let got = read(&good[..]);
    assert_eq!((got.coverage.closed, got.coverage.verdict()), (1, Verdict::Whole));
    let mut bad = good.clone();
    let at = good.len() - 500;
    bad[at] ^= 1;
    let got = read(&bad[..]);
    assert_eq!((got.records.len(), got.coverage.closed), (3, 0));
    assert!(matches!(causes(&got)[..], [Cause::FrameChecksum { .. }]));
    let got = read(&good[..at]);
    assert_eq!((got.records.len(), causes(&got)), (3, vec![Cause::Cut]));
}

#[test]
fn an_index_that_claims_too_much_is_not_used() {
    let mut hand = Hand::new();
    hand.block(&three());
    let bytes = [hand.bytes.clone(), hand.end(1, u32::MAX, &[])].concat();
    let got = read_seekable(&bytes);
    assert_eq!((got.records, got.coverage.verdict()), (three(), Verdict::Whole));
}

#[test]
fn a_trailer_that_points_anywhere_is_not_followed() {
    let mut hand = Hand::new();
    hand.block(&three());
    let good = hand.closed();
    for (end, segment) in [(0, 0), (u64::MAX, 5), (5, u64::MAX), (24, 24), (1, good.len() as u64 * 2)] {
        let mut bad = good.clone();
        let at = bad.len() - 24;
        bad[at..at + 8].copy_from_slice(&u64::to_le_bytes(end));
        bad[at + 8..at + 16].copy_from_slice(&u64::to_le_bytes(segment));
        let got = read_seekable(&bad);
        assert_eq!(got.records, three());
    }
}

#[test]
fn malformed_records_cost_the_rest_of_their_block() {
    let mut too_large = three()[1].clone();
    too_large[4..8].copy_from_slice(&(limits::RECORD_BYTES as u32 + 8).to_le_bytes());
    let mut odd_size = three()[1].clone();
    odd_size[4] += 1;
    let mut empty = three()[1].clone();
    empty[4..8].fill(0);
    let mut no_header = three()[1].clone();
    no_header[3] = 1;
    for bad in [too_large, odd_size, empty, no_header] {
        let records = vec![three()[0].clone(), bad, three()[2].clone()];
        let mut hand = Hand::new();
        hand.odd_block(&data(&records.concat()), &records, |b| b.times = (100, 200));
        hand.block(&three());
        let got = read(&hand.closed()[..]);
        assert_eq!(numbers(&got.records), [0, 0, 1, 2]);
        let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
        assert_eq!((d.cause, d.bytes, d.blocks, d.records), (Cause::Record, 0, Some(0), Some(2)));
        assert_eq!(d.raw_bytes, (three()[1].len() + three()[2].len()) as u64);
        assert_eq!((d.from_ns, d.to_ns), (Some(100), Some(200)));
        assert!(d.lost_records());
        assert_eq!(got.coverage.verdict(), Verdict::Damaged);
    }
}

#[test]
fn a_block_must_hold_as_many_records_as_it_says() {
    let mut hand = Hand::new();
    hand.odd_block(&data(&three().concat()), &three(), |b| b.records = 5);
    let got = read(&hand.closed()[..]);
    assert_eq!(got.records, three());
    assert_eq!(causes(&got), [Cause::RecordCount { stated: 5, found: 3 }]);
    assert_eq!(got.coverage.lost_records, 2);
}

#[test]
fn strings_lie_within_their_record_and_are_not_too_long() {
    let mut bytes = three()[0].clone();
    let fixed = u16::from(bytes[3]) * 8;
    bytes.resize(6000, b'x');
    bytes[4..8].copy_from_slice(&6000_u32.to_le_bytes());
    let record = Record::split_first(&bytes).expect("whole").0;
    let str = |off, len| record.str(StrRef { off, len }).map(<[u8]>::len);
    assert_eq!(str(fixed, limits::STRING_BYTES as u16), Ok(limits::STRING_BYTES));
    assert_eq!(str(fixed, limits::STRING_BYTES as u16 + 1), Err(RecordError::StrTooLong(4097)));
    for (off, len) in [(0, 1), (fixed - 1, 2), (5999, 2), (u16::MAX, 1), (6000, 4096)] {
        assert_eq!(str(off, len), Err(RecordError::Str { off, len, size: 6000 }));
    }
    assert_eq!(str(u16::MAX, 0), Ok(0), "no string lies nowhere");
}

#[test]
fn writers_refuse_what_readers_would() {
    let begin = |o| SegmentWriter::begin(Vec::new(), o);
    let long = SegmentOptions { writer: "w".repeat(limits::WRITER_BYTES + 1), ..options(1, 0) };
    assert!(matches!(begin(long).err(), Some(WriteError::Writer(257))));
    for block_bytes in [0, limits::MIN_BLOCK_BYTES - 1, limits::BLOCK_BYTES + 1] {
        let odd = SegmentOptions { block_bytes, ..options(1, 0) };
        assert!(matches!(begin(odd).err(), Some(WriteError::BlockBytes(n)) if n == block_bytes));
    }
    let mut writer = begin(options(1, 0)).expect("good");
    let record = three()[0].clone();
    let cut = &record[..record.len() - 8];
    assert!(matches!(writer.append(cut), Err(WriteError::Record(RecordError::Size { .. }))));
    let mut large = record.clone();
    large.resize(limits::RECORD_BYTES + 8, 0);
    large[4..8].copy_from_slice(&(limits::RECORD_BYTES as u32 + 8).to_le_bytes());
    assert!(matches!(writer.append(&large), Err(WriteError::Record(RecordError::Size { .. }))));
    assert_eq!(writer.open_block_bytes(), 0);
}

#[test]
fn nothing_follows_a_failed_write() {
    /// Takes so many bytes, then refuses.
    struct Full(usize);
    impl std::io::Write for Full {
        fn write(&mut self, b: &[u8]) -> std::io::Result<usize> {
            let n = b.len().min(self.0);
            self.0 -= n;
            if n == 0 { Err(std::io::ErrorKind::StorageFull.into()) } else { Ok(n) }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = SegmentWriter::begin(Full(200), options(1, 0)).expect("SEG fits");
    writer.append(&three().concat()).expect("in memory");
    assert!(matches!(writer.flush_block(), Err(WriteError::Io(_))));
    assert!(matches!(writer.flush_block(), Err(WriteError::Failed)));
    assert_eq!(writer.totals().blocks, 0);
    assert!(matches!(writer.finish(CloseReason::Failed), Err(WriteError::Failed)));
}

#[test]
fn damages_are_listed_up_to_a_limit_and_then_added_up() {
    let n = limits::DAMAGES_LISTED + 10;
    let mut hand = Hand::new();
    let one = vec![open(1, 1, b"/a.pem")];
    let good = data(&one.concat());
    for _ in 0..n {
        hand.odd_block(&good, &one, |b| b.crc ^= 1);
        hand.odd_block(&good, &one, |_| {});
    }
    let got = read(&hand.closed()[..]);
    assert_eq!(got.records.len(), n);
    assert_eq!((got.coverage.damages.len(), got.coverage.damages_more), (limits::DAMAGES_LISTED, 10));
    assert_eq!((got.coverage.lost_blocks, got.coverage.lost_records), (n as u64, n as u64));
}

#[test]
fn damaged_data_are_searched_up_to_a_limit() {
    let n = limits::SEARCHED + 100;
    let mut hand = Hand::new();
    let one = vec![open(1, 1, b"/a.pem")];
    for _ in 0..n {
        hand.odd_block(&data(&one.concat()), &one, |b| b.compressed = 3000);
    }
    hand.put(&[0; 3000]);
    hand.block(&one);
    let got = read(&hand.closed()[..]);
    assert_eq!((got.records.len(), got.coverage.lost_blocks), (1, u64::from(n)));
    // The last hundred were passed over in longer steps, of several blocks each.
    let found = got.coverage.damages.len() as u64 + got.coverage.damages_more;
    assert!((u64::from(limits::SEARCHED)..u64::from(limits::SEARCHED) + 30).contains(&found), "{found}");
}

#[test]
fn unknown_types_are_counted_up_to_a_limit_and_then_added_up() {
    let records: Vec<_> = (0..limits::UNKNOWN_KINDS as u16 + 5)
        .map(|n| {
            let mut r = three()[0].clone();
            r[..2].copy_from_slice(&(1000 + n).to_le_bytes());
            r
        })
        .collect();
    let mut hand = Hand::new();
    hand.block(&records);
    let c = read(&hand.closed()[..]).coverage;
    assert_eq!((c.unknown_kinds.len(), c.unknown_kinds_more), (limits::UNKNOWN_KINDS, 5));
    assert_eq!((c.unknown_kinds[&1000], c.records), (1, records.len() as u64));
}

#[test]
fn an_index_has_a_limit() {
    let n = limits::INDEX_ENTRIES + 1;
    let mut writer = SegmentWriter::begin(Vec::new(), options(1, 0)).expect("good");
    let record = open(1, 1, b"/a.pem");
    for _ in 0..n {
        writer.append(&record).expect("whole");
        writer.flush_block().expect("a Vec");
    }
    let before = writer.totals().bytes;
    let (bytes, _) = writer.finish(CloseReason::Time).expect("a Vec");
    assert_eq!(bytes.len() as u64 - before, 28 + 100 + 24, "END without index");
    let mut reader =
        CaptureReader::seekable(std::io::Cursor::new(&bytes), ReadOptions::default()).expect("seekable");
    let block = reader.next_block(&mut |e| e.number == 65_536).expect("readable").expect("there");
    assert_eq!(block.records().count(), 1);
    assert_eq!(reader.coverage().blocks_unwanted, 65_536);
}

#[test]
fn segments_beyond_the_limit_are_walked() {
    let n = limits::SEGMENTS_INDEXED + 3;
    let all: Vec<u8> = (0..n).flat_map(|n| segment(options(1, n as u32), &blocks(1, 1)).0).collect();
    let got = read_seekable(&all);
    assert_eq!((got.coverage.closed, got.records.len()), (n as u64, n));
    assert_eq!(got.coverage.verdict(), Verdict::Whole);
}
