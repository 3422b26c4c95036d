//! Every door through which bytes can enter and leave a socket, and every way to take them apart: one python program that
//! shakes hands with itself over TCP, and moves the bytes by hand.

use super::{
    TLS12_CLIENT, TLS13_CLIENT, connections, folder, kinds, mirrored, need_bpf, nothing_lost, python, record,
    same_by_direction,
};
use crypto_tracer_format::record::{Fact, Loss, LossReason};
use std::io::Write;

/// Pairs of ways to send and to receive. Prints what each handshake negotiated.
const PROGRAM: &str = r#"
import os, socket, ssl, sys

def pieces(data, *sizes):
    out = []
    for size in sizes:
        out.append(data[:size]); data = data[size:]
    return [p for p in out + [data] if p]

def writev(s, data):
    assert os.writev(s.fileno(), pieces(data, 3, 40)) == len(data)
def many(s, data):
    assert os.writev(s.fileno(), pieces(data, *[1] * 60)) == len(data)
def sendmsg(s, data):
    assert s.sendmsg(pieces(data, 5)) == len(data)
def by_byte(s, data):
    for i in range(len(data)): s.send(data[i:i+1])
def apart(s, data):
    for p in pieces(data, 2, 3, 4, 20, 31): os.write(s.fileno(), p)

def header_first(s):
    head = s.recv(5, socket.MSG_WAITALL)
    return head + s.recv(int.from_bytes(head[3:5], "big"), socket.MSG_WAITALL)
def whole(s): return os.read(s.fileno(), 65536)
def peeked(s):
    for _ in range(20): s.recv(1024, socket.MSG_PEEK)
    s.recvmsg(1024, 0, socket.MSG_PEEK)
    return s.recv(65536)
def readv(s):
    parts = [bytearray(7), bytearray(0), bytearray(90), bytearray(20000)]
    return b"".join(parts)[:0] + cut(parts, os.readv(s.fileno(), parts))
def recvmsg(s):
    parts = [bytearray(1), bytearray(60000)]
    return cut(parts, s.recvmsg_into(parts)[0])
def cut(parts, n): return b"".join(bytes(p) for p in parts)[:n]
def small(s): return s.recv(11)

def shake(version, send, receive):
    listener = socket.create_server(("127.0.0.1", 0))
    a = socket.create_connection(listener.getsockname())
    b, _ = listener.accept()
    listener.close()
    for s in (a, b): s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.maximum_version = version
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain("cert.pem", "key.pem")
    ends = []
    for sock, context, side in ((a, client, False), (b, server, True)):
        i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if side else send.__name__ + "." + receive.__name__ + ".example.com"
        ends.append((sock, i, o, context.wrap_bio(i, o, side, name)))
    over = [False, False]
    for turn in range(40):
        sock, i, o, tls = ends[turn % 2]
        # All that the other end sent.
        sock.setblocking(False)
        try:
            while True:
                data = receive(sock)
                if not data: break
                i.write(data)
        except BlockingIOError: pass
        sock.setblocking(True)
        try:
            tls.do_handshake()
            over[turn % 2] = True
        except ssl.SSLWantReadError: pass
        data = o.read()
        if data: send(sock, data)
        if all(over): break
    assert all(over), (send, receive)
    # What comes now is of no interest, and costs nothing.
    for _ in range(50):
        a.send(b"x" * 100); b.recv(100)
    a.close(); b.close()

for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
    for send, receive in ((socket.socket.send, whole), (writev, header_first), (many, readv), (sendmsg, recvmsg),
                          (apart, peeked), (by_byte, small)):
        shake(version, send, receive)
"#;

const PAIRS: usize = 6;

fn every_door(only_probe: Option<&str>) {
    let dir = folder();
    std::fs::write(dir.path().join("doors.py"), PROGRAM).expect("written");
    let script = format!("'{}' -IS doors.py > python.log 2>&1 || echo failed >> python.log", python());
    let recorded = record(dir.path(), &script, |o| o.only_probe = only_probe.map(Into::into));
    assert_eq!(std::fs::read_to_string(dir.path().join("python.log")).expect("a log"), "");
    nothing_lost(&recorded);
    let all = connections(&recorded);
    assert_eq!(all.len(), 2 * 2 * PAIRS);
    for (i, pair) in all.chunks(2).enumerate() {
        let name = pair[0][0].hello().server_name().expect("a name");
        let want = if i < PAIRS { &TLS13_CLIENT[..] } else { &TLS12_CLIENT };
        eprintln!("{name}");
        same_by_direction(&kinds(&pair[0]), want);
        same_by_direction(&kinds(&pair[1]), &mirrored(want));
        for (sent, received) in pair[0].iter().zip(&pair[1]).take(if i < PAIRS { 2 } else { 4 }) {
            assert_eq!(sent.body, received.body);
            assert_eq!(
                (sent.payload.bits, sent.payload.length),
                (received.payload.bits, received.payload.length)
            );
        }
        assert!(!pair[0][0].hello().suites.is_empty() && pair[0][1].hello().suites.len() == 1);
    }
}

#[test]
fn every_door_is_watched() {
    need_bpf!();
    every_door(None);
}

#[test]
fn every_rung_that_works_sees_the_same() {
    need_bpf!();
    let probes = crypto_tracer_recorder::doctor().probes;
    let rungs: Vec<&str> = probes
        .iter()
        .filter(|p| p.works && p.attempt.fact.name() == "tls_handshake")
        .map(|p| p.attempt.probe)
        .collect();
    assert!(rungs.contains(&"raw_tracepoint:sys_exit"), "the last rung works wherever eBPF does: {rungs:?}");
    for rung in rungs {
        eprintln!("tls_handshake by {rung}");
        every_door(Some(rung));
    }
}

fn skipped(lacking: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED, since this kernel lacks {lacking}");
}

/// A program that sends hellos past the calls that are watched: each of its two sockets is counted once, and nothing else.
fn out_of_sight(source: &str, needs: &str) {
    let dir = folder();
    let program = dir.path().join("program");
    let source = format!("{}/tests/wire/{source}", env!("CARGO_MANIFEST_DIR"));
    let made = std::process::Command::new("cc").arg("-o").arg(&program).arg(source).status();
    assert!(made.expect("a compiler").success());
    let rung = "raw_tracepoint:sock_send_length";
    if !crypto_tracer_recorder::doctor().probes.iter().any(|p| p.works && p.attempt.probe == rung) {
        skipped("the tracepoints of the socket layer");
        return;
    }
    let recorded = record(dir.path(), "./program; echo $? > result", |o| o.only_probe = Some(rung.into()));
    let result = std::fs::read_to_string(dir.path().join("result")).expect("a result");
    if result == "77\n" {
        skipped(needs);
        return;
    }
    assert_eq!(result, "0\n");
    let lost: Vec<(u16, u64)> = recorded
        .all::<Loss>()
        .iter()
        .filter(|l| l.payload.fact == Fact::TlsHandshake.number())
        .map(|l| (l.payload.reason, l.payload.count))
        .collect();
    assert_eq!(lost, [(LossReason::OutOfSight.number(), 2)], "once for each socket");
    assert!(connections(&recorded).is_empty());
}

#[test]
fn what_goes_through_io_uring_is_counted_as_not_seen() {
    need_bpf!();
    out_of_sight("uring.c", "io_uring");
}

#[test]
fn what_a_32_bit_program_sends_is_counted_as_not_seen() {
    need_bpf!();
    out_of_sight("compat.c", "the system calls of 32-bit programs");
}
