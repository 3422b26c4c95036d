//! Damaged and cut captures: every undamaged block is still read, and every loss is told.

mod common;

use common::*;
use crypto_tracer_format::segment::*;

const BLOCKS: usize = 4;
const EACH: usize = 3;

/// The records of block `b` of [`blocks`] have these times.
fn times(b: usize) -> (u64, u64) {
    let first = 1000 + 10 * (b * EACH) as u64;
    (first, first + 10 * (EACH as u64 - 1))
}

/// Both readers must say the same.
fn read_both(bytes: &[u8], what: &str) -> Read1 {
    let forward = read(bytes);
    let seeking = read_seekable(bytes);
    assert_eq!(forward.numbers(), seeking.numbers(), "{what}");
    assert_eq!(forward.coverage, seeking.coverage, "{what}");
    assert!(forward.error.is_none(), "{what}: {:?}", forward.error);
    assert_eq!(forward.coverage.bytes, bytes.len() as u64, "{what}");
    forward
}

fn expected(all: &[Vec<Vec<u8>>], keep: impl Fn(usize) -> bool) -> Vec<u32> {
    (0..all.len()).filter(|&b| keep(b)).flat_map(|b| numbers(&all[b])).collect()
}

#[test]
fn a_flip_of_any_bit_loses_at_most_its_block() {
    let all = blocks(BLOCKS, EACH);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    assert_eq!(l.end.end, bytes.len());
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let what = format!("byte {at}, bit {bit}");
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let hit = l.blocks.iter().position(|b| b.contains(&at));
            let got = if bit == 0 { read_both(&damaged, &what) } else { read(&damaged[..]) };
            assert_eq!(got.numbers(), expected(&all, |b| Some(b) != hit), "{what}");
            let c = &got.coverage;
            match hit {
                Some(b) => {
                    let [d] = &c.damages[..] else { panic!("{what}: {:?}", c.damages) };
                    let (first, last) = times(b);
                    assert_eq!((d.blocks, d.records), (Some(1), Some(EACH as u64)), "{what}: {d:?}");
                    assert!(d.from_ns.is_some_and(|t| t <= first), "{what}: {d:?}");
                    assert!(d.to_ns.is_some_and(|t| t >= last), "{what}: {d:?}");
                    // A frame that looks like someone else's is passed over; what is behind it is lost.
                    assert!(d.bytes > 0 && d.bytes <= l.blocks[b].len() as u64, "{what}: {d:?}");
                    assert_eq!(d.bytes + c.foreign_frames.bytes, l.blocks[b].len() as u64, "{what}: {d:?}");
                    assert_eq!((c.closed, c.lost_blocks, c.lost_unknown), (1, 1, false), "{what}");
                    assert_eq!(c.verdict(), Verdict::Damaged, "{what}");
                }
                None if l.seg.contains(&at) => {
                    let [d] = &c.damages[..] else { panic!("{what}: {:?}", c.damages) };
                    assert_eq!((d.blocks, d.records), (Some(0), Some(0)), "{what}: {d:?}");
                    assert!(!d.lost_records());
                    assert_eq!((c.segments, c.closed), (1, 1), "{what}");
                }
                None => {
                    assert_eq!((c.closed, c.not_closed), (0, 1), "{what}");
                    assert!(!c.damages.is_empty() || c.foreign_frames.frames == 1, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_cut_anywhere_loses_what_is_behind_it_only() {
    let all = blocks(BLOCKS, EACH);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    for n in 0..bytes.len() {
        let what = format!("cut at {n}");
        let got = read_both(&bytes[..n], &what);
        let whole = l.blocks.iter().filter(|b| b.end <= n).count();
        assert_eq!(got.numbers(), expected(&all, |b| b < whole), "{what}");
        let c = &got.coverage;
        assert_eq!(c.closed, 0, "{what}");
        let border = n == 0 || n == l.seg.end || l.blocks.iter().any(|b| b.end == n);
        if border {
            assert_eq!(c.damages, [], "{what}");
            let verdict = if n == 0 { Verdict::Nothing } else { Verdict::Whole };
            assert_eq!((c.not_closed, c.verdict()), (u64::from(n > 0), verdict), "{what}");
            continue;
        }
        let [d] = &c.damages[..] else { panic!("{what}: {:?}", c.damages) };
        assert_eq!(d.cause, Cause::Cut, "{what}");
        assert_eq!(d.offset + d.bytes, n as u64, "{what}");
        let verdict = if whole > 0 { Verdict::Damaged } else { Verdict::Nothing };
        assert_eq!(c.verdict(), verdict, "{what}");
        let in_data = (0..BLOCKS).find(|&b| l.data[b] <= n && n < l.blocks[b].end);
        let (blocks, from, to) = match in_data {
            Some(b) => (Some(1), Some(times(b).0), Some(times(b).1)),
            None => (None, whole.checked_sub(1).map(|b| times(b).0), None),
        };
        assert_eq!((d.blocks, d.from_ns, d.to_ns), (blocks, from, to), "{what}");
        assert_eq!(d.records, in_data.map(|_| EACH as u64), "{what}");
    }
}

#[test]
fn a_tail_of_zeros_is_told_apart() {
    let all = blocks(BLOCKS, EACH);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    // As after a power loss: the file has its length, but what was not on disk yet reads as zeros.
    let mut at_border = bytes.clone();
    at_border[l.blocks[2].start..].fill(0);
    let got = read_both(&at_border, "at a border");
    assert_eq!(got.numbers(), expected(&all, |b| b < 2));
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    let zeros = (bytes.len() - l.blocks[2].start) as u64;
    assert_eq!((d.cause, d.bytes, d.trailing_zeros), (Cause::Zeros, zeros, zeros));
    assert_eq!((d.blocks, d.from_ns, d.to_ns), (None, Some(times(1).0), None));

    let mut in_data = bytes.clone();
    let from = l.data[2] + 20;
    in_data[from..].fill(0);
    let got = read_both(&in_data, "within a block");
    assert_eq!(got.numbers(), expected(&all, |b| b < 2));
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert!(matches!(d.cause, Cause::DataChecksum { .. }));
    assert_eq!(d.bytes, (bytes.len() - l.blocks[2].start) as u64);
    assert!(d.trailing_zeros >= (bytes.len() - from) as u64);
}

#[test]
fn any_stretch_of_garbage_costs_only_the_blocks_it_touches() {
    let all = blocks(BLOCKS, EACH);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    for from in 0..bytes.len() {
        for len in [2, 9, 40, 300] {
            let range = from..(from + len).min(bytes.len());
            let what = format!("garbage at {range:?}");
            let mut damaged = bytes.clone();
            damaged[range.clone()].fill(0xA5);
            let got = read_both(&damaged, &what);
            let intact = |b: usize| l.blocks[b].end <= range.start || l.blocks[b].start >= range.end;
            assert_eq!(got.numbers(), expected(&all, intact), "{what}");
            let lost = (0..BLOCKS).filter(|&b| !intact(b)).count() as u64;
            if range.end <= l.end.start {
                assert_eq!(got.coverage.lost_blocks, lost, "{what}: {:?}", got.coverage.damages);
                assert!(!got.coverage.lost_unknown);
            }
        }
    }
}

#[test]
fn bytes_cut_out_or_put_in_cost_only_the_blocks_they_touch() {
    let all = blocks(BLOCKS, EACH);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    for at in l.blocks[0].start..l.end.start {
        let what = format!("at {at}");
        let hit = l.blocks.iter().position(|b| b.contains(&at)).expect("within a block");
        let removed = [&bytes[..at], &bytes[at + 1..]].concat();
        let got = read_both(&removed, &what);
        assert_eq!(got.numbers(), expected(&all, |b| b != hit), "{what}");
        assert_eq!((got.coverage.lost_blocks, got.coverage.lost_unknown), (1, false), "{what}");

        let added = [&bytes[..at], &[!bytes[at - 1]][..], &bytes[at..]].concat();
        let got = read_both(&added, &what);
        let hit = Some(hit).filter(|&b| l.blocks[b].start != at);
        assert_eq!(got.numbers(), expected(&all, |b| Some(b) != hit), "{what}");
        assert_eq!(got.coverage.verdict(), Verdict::Damaged, "{what}");
    }
}

#[test]
fn blocks_that_were_taken_out_are_missed() {
    let all = blocks(5, EACH);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    let without = |range: std::ops::Range<usize>| [&bytes[..range.start], &bytes[range.end..]].concat();

    let got = read_both(&without(l.blocks[1].clone()), "one");
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert_eq!(d.cause, Cause::BlocksMissing { found: 2, expected: 1 });
    // One block: the next one states its times exactly.
    assert_eq!(
        (d.blocks, d.records, d.from_ns, d.to_ns),
        (Some(1), Some(3), Some(times(1).0), Some(times(1).1))
    );

    let got = read_both(&without(l.blocks[1].start..l.blocks[2].end), "two");
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    // Two: the range of their neighbours.
    assert_eq!(
        (d.blocks, d.records, d.from_ns, d.to_ns),
        (Some(2), Some(6), Some(times(0).0), Some(times(3).1))
    );

    let got = read_both(&without(l.blocks[3].start..l.blocks[4].end), "the last two");
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert_eq!(d.cause, Cause::BlocksMissing { found: 5, expected: 3 });
    assert_eq!(
        (d.blocks, d.records, d.from_ns, d.to_ns),
        (Some(2), Some(6), Some(times(2).0), Some(times(4).1))
    );
    assert_eq!(got.coverage.closed, 1);
}

#[test]
fn blocks_that_stand_twice_or_in_another_order_are_not_read_twice() {
    let all = blocks(3, EACH);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    let block = |b: usize| &bytes[l.blocks[b].clone()];
    let twice = [&bytes[..l.blocks[0].end], block(0), &bytes[l.blocks[1].start..]].concat();
    let got = read_both(&twice, "twice");
    assert_eq!(got.numbers(), expected(&all, |_| true));
    let [d] = &got.coverage.damages[..] else { panic!("{:?}", got.coverage.damages) };
    assert_eq!(d.cause, Cause::BlockOrder { found: 0, expected: 1 });
    assert_eq!((d.bytes, d.blocks), (l.blocks[0].len() as u64, Some(0)));
}

#[test]
fn a_cut_capture_before_another_costs_the_other_nothing() {
    let (a, b) = (blocks(3, EACH), blocks(2, EACH));
    let (first, _) = segment(options(1, 0), &a);
    let (second, _) = segment(options(2, 0), &b);
    let l = layout(&first);
    for n in 0..=first.len() {
        let what = format!("cut at {n}");
        let both = [&first[..n], &second[..]].concat();
        let got = read_both(&both, &what);
        let whole = l.blocks.iter().filter(|b| b.end <= n).count();
        assert_eq!(got.numbers(), [expected(&a, |b| b < whole), expected(&b, |_| true)].concat(), "{what}");
        assert_eq!(got.coverage.closed, if n == first.len() { 2 } else { 1 }, "{what}");
        let border = n == 0 || n == l.seg.end || n == l.end.end || l.blocks.iter().any(|b| b.end == n);
        assert_eq!(got.coverage.damages.is_empty(), border, "{what}: {:?}", got.coverage.damages);
    }
}

#[test]
fn a_flip_in_the_first_of_two_captures_costs_the_other_nothing() {
    let (a, b) = (blocks(2, EACH), blocks(2, EACH));
    let (first, _) = segment(options(1, 0), &a);
    let (second, _) = segment(options(2, 0), &b);
    let l = layout(&first);
    for at in 0..first.len() {
        {
            let what = format!("byte {at}");
            let mut both = [&first[..], &second[..]].concat();
            both[at] ^= 1 << (at % 8);
            let hit = l.blocks.iter().position(|b| b.contains(&at));
            let got = read(&both[..]);
            assert_eq!(
                got.numbers(),
                [expected(&a, |b| Some(b) != hit), expected(&b, |_| true)].concat(),
                "{what}"
            );
        }
    }
}

#[test]
fn a_flip_in_a_later_segment_costs_the_others_nothing() {
    let (a, b, c) = (blocks(2, EACH), blocks(2, EACH), blocks(1, EACH));
    let (first, _) = segment(options(1, 0), &a);
    let unclosed = &first[..layout(&first).end.start];
    let last = segment(options(1, 9), &c).0;
    // The damaged segment is of the same capture as the first, or of another; the first was closed, or not.
    for capture in [1, 2] {
        for first in [&first[..], unclosed] {
            let (second, _) = segment(options(capture, 1), &b);
            let l = layout(&second);
            for at in 0..second.len() {
                let what = format!("capture {capture}, byte {at}");
                let mut all = [first, &second[..], &last[..]].concat();
                all[first.len() + at] ^= 1 << (at % 8);
                let hit = l.blocks.iter().position(|b| b.contains(&at));
                let got = read(&all[..]);
                let kept = expected(&b, |b| Some(b) != hit);
                assert_eq!(
                    got.numbers(),
                    [expected(&a, |_| true), kept, expected(&c, |_| true)].concat(),
                    "{what}"
                );
                assert!(got.coverage.verdict() == Verdict::Damaged || l.end.contains(&at), "{what}");
            }
        }
    }
}

#[test]
fn a_capture_without_its_beginning_is_read_from_the_first_whole_block() {
    let all = blocks(BLOCKS, EACH);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    for n in 1..l.end.start {
        let what = format!("without the first {n}");
        let got = read_both(&bytes[n..], &what);
        // Data that the input begins with are a stream without entries: they can be read too.
        let first = l.data.contains(&n);
        let keep = |b: usize| l.blocks[b].start >= n || l.data[b] == n;
        assert_eq!(got.numbers(), expected(&all, keep), "{what}");
        assert_eq!(got.coverage.bare_frames, u64::from(first), "{what}");
        let nothing = !first && n > l.blocks[BLOCKS - 1].start;
        assert_eq!(got.coverage.verdict() == Verdict::Nothing, nothing, "{what}");
    }
}
