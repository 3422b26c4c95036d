//! A traced process chooses names and command lines, and they may stand in a capture as they are: none of them becomes a
//! block, whatever is damaged.

mod common;

use common::*;
use crypto_tracer_format::limits;
use crypto_tracer_format::segment::*;

fn three() -> Vec<Vec<u8>> {
    (0..3).map(|n| open(n + 1, n as u32, b"/etc/ssl/a.pem")).collect()
}

/// A whole forged segment, of one record with the number 666.
fn forged() -> Vec<u8> {
    segment(options(9, 0), &[vec![open(5, 666, b"/forged.pem")]]).0
}

/// A data frame that stores its content as it is, as a compressor does with what it can't compress.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x28, 0xB5, 0x2F, 0xFD, 0xA4];
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(&((content.len() as u32) << 3 | 1).to_le_bytes()[..3]);
    out.extend(content);
    let checksum = data(content);
    out.extend(&checksum[checksum.len() - 4..]);
    out
}

/// A capture whose second block holds `content` where a program put it: in a command line.
fn with_content(content: &[u8]) -> (Vec<u8>, Layout) {
    let mut hand = Hand::new();
    hand.block(&[open(1, 1, b"/1.pem")]);
    let records = vec![open(2, 2, b"/2.pem"), open(3, 3, content), open(4, 4, b"/4.pem")];
    hand.odd_block(&stored(&records.concat()), &records, |_| {});
    hand.block(&[open(5, 5, b"/5.pem")]);
    hand.block(&[open(6, 6, b"/6.pem")]);
    let bytes = hand.closed();
    assert!(bytes.windows(content.len()).any(|w| w == content), "the content stands there as it is");
    assert_eq!(read(&bytes[..]).numbers(), [1, 2, 3, 4, 5, 6]);
    let l = layout(&bytes);
    (bytes, l)
}

#[test]
fn a_process_cannot_forge_a_block() {
    let whole = forged();
    let l = layout(&whole);
    // A block of another segment; a segment; a segment without END; several of them.
    let mut contents =
        vec![whole[l.blocks[0].clone()].to_vec(), whole.clone(), whole[..l.end.start].to_vec()];
    contents.push([whole.clone(), whole.clone()].concat());
    for (i, content) in contents.iter().enumerate() {
        let (bytes, l) = with_content(content);
        for at in l.blocks[1].clone() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xFF;
            let got = read(&damaged[..]);
            assert_eq!(got.numbers(), [1, 5, 6], "content {i}, byte {at}");
            assert_eq!((got.coverage.segments, got.coverage.closed), (1, 1), "content {i}, byte {at}");
        }
        for n in l.blocks[1].clone() {
            let believed = read(&bytes[..n]).numbers().contains(&666);
            assert_eq!(believed, is_exact_end(&bytes[..n], content), "content {i}, cut at {n}");
        }
    }
}

#[test]
fn nor_in_a_capture_without_its_beginning() {
    let whole = forged();
    let f = layout(&whole);
    let contents = [
        whole.clone(),
        whole[..f.end.start].to_vec(),
        whole[f.seg.end..].to_vec(),
        [whole.clone(), whole.clone()].concat(),
    ];
    for (i, content) in contents.iter().enumerate() {
        let (bytes, l) = with_content(content);
        let at = bytes.windows(content.len()).position(|w| w == content).expect("it stands there");
        // Cut off within the block, before the frames of the process; with garbage at the end, or damage behind.
        for from in [l.data[1] + 1, at - 1] {
            for tail in [&b""[..], b"garbage"] {
                let got = read(&[&bytes[from..], tail].concat()[..]);
                assert_eq!(got.numbers(), [5, 6], "content {i} from {from}");
            }
        }
    }
}

/// The one forgery that no reader can tell from a capture behind a cut one: closed segments after which the input ends
/// to the byte.
fn is_exact_end(bytes: &[u8], content: &[u8]) -> bool {
    let ends = |n: &usize| content[..*n].ends_with(b"\x89CTREND\0") && bytes.ends_with(&content[..*n]);
    (8..=content.len()).any(|n| ends(&n))
}

#[test]
fn even_the_id_of_a_segment_does_not_bring_a_block_back() {
    // Who knew the id could still not replay a block: numbers only grow.
    let all = blocks(3, 2);
    let (bytes, _) = segment(options(1, 0), &all);
    let l = layout(&bytes);
    let replayed = [&bytes[..l.blocks[1].end], &[0; 5], &bytes[l.blocks[0].start..]].concat();
    let got = read(&replayed[..]);
    assert_eq!(got.numbers(), [0, 1, 2, 3, 4, 5]);
    assert_eq!(got.coverage.closed, 1);
}

#[test]
fn a_long_chain_proves_a_capture_behind_damage() {
    // Another capture, cut, behind a damaged end: no END at the end of the input, but more than a process can write.
    let (first, _) = segment(options(1, 0), &blocks(2, 2));
    let long: Vec<Vec<Vec<u8>>> =
        (0..4).map(|b| (0..10).map(|r| open(r + 1, 50, &noise(b * 10 + r, 4000))).collect()).collect();
    let (second, _) = segment(options(2, 0), &long);
    let l = layout(&second);
    let first = &first[..first.len() - 3];
    let got = read(&[first, &second[..l.blocks[2].end + 10]].concat()[..]);
    assert_eq!(got.records.len(), 4 + 30);
    assert!(l.blocks[1].end > limits::PROOF_BYTES);
    // Less than that proves nothing: it is told as lost.
    let got = read(&[first, &second[..l.data[1] + 10]].concat()[..]);
    assert_eq!(got.records.len(), 4);
    assert_eq!(got.coverage.lost_bytes as usize, first.len() - layout_end(first) + l.data[1] + 10);
}

/// Where the last whole block of a cut segment ends.
fn layout_end(cut: &[u8]) -> usize {
    let whole = segment(options(1, 0), &blocks(2, 2)).0;
    assert!(whole.starts_with(cut));
    layout(&whole).end.start
}

#[test]
fn frames_found_by_scanning_must_be_short() {
    // A later version's SEG may be longer than what is believed without a chain; within a chain it is read.
    let mut hand = Hand::with(2, 0, 0, &[9; limits::SCANNED_FRAME_BYTES]);
    hand.block(&three());
    let later = hand.closed();
    assert_eq!(read(&later[..]).records, three());
    let got = read(&[b"garbage", &later[..]].concat()[..]);
    // Its block is found all the same.
    assert_eq!((got.records, got.coverage.verdict()), (three(), Verdict::Damaged));
}

#[test]
fn proofs_have_a_limit() {
    let seg = Hand::new().bytes;
    let (good, _) = segment(options(1, 0), &blocks(1, 2));
    let with =
        |n: usize| [b"garbage".to_vec(), [seg.clone(), vec![0]].concat().repeat(n), good.clone()].concat();
    assert_eq!(read(&with(limits::PROOFS as usize - 1)[..]).records.len(), 2);
    assert_eq!(read(&with(limits::PROOFS as usize)[..]).records.len(), 0);
}
