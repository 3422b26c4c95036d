//! Handshakes that no library here makes: written byte by byte, or past the system calls that are watched.

use crate::support::{need_bpf, of_type, record, record_python, s, text};
use serde_json::json;
use std::path::Path;
use std::process::Command;

/// Both ends of a handshake with a hybrid group, an outer name, and every group of post-quantum cryptography on offer.
const TOMORROW: &str = r#"
import socket
def number(n, size): return n.to_bytes(size, "big")
def vector(size, body): return number(len(body), size) + body
def extension(kind, body): return number(kind, 2) + vector(2, body)
def handshake(kind, body): return b"\x16\x03\x01" + vector(2, number(kind, 1) + vector(3, body))
def numbers(*all): return b"".join(number(n, 2) for n in all)
groups = numbers(4588, 4587, 4589, 512, 513, 514, 0x6399, 29)
name = b"outer.shop.example"
client = handshake(1, b"\x03\x03" + bytes(range(32)) + vector(1, bytes(32)) + vector(2, numbers(0x1301, 0x1302)) + vector(1, b"\0")
    + vector(2, extension(0, vector(2, b"\0" + vector(2, name))) + extension(10, vector(2, groups))
        + extension(13, vector(2, numbers(0x0403))) + extension(43, vector(1, numbers(0x0304)))
        + extension(51, vector(2, numbers(4588) + vector(2, bytes(1216)))) + extension(0xfe0d, bytes(200))))
server = handshake(2, b"\x03\x03" + bytes(range(32)) + vector(1, bytes(32)) + numbers(0x1301) + b"\0"
    + vector(2, extension(43, numbers(0x0304)) + extension(51, numbers(4588) + vector(2, bytes(1120)))))
def sealed(size): return b"\x17\x03\x03" + vector(2, bytes(size))
listener = socket.create_server(("127.0.0.1", 0))
a = socket.create_connection(listener.getsockname())
b, _ = listener.accept()
def move(sender, receiver, data):
    sender.sendall(data)
    assert len(receiver.recv(len(data), socket.MSG_WAITALL)) == len(data)
move(a, b, client)
move(b, a, server)
move(b, a, sealed(2000))
move(a, b, sealed(69))
"#;

#[test]
fn hybrid_groups_are_named_and_an_outer_name_is_told_as_one() {
    need_bpf!();
    let capture = record_python(TOMORROW, &["--no-redact", "--probes", "tls_handshake"], |_| ());
    let events = capture.events(&["--no-redact"]);
    let handshakes = of_type(&events, "tls_handshake");
    let roles: Vec<&str> = handshakes.iter().map(|e| s(e, "role")).collect();
    assert_eq!(roles.len(), 2, "{events:#?}");
    assert!(roles.contains(&"client") && roles.contains(&"server"));
    for event in handshakes {
        assert_eq!((s(event, "group"), &event["group_id"]), ("X25519MLKEM768", &json!(4588)));
        assert_eq!((s(event, "version"), s(event, "cipher_suite")), ("TLSv1.3", "TLS_AES_128_GCM_SHA256"));
        assert_eq!(
            (s(event, "sni"), &event["ech"], s(event, "result")),
            ("outer.shop.example", &json!(true), "success")
        );
        let offered = &event["offered"];
        assert_eq!(offered["group_ids"], json!([4588, 4587, 4589, 512, 513, 514, 0x6399, 29]));
        let names = json!([
            "X25519MLKEM768",
            "SecP256r1MLKEM768",
            "SecP384r1MLKEM1024",
            "MLKEM512",
            "MLKEM768",
            "MLKEM1024",
            "X25519Kyber768Draft00",
            "x25519"
        ]);
        assert_eq!(offered["groups"], names);
    }
}

/// Through io_uring no call passes that shows where the bytes lie: each such socket is told as one that was not seen.
#[test]
fn sockets_of_io_uring_are_told_as_not_seen() {
    need_bpf!();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/recorder/tests/wire/uring.c");
    let capture = record("/bin/sh", &["-c", "./uring"], &["--probes", "tls_handshake"], |work| {
        let made = Command::new("cc").arg("-o").arg(work.join("uring")).arg(&source).status();
        assert!(made.is_ok_and(|status| status.success()), "cc");
    });
    match capture.output.status.code() {
        Some(0) => {}
        Some(77) => {
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                b"SKIPPED, since this kernel lacks io_uring\n",
            );
            return;
        }
        _ => panic!("{}", text(&capture.output.stderr)),
    }
    let summary = capture.document("summary", &["summary"]);
    let coverage = &summary["coverage"];
    assert_eq!(coverage["complete"], false, "{coverage:#}");
    let losses = coverage["losses"].as_array().expect("a list");
    let wire: Vec<_> = losses.iter().filter(|l| l["fact"] == "tls_handshake").collect();
    let [loss] = wire[..] else { panic!("{losses:#?}") };
    assert_eq!(
        (s(loss, "reason"), &loss["count"]),
        ("not visible to the probe", &json!(2)),
        "one for each socket"
    );
    let said = text(&capture.analyze(&["summary"]));
    assert!(said.contains("not visible to the probe"), "{said}");
}
