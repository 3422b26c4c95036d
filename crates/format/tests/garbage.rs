//! Any input at all: no panic, nothing lost untold, and what was written comes back.

mod common;

use common::*;
use crypto_tracer_format::record::Records;
use crypto_tracer_format::segment::*;
use proptest::prelude::*;

#[test]
fn what_is_no_capture_gives_nothing() {
    for input in [&b""[..], b"\0", b"hello world\n", &[0; 5000], &noise(1, 100_000)] {
        let got = read(input);
        assert_eq!((got.records.len(), got.coverage.verdict()), (0, Verdict::Nothing));
        assert_eq!(got.coverage.bytes, input.len() as u64);
        assert_eq!(got.coverage, read_seekable(input).coverage);
    }
}

#[test]
fn a_capture_between_garbage_is_read() {
    let all = blocks(3, 2);
    let (closed, _) = segment(options(1, 0), &all);
    let (other, _) = segment(options(2, 0), &blocks(1, 2));
    let l = layout(&closed);
    let numbers = [0, 1, 2, 3, 4, 5];
    let (before, after) = (noise(3, 100), noise(4, 70_000));
    let read_both = |parts: &[&[u8]]| {
        let input = parts.concat();
        let got = read(&input[..]);
        assert_eq!(got.coverage, read_seekable(&input).coverage);
        assert_eq!(got.coverage.bytes, input.len() as u64);
        got
    };
    // Closed, or cut between two blocks; its SEG is there or not; garbage behind it or not; another capture behind that.
    for from in [0, l.seg.end] {
        for to in [l.end.start, closed.len()] {
            for tail in [&b""[..], b"x", &after] {
                let got = read_both(&[&before, &closed[from..to], tail]);
                assert_eq!(got.numbers(), numbers, "{from} to {to}");
                assert_eq!(got.coverage.verdict(), Verdict::Damaged);
                assert_eq!((got.coverage.damages[0].offset, got.coverage.damages[0].bytes), (0, 100));
                assert_eq!(got.coverage.lost_bytes as usize, 100 + tail.len());
            }
            let got = read_both(&[&before, &closed[from..to], &before, &other, &before]);
            // The other one could be a process's work: nothing proves it.
            assert_eq!((got.numbers(), got.coverage.segments), (numbers.to_vec(), 1), "{from} to {to}");
        }
    }
    // Damaged besides.
    let mut damaged = closed.clone();
    damaged[l.data[1] + 3] ^= 1;
    assert_eq!(read_both(&[&before, &damaged, &after]).numbers(), [0, 1, 4, 5]);
    // Without one whole block nothing is proven.
    assert_eq!(read_both(&[&before, &closed[..l.blocks[0].end - 1]]).records.len(), 0);
}

#[test]
fn an_input_that_fails_is_an_error() {
    struct Fails;
    impl std::io::Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
    }
    let (bytes, _) = segment(options(1, 0), &blocks(1, 2));
    let got = read(std::io::Read::chain(&bytes[..], Fails));
    assert_eq!(got.records.len(), 2);
    assert!(matches!(got.error, Some(ReadError::Io { .. })));
}

/// Any record: of any type, with any fixed part and tail.
fn any_record() -> impl Strategy<Value = Vec<u8>> {
    (any::<u16>(), any::<u8>(), 8_u8..40, 0_usize..600, any::<u64>(), any::<u8>()).prop_map(
        |(kind, version, fixed, tail, time, fill)| {
            let size = usize::from(fixed) * 8 + tail * 8;
            let mut r = vec![fill; size];
            r[..2].copy_from_slice(&kind.to_le_bytes());
            r[2] = version;
            r[3] = fixed;
            r[4..8].copy_from_slice(&(size as u32).to_le_bytes());
            r[8..16].copy_from_slice(&time.to_le_bytes());
            r
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_survive_the_round_trip(
        segments in prop::collection::vec(prop::collection::vec(any_record(), 0..30), 1..4),
        block_bytes in 1024_usize..20_000,
        level in 1..6,
    ) {
        let mut bytes = Vec::new();
        let mut previous = [0; 32];
        for (n, records) in segments.iter().enumerate() {
            let options = SegmentOptions { previous, block_bytes, level, ..options(1, n as u32) };
            let mut writer = SegmentWriter::begin(Vec::new(), options).unwrap();
            // By ones and by many.
            let (ones, many) = records.split_at(records.len() / 2);
            ones.iter().for_each(|r| writer.append(r).unwrap());
            writer.append(&many.concat()).unwrap();
            let (segment, digest) = writer.finish(CloseReason::Size).unwrap();
            bytes.extend(segment);
            previous = digest;
        }
        for got in [read_verified(&bytes[..]), read_seekable(&bytes)] {
            prop_assert_eq!(&got.records, &segments.concat());
            prop_assert_eq!(got.coverage.verdict(), Verdict::Whole);
            prop_assert_eq!(got.coverage.closed, segments.len() as u64);
            prop_assert_eq!(got.coverage.lost_bytes, 0);
        }
    }

    #[test]
    fn garbage_never_panics(mut garbage in prop::collection::vec(any::<u8>(), 0..3000), start in 0_usize..5) {
        // Beginnings that lead further into the reader than chance does.
        let starts: [&[u8]; 5] =
            [b"", b"\x5B\x2A\x4D\x18", b"\x28\xB5\x2F\xFD", b"\x5B\x2A\x4D\x18\x90\0\0\0\x89CTRACE\0\x02\0", b"\x50\x2A\x4D\x18"];
        garbage.splice(0..0, starts[start].iter().copied());
        let got = read(&garbage[..]);
        prop_assert!(got.error.is_none());
        prop_assert_eq!(got.coverage.bytes, garbage.len() as u64);
        read_seekable(&garbage);
    }

    #[test]
    fn mixtures_never_panic_and_lose_nothing_untold(
        pieces in prop::collection::vec((0_usize..6, 0_usize..2000, 0_usize..2000), 1..6),
    ) {
        let (bytes, _) = segment(options(1, 0), &blocks(4, 3));
        let (other, _) = segment(options(2, 0), &blocks(2, 3));
        let mut mixed = Vec::new();
        for (kind, a, b) in pieces {
            let source = if kind % 2 == 0 { &bytes } else { &other };
            let (a, b) = (a.min(source.len()), b.min(source.len()));
            mixed.extend_from_slice(&source[a.min(b)..a.max(b)]);
        }
        let got = read(&mixed[..]);
        prop_assert!(got.error.is_none());
        prop_assert_eq!(got.coverage.bytes, mixed.len() as u64);
        prop_assert_eq!(got.coverage.records, got.records.len() as u64);
        // What is read was written.
        let written = [blocks(4, 3), blocks(2, 3)].concat().concat();
        prop_assert!(got.records.iter().all(|r| written.contains(r)));
        read_seekable(&mixed);
        read_verified(&mixed[..]);
    }

    #[test]
    fn any_bytes_are_records_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        for record in Records::new(&bytes).flatten() {
            prop_assert!(record.bytes().len() >= 64);
        }
    }
}
