//! Streams without entries: what ordinary zstd tools make of a capture.

mod common;

use std::io::Write;
use std::process::{Command, Stdio};

use common::*;
use crypto_tracer_format::segment::*;
use zstd::stream::Encoder;

/// Runs `zstd` as a filter.
fn tool(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("zstd")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("zstd is installed");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_vec();
    let feeder = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("it ends");
    feeder.join().expect("no panic").expect("it reads all");
    assert!(output.status.success());
    output.stdout
}

/// One frame that does not say how long its content is.
fn stream(content: &[u8], checksum: bool) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new(), 1).expect("memory");
    e.include_checksum(checksum).expect("a flag");
    e.write_all(content).expect("a Vec takes all");
    e.finish().expect("a Vec takes all")
}

/// About 1.6 MB of records, so that they cross the borders of zstd's blocks and of the reader's pieces.
fn many() -> Vec<Vec<u8>> {
    (0..4000).map(|n| open(n + 1, n as u32, &noise(n, 300 + n as usize % 7))).collect()
}

#[test]
fn a_capture_that_passed_through_zstd_can_be_read() {
    let records = many();
    let (bytes, _) = segment(options(1, 0), std::slice::from_ref(&records));
    let stripped = tool(&["-q", "-c"], &tool(&["-q", "-dc"], &bytes));
    for got in [read(&stripped[..]), read_seekable(&stripped)] {
        assert!(got.records == records);
        let c = got.coverage;
        assert_eq!((c.segments, c.bare_frames, c.unchecked_frames, c.records), (0, 1, 0, 4000));
        assert_eq!((c.verdict(), c.bytes, c.damages), (Verdict::Whole, stripped.len() as u64, vec![]));
    }
}

#[test]
fn records_may_cross_frames() {
    let records = many();
    let content = records.concat();
    let split: Vec<u8> = content.chunks(100_001).flat_map(|part| stream(part, true)).collect();
    let with_others = [skippable(0, &[0; 4]), split].concat();
    let got = read(&with_others[..]);
    assert!(got.records == records);
    let c = got.coverage;
    let frames = content.len().div_ceil(100_001) as u64;
    assert!(frames > 10);
    assert_eq!((c.bare_frames, c.foreign_frames.frames, c.verdict()), (frames, 1, Verdict::Whole));
}

#[test]
fn a_frame_without_checksum_is_read_and_counted() {
    let records = many();
    let got = read(&stream(&records.concat(), false)[..]);
    assert!(got.records == records);
    assert_eq!((got.coverage.unchecked_frames, got.coverage.verdict()), (1, Verdict::Whole));
}

#[test]
fn a_cut_stream_gives_its_beginning() {
    let records = many();
    let bytes = stream(&records.concat(), true);
    let got = read(&bytes[..bytes.len() / 2]);
    let n = got.records.len();
    assert!((1000..2200).contains(&n), "{n}");
    assert!(got.records == records[..n]);
    let c = got.coverage;
    let [d] = &c.damages[..] else { panic!("{:?}", c.damages) };
    assert_eq!((d.cause, d.blocks, d.records, d.to_ns), (Cause::Cut, None, None, None));
    assert!(d.from_ns.is_some_and(|t| t <= n as u64));
    assert_eq!(c.verdict(), Verdict::Damaged);
}

#[test]
fn a_damaged_stream_is_told_and_what_follows_is_read() {
    let records = many();
    let mut bytes = stream(&records.concat(), true);
    // Names that don't compress are stored as they are: only the checksum at the end tells that one was changed.
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let (capture, _) = segment(options(1, 0), &blocks(2, 3));
    let got = read(&[&bytes[..], &capture[..]].concat()[..]);
    assert_eq!(numbers(&got.records)[got.records.len() - 6..], [0, 1, 2, 3, 4, 5]);
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert_eq!((d.cause, d.from_ns, d.to_ns), (Cause::Decode, Some(1), None));
    assert_eq!((got.coverage.verdict(), got.coverage.closed), (Verdict::Damaged, 1));
}

#[test]
fn an_end_within_a_record_is_told() {
    let records = many();
    let content = records.concat();
    let got = read(&stream(&content[..content.len() - 8], true)[..]);
    assert!(got.records == records[..3999]);
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert_eq!((d.cause, d.raw_bytes), (Cause::Record, records[3999].len() as u64 - 8));
}

#[test]
fn a_malformed_record_ends_a_stream_but_not_the_input() {
    let records = many();
    // A bomb of zeros follows the records: no record has size 0, so that it isn't decoded to its end.
    let content = [records.concat(), vec![0; 64 << 20]].concat();
    let (capture, _) = segment(options(1, 0), &blocks(1, 3));
    let got = read(&[stream(&content, true), capture].concat()[..]);
    assert!(got.records[..4000] == records);
    assert_eq!(got.records.len(), 4003);
    assert_eq!(got.coverage.damages.len(), 1);
    assert_eq!(got.coverage.damages[0].cause, Cause::Record);
    assert!(got.coverage.raw_bytes < 2 << 20);
}

#[test]
fn a_window_that_is_too_large_is_refused() {
    let bytes = tool(&["-q", "-c", "--ultra", "-22", "--long=25"], &many().concat());
    let got = read(&bytes[..]);
    assert_eq!(got.records.len(), 0);
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert_eq!(d.cause, Cause::WindowTooLarge(1 << 25));
    assert_eq!(got.coverage.verdict(), Verdict::Nothing);
}
