//! Parts as the kernel programs would tell them, in good order and in bad.

use super::part::{PART_BYTES, PART_KIND, bits};
use super::*;
use crypto_tracer_format::record::Records;
use crypto_tracer_format::redact::Policy;

const EVERYTHING: Policy = Policy { paths: false, users: false, network: false };

/// The rest of a ClientHello behind an empty session id: one suite, no compression, supported_versions.
const REST: &[u8] = &[0, 2, 0x13, 1, 1, 0, 0, 7, 0, 43, 0, 3, 2, 3, 4];
const BEFORE_REST: u32 = 35;

#[derive(Clone, Copy)]
struct Made<'a> {
    sock: u64,
    time_ns: u64,
    what: u16,
    direction: u8,
    bits: u8,
    message: u8,
    length: u32,
    offset: u32,
    data: &'a [u8],
}

impl Default for Made<'_> {
    fn default() -> Self {
        Made {
            sock: 1,
            time_ns: 1000,
            what: 1,
            direction: 1,
            bits: bits::LAST,
            message: CLIENT_HELLO,
            length: BEFORE_REST + REST.len() as u32,
            offset: BEFORE_REST,
            data: REST,
        }
    }
}

impl Made<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0; PART_BYTES];
        out.extend_from_slice(self.data);
        out.resize(out.len().next_multiple_of(8), 0);
        let size = out.len() as u32;
        let place = if self.data.is_empty() { 0 } else { PART_BYTES as u16 };
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &PART_KIND.to_le_bytes());
        put(2, &[1, (PART_BYTES / 8) as u8]);
        put(4, &size.to_le_bytes());
        put(8, &self.time_ns.to_le_bytes());
        put(16, &77u32.to_le_bytes());
        put(64, &self.sock.to_le_bytes());
        put(80, &0xdead_beef_u64.to_le_bytes());
        put(88, &self.what.to_le_bytes());
        put(90, &[self.direction, self.bits, self.message, 0]);
        put(94, &0x0303u16.to_le_bytes());
        put(96, &self.length.to_le_bytes());
        put(100, &self.offset.to_le_bytes());
        put(104, &place.to_le_bytes());
        put(106, &(self.data.len() as u16).to_le_bytes());
        out
    }
}

struct Bench {
    wire: Wire,
    objects: Objects,
    redactor: Redactor,
}

impl Bench {
    fn new() -> Bench {
        let redactor = Redactor::new(EVERYTHING);
        Bench { wire: Wire::default(), objects: Objects::new(), redactor }
    }

    /// What comes of a part: header, fixed part and body of each record.
    fn take(&mut self, made: Made<'_>) -> Vec<(Header, TlsHello, Vec<u8>)> {
        let bytes = made.bytes();
        let (record, _) = Record::split_first(&bytes).expect("a record");
        let mut out = Vec::new();
        assert!(self.wire.take(&record, &self.objects, &self.redactor, &mut out));
        let one = |record: Record<'_>| {
            let payload: TlsHello = record.payload().expect("its type");
            (*record.header(), payload, record.str(payload.body).expect("a body").to_vec())
        };
        Records::new(&out).map(|record| one(record.expect("a record"))).collect()
    }
}

#[test]
fn pieces_make_a_message() {
    let mut bench = Bench::new();
    let first = Made { bits: 0, data: &REST[..4], ..Made::default() };
    assert!(bench.take(first).is_empty());
    let second = Made { time_ns: 2000, offset: BEFORE_REST + 4, data: &REST[4..], ..Made::default() };
    let made = bench.take(second);
    let [(header, payload, body)] = &made[..] else { panic!("one record: {made:?}") };
    assert_eq!((header.time_ns, header.tgid), (2000, 77), "the time of the last piece");
    assert_eq!((payload.connection, payload.message, payload.direction), (1, 1, 1));
    assert_eq!((payload.bits, payload.length), (tls_bits::STRIPPED, 4 + BEFORE_REST + REST.len() as u32));
    assert_eq!(payload.object, bench.objects.name(0xdead_beef));
    assert_ne!(payload.object, 0xdead_beef);
    let want = [&[1, 0, 0, 50, 3, 3][..], &[0; 33], REST].concat();
    assert_eq!(*body, want);
}

#[test]
fn what_is_missing_is_said() {
    let mut bench = Bench::new();
    let end = Made { offset: BEFORE_REST + 4, data: &REST[4..], ..Made::default() };
    assert!(bench.take(end).is_empty(), "without its beginning it is nothing");
    assert!(bench.take(Made { bits: 0, data: &REST[..8], ..Made::default() }).is_empty());
    let made = bench.take(Made { what: 3, message: 0, data: &[], ..Made::default() });
    let told: Vec<(u16, u16)> = made.iter().map(|m| (m.1.message, m.1.bits)).collect();
    assert_eq!(told, [(1, tls_bits::CUT | tls_bits::STRIPPED), (6, 0)], "what there was, and what ended it");
    let made = bench.take(Made {
        direction: 2,
        message: SERVER_HELLO,
        bits: bits::LAST | bits::CUT,
        ..Made::default()
    });
    assert_eq!(made[0].1.bits & tls_bits::CUT, tls_bits::CUT);
}

