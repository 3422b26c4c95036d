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

impl Read1 {
    /// The numbers of the records of [`blocks`], in the order in which they came.
    pub fn numbers(&self) -> Vec<u32> {
        numbers(&self.records)
    }
}

pub fn numbers(records: &[Vec<u8>]) -> Vec<u32> {
    let tgid = |r: &Vec<u8>| u32::from_le_bytes(r[16..20].try_into().expect("four bytes"));
    records.iter().map(tgid).collect()
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

/// Where the frames of a segment lie: SEG, then each block (entry and data), then END. Found by the lengths alone.
#[derive(Debug)]
pub struct Layout {
    pub seg: std::ops::Range<usize>,
    pub blocks: Vec<std::ops::Range<usize>>,
    /// Where in each block its data start.
    pub data: Vec<usize>,
    pub end: std::ops::Range<usize>,
}

pub fn layout(bytes: &[u8]) -> Layout {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let skippable = |at: usize| at + 8 + u32_at(at + 4);
    let seg = 0..skippable(0);
    let (mut blocks, mut data, mut at) = (Vec::new(), Vec::new(), seg.end);
    // The kind of a frame is at 16; BLK is 2, and its body starts at 28 with the id, the number, the data's length.
    while bytes[at + 16] == 2 {
        let start = skippable(at);
        let end = start + u32_at(at + 28 + 16 + 4);
        data.push(start);
        blocks.push(at..end);
        at = end;
    }
    Layout { seg, blocks, data, end: at..skippable(at) }
}

/// A skippable frame of ours, made by hand as docs/capture-format.md says.
pub fn frame(kind: u16, version: u16, body: &[u8]) -> Vec<u8> {
    let mut payload = b"\x89CTRACE\0".to_vec();
    payload.extend(kind.to_le_bytes());
    payload.extend(version.to_le_bytes());
    payload.extend((body.len() as u32).to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&payload), body);
    payload.extend(crc.to_le_bytes());
    payload.extend(body);
    skippable(0xB, &payload)
}

/// Any skippable frame.
pub fn skippable(nibble: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = (0x184D_2A50 + u32::from(nibble)).to_le_bytes().to_vec();
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(payload);
    out
}

/// A data frame as blocks have it.
pub fn data(content: &[u8]) -> Vec<u8> {
    let mut c = zstd::bulk::Compressor::new(1).expect("memory");
    c.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true)).expect("a flag");
    c.compress(content).expect("compressible")
}

/// The fields of a BLK frame, filled in for its data; a test changes what it wants wrong.
#[derive(Clone, Debug)]
pub struct Blk {
    pub segment_id: [u8; 16],
    pub number: u32,
    pub compressed: u32,
    pub raw: u32,
    pub records: u32,
    pub times: (u64, u64),
    pub records_before: u64,
    pub crc: u32,
    pub version: u16,
    pub tail: Vec<u8>,
}

impl Blk {
    pub fn frame(&self) -> Vec<u8> {
        let mut b = self.segment_id.to_vec();
        for n in [self.number, self.compressed, self.raw, self.records] {
            b.extend(n.to_le_bytes());
        }
        // First and last time, all types, no losses; the records before, and two times of the block before.
        for n in [self.times.0, self.times.1, u64::MAX, 0, self.records_before, 0, 0] {
            b.extend(n.to_le_bytes());
        }
        b.extend([0; 32]);
        b.extend(self.crc.to_le_bytes());
        b.extend(&self.tail);
        frame(2, self.version, &b)
    }
}

/// A segment made by hand.
pub struct Hand {
    pub id: [u8; 16],
    pub bytes: Vec<u8>,
    number: u32,
    records: u64,
}

impl Hand {
    pub fn new() -> Self {
        Self::with(1, 0, 0, &[])
    }

    pub fn with(version: u16, required: u64, optional: u64, tail: &[u8]) -> Self {
        let id = [0x77; 16];
        let mut b = id.to_vec();
        b.extend([0x66; 16]);
        b.extend(0_u32.to_le_bytes());
        b.extend(required.to_le_bytes());
        b.extend(optional.to_le_bytes());
        b.extend([0; 32]);
        b.extend(5_u64.to_le_bytes());
        b.extend(b"later");
        b.extend(tail);
        Hand { id, bytes: frame(1, version, &b), number: 0, records: 0 }
    }

    /// Adds any bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Adds a block of the records given.
    pub fn block(&mut self, records: &[Vec<u8>]) {
        self.odd_block(&data(&records.concat()), records, |_| {});
    }

    /// Adds a block whose data frame and entry are what a test wants.
    pub fn odd_block(&mut self, data: &[u8], records: &[Vec<u8>], change: impl FnOnce(&mut Blk)) {
        let mut blk = Blk {
            segment_id: self.id,
            number: self.number,
            compressed: data.len() as u32,
            raw: records.concat().len() as u32,
            records: records.len() as u32,
            times: (1, u64::MAX),
            records_before: self.records,
            crc: crc32c::crc32c(data),
            version: 1,
            tail: Vec::new(),
        };
        change(&mut blk);
        self.number += 1;
        self.records += u64::from(blk.records);
        self.bytes.extend(blk.frame());
        self.bytes.extend(data);
    }

    /// END without an index; `entries` is what it claims to have.
    pub fn end(&self, version: u16, entries: u32, tail: &[u8]) -> Vec<u8> {
        let mut b = self.id.to_vec();
        b.extend(1_u32.to_le_bytes());
        b.extend(self.number.to_le_bytes());
        for n in [self.records, 0, 0, 1, u64::MAX] {
            b.extend(n.to_le_bytes());
        }
        b.extend([0; 32]);
        b.extend(entries.to_le_bytes());
        b.extend(tail);
        let len = (28 + b.len() + 24) as u64;
        b.extend(len.to_le_bytes());
        b.extend((self.bytes.len() as u64 + len).to_le_bytes());
        b.extend(b"\x89CTREND\0");
        frame(3, version, &b)
    }

    pub fn closed(&self) -> Vec<u8> {
        [self.bytes.clone(), self.end(1, 0, &[])].concat()
    }
}

/// Bytes that don't compress, the same in every run; no NUL among them.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 32) as u8 | 1
        })
        .collect()
}
