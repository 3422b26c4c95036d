//! TLS handshakes of real programs on loopback, as they are recorded.

#[allow(dead_code, reason = "other tests use the rest of it")]
mod common;

use common::{Recorded, bpf_works, run};
use crypto_tracer_format::record::{Fact, TlsHello, TlsMessage};
use std::path::Path;

macro_rules! need_bpf {
    () => {
        if !bpf_works() {
            return;
        }
    };
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn tls(dir: &Path, script: &str) -> Recorded {
    run(dir, &["/bin/sh", "-c", script], |o| o.facts = vec![Fact::TlsHandshake])
}

#[test]
fn both_ends() {
    need_bpf!();
    let dir = folder();
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj /CN=h.example.com -days 2 2>/dev/null
openssl s_server -accept 127.0.0.1:24433 -key k.pem -cert c.pem -quiet >s.log 2>&1 & s=$!
sleep 0.5
openssl s_client -connect 127.0.0.1:24433 -servername h.example.com </dev/null >c.log 2>&1
kill $s; wait $s";
    let recorded = tls(dir.path(), script);
    let seen: Vec<(u64, Option<TlsMessage>, u16)> = recorded
        .all::<TlsHello>()
        .iter()
        .map(|e| (e.payload.connection, TlsMessage::from_number(e.payload.message), e.payload.direction))
        .collect();
    let of =
        |connection| seen.iter().filter(move |s| s.0 == connection).map(|s| (s.1, s.2)).collect::<Vec<_>>();
    use TlsMessage::{ClientHello, Encrypted, ServerHello};
    assert_eq!(
        of(1),
        [(Some(ClientHello), 1), (Some(ServerHello), 2), (Some(Encrypted), 2), (Some(Encrypted), 1)]
    );
    assert_eq!(
        of(2),
        [(Some(ClientHello), 2), (Some(ServerHello), 1), (Some(Encrypted), 1), (Some(Encrypted), 2)]
    );
}
