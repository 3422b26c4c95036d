//! What the tests of the format share: records with known content, small captures, and a reader that collects all.

#![allow(dead_code, missing_docs)]

use std::io::Read;

use crypto_tracer_format::record::{self, Builder, Header, Payload};
use crypto_tracer_format::segment::{
    CaptureReader, CloseReason, Coverage, Digest, ReadError, ReadOptions, SegmentOptions, SegmentWriter,
};

/// A file_open record at `time_ns` of process `tgid`.
pub fn open(time_ns: u64, tgid: u32, path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut b = Builder::<record::FileOpen>::new(&mut out);
    let path = b.string(path);
    let payload = record::FileOpen { result: 3, path, ..Default::default() };
    b.finish(&header(time_ns, tgid), &payload).expect("a small record");
    out
}

pub fn header(time_ns: u64, tgid: u32) -> Header {
    let mut comm = [0; 16];
    comm[..4].copy_from_slice(b"test");
    Header {
        time_ns,
        tgid,
        tid: tgid,
        uid: 1000,
        gid: 1000,
        start_ns: 50_000_000,
        cgroup: 7,
        comm,
        ..Header::default()
    }
}

/// Any record of fixed fields only.
pub fn fixed<P: Payload>(time_ns: u64, payload: &P) -> Vec<u8> {
    let mut out = Vec::new();
    Builder::<P>::new(&mut out).finish(&header(time_ns, 0), payload).expect("a small record");
    out
}

/// Options with ids that tell captures and segments apart.
pub fn options(capture: u8, number: u32) -> SegmentOptions {
    let mut segment_id = [capture; 16];
    segment_id[0] = 0x5E;
    segment_id[1] = number as u8;
    SegmentOptions {
        capture_id: [capture; 16],
        segment_id,
        number,
        previous: [0; 32],
        level: 1,
        block_bytes: 256 * 1024,
        writer: "test 1".into(),
    }
}

/// A closed segment with the blocks given, each a list of records.
pub fn segment(options: SegmentOptions, blocks: &[Vec<Vec<u8>>]) -> (Vec<u8>, Digest) {
    let mut writer = SegmentWriter::begin(Vec::new(), options).expect("good options");
    for block in blocks {
        for record in block {
            writer.append(record).expect("whole records");
        }
        writer.flush_block().expect("a Vec takes all");
    }
    writer.finish(CloseReason::Stopped).expect("a Vec takes all")
}

/// `blocks` blocks of `each` records; the time of record n (from 0) is 1000 + 10 n, its tgid n.
pub fn blocks(blocks: usize, each: usize) -> Vec<Vec<Vec<u8>>> {
    (0..blocks)
        .map(|b| {
            (0..each)
                .map(|r| {
                    let n = (b * each + r) as u64;
                    open(1000 + 10 * n, n as u32, format!("/etc/ssl/certs/{n}.pem").as_bytes())
                })
                .collect()
        })
        .collect()
}

/// All records of an input, each as its bytes, and what the reader says of it.
#[derive(Debug)]
pub struct Read1 {
    pub records: Vec<Vec<u8>>,
    pub coverage: Coverage,
    pub error: Option<ReadError>,
}

pub fn read(input: impl Read) -> Read1 {
    collect(CaptureReader::new(input).expect("memory"))
}

pub fn read_verified(input: impl Read) -> Read1 {
    collect(CaptureReader::with_options(input, ReadOptions { verify_chain: true }).expect("memory"))
}

pub fn read_seekable(input: &[u8]) -> Read1 {
    let cursor = std::io::Cursor::new(input);
    collect(CaptureReader::seekable(cursor, ReadOptions::default()).expect("memory"))
}

pub fn collect<R: Read>(mut reader: CaptureReader<R>) -> Read1 {
    let mut records = Vec::new();
    let error = loop {
        match reader.next_block(&mut |_| true) {
            Ok(Some(block)) => {
                records.extend(block.records().map(|r| r.expect("whole records only").bytes().to_vec()))
            }
            Ok(None) => break None,
            Err(e) => break Some(e),
        }
    };
    Read1 { records, coverage: reader.coverage().clone(), error }
}