#[test]
fn an_answer_without_a_question_is_late() {
    let mut bench = Bench::new();
    let answer = Made { direction: 2, message: SERVER_HELLO, ..Made::default() };
    assert_eq!(bench.take(answer)[0].1.bits & tls_bits::LATE, tls_bits::LATE);
    bench.take(Made { sock: 2, ..Made::default() });
    assert_eq!(bench.take(Made { sock: 2, ..answer })[0].1.bits & tls_bits::LATE, 0);
}

#[test]
fn a_connection_is_forgotten_when_it_is_over() {
    let mut bench = Bench::new();
    let closed =
        Made { what: 4, direction: 0, message: 0, bits: 0, data: &[], time_ns: 5000, ..Made::default() };
    assert!(bench.take(closed).is_empty(), "of one that isn't known");
    bench.take(Made::default());
    let made = bench.take(closed);
    assert_eq!((made[0].0.tgid, made[0].0.time_ns, made[0].1.message), (77, 5000, 7));
    let encrypted = Made { what: 3, message: 0, data: &[], ..Made::default() };
    assert_eq!(bench.take(Made::default())[0].1.connection, 2, "a number is used once");
    bench.take(encrypted);
    bench.take(Made { direction: 2, ..encrypted });
    assert!(bench.wire.connections.is_empty());
    assert_eq!((bench.wire.bytes, bench.wire.forgotten), (0, 0));
}

#[test]
fn memory_is_bounded() {
    let mut bench = Bench::new();
    let many = 3 * MOST_CONNECTIONS as u64;
    for sock in 0..many {
        let piece =
            Made { sock, time_ns: sock, bits: 0, length: 60_000, data: &REST[..4], ..Made::default() };
        bench.take(piece);
        assert!(bench.wire.connections.len() <= MOST_CONNECTIONS);
    }
    assert!(bench.wire.bytes <= MOST_BYTES + (64 << 10), "{}", bench.wire.bytes);
    let left = bench.wire.connections.len() as u64;
    assert_eq!(bench.wire.forgotten + left, many, "what was forgotten is counted");
    bench.wire.forget_old(many + PATIENCE_NS, |_| true);
    assert!(bench.wire.connections.is_empty() && bench.wire.bytes == 0);
}

/// The kernel's table is as full as this one may be: what it let go of in the middle of a handshake is lost, what is open is
/// not.
#[test]
fn what_the_kernel_let_go_of_is_counted() {
    let mut bench = Bench::new();
    for sock in 1..=3 {
        bench.take(Made { sock, time_ns: sock, ..Made::default() });
    }
    // The first is heard of no more, and not followed any more; the second neither, but it is not old.
    bench.wire.forget_old(PATIENCE_NS + 2, |(sock, _)| *sock == 3);
    assert_eq!((bench.wire.connections.len(), bench.wire.forgotten), (2, 1));
    bench.wire.end(|(sock, _)| *sock == 3);
    assert_eq!((bench.wire.connections.len(), bench.wire.forgotten, bench.wire.bytes), (0, 2, 0));
}

#[test]
fn of_a_key_exchange_curve_and_scheme_are_written() {
    for (told, written) in [
        (&[3, 0, 29, 32, 8, 4][..], &[3, 0, 29, 32, 8, 4][..]),
        (&[3, 0, 29, 32, 8, 4, 1, 0, 0xaa], &[3, 0, 29, 32, 8, 4]),
        (&[3, 0, 29, 32, 8], &[3, 0, 29, 32]),
        (&[0, 8, 1, 2], &[0, 8, 1, 2]),
        (&[3, 0, 29], &[]),
        (&[], &[]),
    ] {
        let part = Made {
            direction: 2,
            message: SERVER_KEY_EXCHANGE,
            length: 300,
            offset: 0,
            data: told,
            ..Made::default()
        };
        let made = Bench::new().take(part);
        let [(_, payload, body)] = &made[..] else { panic!("one record: {made:?}") };
        assert_eq!((payload.message, payload.length, payload.bits), (4, 304, 0));
        assert_eq!(body, written, "of {told:?}");
    }
}

#[test]
fn nonsense_is_refused() {
    let mut bench = Bench::new();
    for made in [
        Made { what: 9, ..Made::default() },
        Made { direction: 3, ..Made::default() },
        Made { direction: 0, ..Made::default() },
    ] {
        let bytes = made.bytes();
        let (record, _) = Record::split_first(&bytes).expect("a record");
        let mut out = Vec::new();
        assert!(!bench.wire.take(&record, &bench.objects, &bench.redactor, &mut out));
        assert!(out.is_empty() && bench.wire.connections.is_empty());
    }
}
