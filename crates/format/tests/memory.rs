//! Memory stays bounded whatever an input says. One test in a program of its own: it looks at what the program used at most.

#![cfg(target_os = "linux")]

mod common;

use std::io::Read;

use common::*;
use crypto_tracer_format::limits;
use crypto_tracer_format::segment::*;

/// The most address space that the program had so far, in KiB: a claim that is believed shows even if nothing is written there.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find(|l| l.starts_with("VmPeak:")).expect("a line of it");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
}

/// Says that the program is the one in which memory is measured: the allocator is to keep one arena, not to reserve many.
const CHILD: &str = "CRYPTO_TRACER_MEMORY_CHILD";

#[test]
fn memory_is_bounded_whatever_an_input_says() {
    if std::env::var_os(CHILD).is_some() {
        return measure();
    }
    let child = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "memory_is_bounded_whatever_an_input_says", "--nocapture"])
        .envs([(CHILD, "1"), ("MALLOC_ARENA_MAX", "1")])
        .output()
        .expect("it starts");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

fn measure() {
    let good = [open(1, 1, b"/a.pem")];
    let claim = |kind: u8, len: usize| {
        let mut f = frame(kind.into(), 1, &[7; 200]);
        f[4..8].copy_from_slice(&(len as u32).to_le_bytes());
        f[20..24].copy_from_slice(&(len as u32 - 20).to_le_bytes());
        f
    };
    let mut large_data = Hand::new();
    large_data.odd_block(&data(&good.concat()), &good, |b| b.compressed = limits::DATA_BYTES as u32);
    let mut large_content = Hand::new();
    for _ in 0..20 {
        large_content
            .odd_block(&data(&vec![0; limits::BLOCK_BYTES]), &good, |b| b.raw = limits::BLOCK_BYTES as u32);
    }
    let mut many_entries = Hand::new();
    many_entries.block(&good);
    let end = many_entries.end(1, u32::MAX, &[]);
    many_entries.put(&end);
    // What is behind each of them can be long, so that a claim can be met.
    let tail = 8 << 20;
    let inputs = [
        claim(1, limits::FRAME_BYTES),
        claim(2, limits::FRAME_BYTES),
        claim(3, limits::END_BYTES),
        claim(9, limits::FRAME_BYTES),
        skippable(0, &[0; 100]).into_iter().take(8).chain([0xFF; 4]).collect(),
        large_data.bytes,
        large_content.bytes,
        many_entries.bytes,
    ];
    let before = peak();
    for input in &inputs {
        let endless = std::io::repeat(0).take(tail);
        collect(CaptureReader::new(input.chain(endless)).expect("memory"));
    }
    // The largest block with its content, twice as much for the window that moves, and a decompressor.
    let most = (3 * limits::DATA_BYTES + 2 * limits::BLOCK_BYTES) as u64 / 1024 + 4096;
    let used = peak() - before;
    assert!(used < most, "{used} KiB were used; at most {most} are allowed");
}
