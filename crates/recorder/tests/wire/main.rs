//! TLS handshakes of real programs on loopback, as they are recorded.
//!
//! Both ends run behind the gate, so that each handshake is two connections: one for each process that took part.

#[path = "../common/mod.rs"]
mod common;
mod doors;
mod hands;
mod programs;
mod seen;

use common::{Recorded, bpf_works, python, run};
use crypto_tracer_format::record::{Fact, Loss, TlsMessage, tls_bits};
use crypto_tracer_recorder::RecordOptions;
use seen::{Seen, connections};
use std::path::Path;

macro_rules! need_bpf {
    () => {
        if !crate::bpf_works() {
            return;
        }
    };
}
use need_bpf;

use TlsMessage::{Alert, Certificate, ClientHello, Closed, Encrypted, ServerHello, ServerKeyExchange};

const SENT: u16 = 1;
const RECEIVED: u16 = 2;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A port that nobody listens on.
fn port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it has an address").port()
}

/// Records a shell script. `$port` is free, key.pem and cert.pem (for h.example.com) are there, and `serve ARGS` starts
/// `openssl s_server` and waits for it.
fn record(dir: &Path, script: &str, change: impl FnOnce(&mut RecordOptions)) -> Recorded {
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/O=Initech/CN=h.example.com", "-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(dir)
        .output()
        .expect("openssl starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let port = port();
    let script = format!(
        "port={port}
serve() {{
    openssl s_server -key key.pem -cert cert.pem -www \"$@\" > server.log 2>&1 &
    server=$!
    i=0; until grep -q ACCEPT server.log || [ $i = 100 ]; do sleep 0.05; i=$((i+1)); done
}}
server=
{script}
[ -z \"$server\" ] || {{ kill $server; wait $server; }}"
    );
    run(dir, &["/bin/sh", "-c", &script], |o| {
        o.facts = vec![Fact::TlsHandshake];
        change(o);
    })
}

fn log(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap_or_default()
}

/// What each connection told, without whose it was.
fn kinds(seen: &[Seen]) -> Vec<Kind> {
    seen.iter().map(|s| (s.message, s.payload.direction)).collect()
}

/// As the other end sees it.
fn mirrored(kinds: &[Kind]) -> Vec<Kind> {
    kinds.iter().map(|(m, d)| (*m, if *d == 0 { 0 } else { 3 - d })).collect()
}

/// Nothing was lost of TLS handshakes.
fn nothing_lost(recorded: &Recorded) {
    let lost: Vec<(u16, u16, u64)> = recorded
        .all::<Loss>()
        .iter()
        .map(|l| (l.payload.fact, l.payload.reason, l.payload.count))
        .filter(|l| l.0 == Fact::TlsHandshake.number())
        .collect();
    assert_eq!(lost, []);
}

/// What a message is, and which way it went.
type Kind = (TlsMessage, u16);

/// What a client sees of a handshake.
const TLS13_CLIENT: [Kind; 4] =
    [(ClientHello, SENT), (ServerHello, RECEIVED), (Encrypted, RECEIVED), (Encrypted, SENT)];
const TLS12_CLIENT: [Kind; 6] = [
    (ClientHello, SENT),
    (ServerHello, RECEIVED),
    (Certificate, RECEIVED),
    (ServerKeyExchange, RECEIVED),
    (Encrypted, SENT),
    (Encrypted, RECEIVED),
];

/// Each direction in its own order: how the two lie to each other in time is the processes' affair.
fn same_by_direction(have: &[Kind], want: &[Kind]) {
    for direction in [SENT, RECEIVED, 0] {
        let of = |all: &[Kind]| -> Vec<TlsMessage> {
            all.iter().filter(|k| k.1 == direction).map(|k| k.0).collect()
        };
        assert_eq!(of(have), of(want), "direction {direction} of {have:?}");
    }
}

/// Records one handshake of which nothing is lost, and in which the client sees this: the client's end and the server's.
fn handshake(dir: &Path, script: &str, client_sees: &[Kind]) -> [Vec<Seen>; 2] {
    let recorded = record(dir, script, |_| {});
    nothing_lost(&recorded);
    let ends: Result<[Vec<Seen>; 2], _> = connections(&recorded).try_into();
    let Ok([client, server]) = ends else { panic!("{script}\n{}", log(dir, "client.log")) };
    same_by_direction(&kinds(&client), client_sees);
    same_by_direction(&kinds(&server), &mirrored(client_sees));
    [client, server]
}

#[test]
fn a_handshake_of_tls_1_3_is_seen_at_both_ends() {
    need_bpf!();
    let dir = folder();
    let script = "serve -accept 127.0.0.1:$port
openssl s_client -connect 127.0.0.1:$port -servername h.example.com -alpn h2,http/1.1 </dev/null >client.log 2>&1";
    let all = handshake(dir.path(), script, &TLS13_CLIENT);
    let [client, server] = &all;
    // What was sent was received.
    for (at_client, at_server) in [(&client[0], &server[0]), (&client[1], &server[1])] {
        assert_eq!(at_client.body, at_server.body);
        assert_eq!(at_client.payload.length, at_server.payload.length);
        assert_eq!(at_client.payload.peer_port, at_server.payload.local_port);
        assert_eq!(at_client.payload.local_port, at_server.payload.peer_port);
    }
    let loopback = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets();
    assert!(all.iter().flatten().all(|s| s.payload.local == loopback && s.payload.peer == loopback));
    assert_ne!(client[0].header.tgid, server[0].header.tgid);
    assert!(all.iter().flatten().all(|s| s.header.comm.starts_with(b"openssl\0") && s.header.start_ns != 0));

    let hello = client[0].hello();
    assert_eq!(hello.server_name().as_deref(), Some("h.example.com"));
    assert_eq!(hello.extension(16), Some(&b"\0\x0c\x02h2\x08http/1.1"[..]));
    assert_eq!(hello.versions()[..2], [0x0304, 0x0303]);
    assert_eq!(hello.groups().first(), Some(&29));
    assert_eq!(hello.shares(), [(29, vec![0])], "the group, and nothing of the key");
    assert!(hello.suites.contains(&0x1302) && hello.suites.contains(&0xc02c));
    assert_eq!((hello.random, hello.session), ([0; 32], vec![0; 32]));
    let chosen = client[1].hello();
    let log = log(dir.path(), "client.log");
    assert!(log.contains("New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"), "{log}");
    assert_eq!((chosen.suites, chosen.random), (vec![0x1302], [0; 32]));
    assert_eq!(chosen_version(&client[1]), 0x0304);
    assert!(log.contains("Server Temp Key: X25519"), "{log}");
    assert_eq!(client[1].hello().extension(51), Some(&[0, 29, 0, 1, 0][..]));

    // Finished with SHA-384, and EncryptedExtensions without any: to each come its type and a tag of sixteen bytes.
    for (end, sent, received) in [(client, 4 + 48 + 17, 4 + 2 + 17), (server, 4 + 2 + 17, 4 + 48 + 17)] {
        assert_eq!((first_encrypted(end, SENT), first_encrypted(end, RECEIVED)), (sent, received));
    }
}

/// The length that the first encrypted record of a direction said.
fn first_encrypted(seen: &[Seen], direction: u16) -> u32 {
    let found = seen.iter().find(|s| s.message == Encrypted && s.payload.direction == direction);
    found.expect("it is encrypted").payload.length
}

fn chosen_version(seen: &Seen) -> u16 {
    let hello = seen.hello();
    hello.extension(43).map_or(hello.version, |v| u16::from_be_bytes([v[0], v[1]]))
}

#[test]
fn a_handshake_of_tls_1_2_tells_its_certificate_and_its_curve() {
    need_bpf!();
    let dir = folder();
    let script = "serve -accept \"[::1]:$port\"
openssl s_client -tls1_2 -connect \"[::1]:$port\" </dev/null >client.log 2>&1
openssl x509 -in cert.pem -outform DER -out cert.der";
    let all = handshake(dir.path(), script, &TLS12_CLIENT);
    let localhost = std::net::Ipv6Addr::LOCALHOST.octets();
    assert!(all.iter().flatten().all(|s| s.payload.local == localhost && s.payload.peer == localhost));
    assert_eq!(chosen_version(&all[0][1]), 0x0303);
    assert_eq!((first_encrypted(&all[0], SENT), first_encrypted(&all[0], RECEIVED)), (0, 0));
    let der = std::fs::read(dir.path().join("cert.der")).expect("a certificate");
    assert_eq!(all[0][2].body, der, "without redaction it is as it was");
    // The key of cert.pem is one of P-256, and s_client prints both halves of the scheme.
    let log = log(dir.path(), "client.log");
    assert!(log.contains("Peer signing digest: SHA256\nPeer signature type: ECDSA\n"), "{log}");
    let exchanges: Vec<&Seen> = all.iter().flatten().filter(|s| s.message == ServerKeyExchange).collect();
    assert_eq!(exchanges.len(), 2);
    for seen in exchanges {
        assert_eq!(
            seen.body,
            [3, 0, 29, 32, 4, 3],
            "named_curve, x25519, the length of a key that isn't here, ecdsa_secp256r1_sha256"
        );
    }
}

/// The server's own choice, per key and curve, and key exchanges without one.
#[test]
fn a_key_exchange_tells_its_signature_scheme() {
    need_bpf!();
    let dir = folder();
    let script = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=r -keyout rsa.pem -out rsa.crt 2>/dev/null
openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe6144 -out dh.pem 2>/dev/null
openssl s_server -key key.pem -cert cert.pem -dkey rsa.pem -dcert rsa.crt -dhparam dh.pem -www -cipher ALL:@SECLEVEL=0 -accept 127.0.0.1:$port >server.log 2>&1 &
server=$!
i=0; until grep -q ACCEPT server.log || [ $i = 100 ]; do sleep 0.05; i=$((i+1)); done
client() { openssl s_client -connect 127.0.0.1:$port \"$@\" </dev/null >>client.log 2>&1; }
client -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 -curves P-521
client -tls1_2 -cipher ECDHE-RSA-AES128-GCM-SHA256 -sigalgs RSA+SHA512
client -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256 -curves P-384:P-256
client -tls1_2 -cipher AECDH-AES128-SHA:@SECLEVEL=0
client -tls1_2 -cipher DHE-RSA-AES128-GCM-SHA256";
    let recorded = record(dir.path(), script, |_| {});
    nothing_lost(&recorded);
    let bodies: Vec<Vec<u8>> = connections(&recorded)
        .iter()
        .filter(|end| kinds(end).contains(&(ServerKeyExchange, RECEIVED)))
        .flat_map(|end| end.iter().filter(|s| s.message == ServerKeyExchange).map(|s| s.body.clone()))
        .collect();
    let log = log(dir.path(), "client.log");
    let [pss, pkcs1, ecdsa, anonymous, finite] = &bodies[..] else { panic!("{bodies:?}\n{log}") };
    assert_eq!(*pss, [3, 0, 25, 133, 8, 4], "secp521r1, rsa_pss_rsae_sha256");
    assert_eq!(*pkcs1, [3, 0, 29, 32, 6, 1], "x25519, rsa_pkcs1_sha512");
    assert_eq!(*ecdsa, [3, 0, 24, 97, 4, 3], "secp384r1, ecdsa_secp256r1_sha256");
    assert_eq!(*anonymous, [3, 0, 29, 32], "nobody signs");
    assert_eq!(*finite, [3, 0, 255, 255], "no curve: 0x300 bytes of a prime");
    assert!(
        log.contains("Peer signature type: RSA-PSS\n") && log.contains("Peer signing digest: SHA512\n"),
        "{log}"
    );
}

#[test]
fn names_and_addresses_go_by_the_policy() {
    need_bpf!();
    let dir = folder();
    let script = "serve -accept 127.0.0.1:$port
openssl s_client -tls1_2 -connect 127.0.0.1:$port -servername token-s3cr3t.example.com </dev/null >client.log 2>&1";
    let recorded = record(dir.path(), script, |o| o.redact = true);
    let all = connections(&recorded);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0][0].hello().server_name().as_deref(), Some("example.com"));
    let certificate = String::from_utf8_lossy(&all[0][2].body).into_owned();
    assert!(certificate.contains("Initech") && certificate.contains("*.example.com"), "{certificate:?}");
    assert!(!certificate.contains("h.example.com"));
}

#[test]
fn a_hello_retry_request_is_followed() {
    need_bpf!();
    let dir = folder();
    let script = "serve -accept 127.0.0.1:$port -groups P-384
openssl s_client -connect 127.0.0.1:$port -groups X25519:P-384 </dev/null >client.log 2>&1";
    let [client, _] = handshake(dir.path(), script, &[&TLS13_CLIENT[..2], &TLS13_CLIENT].concat());
    let (retry, hello) = (client[1].hello(), client[3].hello());
    assert_eq!(retry.random[..4], [0xCF, 0x21, 0xAD, 0x74]);
    assert_eq!(retry.extension(51), Some(&[0, 24][..]));
    assert_eq!(hello.random, [0; 32]);
    assert_eq!(hello.extension(51), Some(&[0, 24, 0, 1, 0][..]));
    assert_eq!(client[0].hello().shares(), [(29, vec![0])]);
    assert_eq!(client[2].hello().shares(), [(24, vec![0])]);
}

#[test]
fn a_refused_handshake_tells_its_alert_and_its_end() {
    need_bpf!();
    let dir = folder();
    let script = "serve -accept 127.0.0.1:$port -tls1_3
openssl s_client -tls1_2 -connect 127.0.0.1:$port </dev/null >client.log 2>&1";
    let want = [(ClientHello, SENT), (Alert, RECEIVED), (Closed, 0)];
    let [client, _] = handshake(dir.path(), script, &want);
    assert_eq!(client[1].body, [2, 70], "fatal, protocol_version");
    let end = client.last().expect("an end");
    assert_eq!(end.header.tgid, client[0].header.tgid, "of the process whose connection it was");
    assert_eq!(end.payload.local_port, client[0].payload.local_port);
}

#[test]
fn plain_sockets_are_not_recorded() {
    need_bpf!();
    let dir = folder();
    let script = format!(
        "printf 'const char *plain = \"\\026\\003\\001\";' > page.html
'{}' -ISm http.server --bind 127.0.0.1 $port >server.log 2>&1 & server=$!
i=0; until curl -s -o page http://127.0.0.1:$port/page.html || [ $i = 100 ]; do sleep 0.05; i=$((i+1)); done
for i in 1 2 3 4 5 6; do curl -s -o page http://127.0.0.1:$port/page.html http://127.0.0.1:$port/cert.pem; done",
        python()
    );
    let recorded = record(dir.path(), &script, |_| {});
    nothing_lost(&recorded);
    assert!(log(dir.path(), "page").contains("plain"));
    assert_eq!(connections(&recorded).len(), 0);
}

#[test]
fn filters_by_name_hold() {
    need_bpf!();
    let dir = folder();
    let script = "serve -accept 127.0.0.1:$port
curl -sk -o page https://127.0.0.1:$port/";
    let recorded = record(dir.path(), script, |o| {
        o.pids.clear();
        o.names = vec!["curl".into()];
    });
    let all = connections(&recorded);
    assert_eq!(all.len(), 1);
    assert!(all[0].iter().all(|s| s.header.comm.starts_with(b"curl\0")));
    same_by_direction(&kinds(&all[0]), &TLS13_CLIENT);
}

#[test]
fn a_client_certificate_is_seen_on_its_way() {
    need_bpf!();
    let dir = folder();
    let script = "serve -accept 127.0.0.1:$port -Verify 1
openssl s_client -tls1_2 -connect 127.0.0.1:$port -cert cert.pem -key key.pem </dev/null >client.log 2>&1
openssl x509 -in cert.pem -outform DER -out cert.der";
    let asked = [(TlsMessage::CertificateRequest, RECEIVED), (Certificate, SENT)];
    let want = [&TLS12_CLIENT[..4], &asked, &TLS12_CLIENT[4..]].concat();
    let all = handshake(dir.path(), script, &want);
    let der = std::fs::read(dir.path().join("cert.der")).expect("a certificate");
    let certificates: Vec<&Seen> = all.iter().flatten().filter(|s| s.message == Certificate).collect();
    assert_eq!(certificates.len(), 4);
    assert!(certificates.iter().all(|s| s.body == der && s.payload.index == 0 && s.payload.bits == 0));
}

#[test]
fn messages_over_many_records_and_longer_than_a_string_are_put_together() {
    need_bpf!();
    let dir = folder();
    let names: Vec<String> = (0..400).map(|i| format!("DNS:host-{i}.example.com")).collect();
    let script = format!(
        "openssl req -x509 -key key.pem -days 2 -subj /CN=large.example.com -addext subjectAltName={} -out large.pem 2>/dev/null
cat large.pem cert.pem > chain.pem
openssl s_server -key key.pem -cert large.pem -cert_chain cert.pem -www -max_send_frag 512 -accept 127.0.0.1:$port > server.log 2>&1 & server=$!
i=0; until grep -q ACCEPT server.log || [ $i = 100 ]; do sleep 0.05; i=$((i+1)); done
openssl s_client -tls1_2 -max_send_frag 512 -connect 127.0.0.1:$port -servername large.example.com </dev/null >client.log 2>&1
openssl x509 -in large.pem -outform DER -out large.der; openssl x509 -in cert.pem -outform DER -out cert.der",
        names.join(",")
    );
    // Two certificates.
    let all = handshake(dir.path(), &script, &[&TLS12_CLIENT[..3], &TLS12_CLIENT[2..]].concat());
    let read = |name: &str| std::fs::read(dir.path().join(name)).expect("a certificate");
    let (large, small) = (read("large.der"), read("cert.der"));
    assert!(large.len() > 8192, "{}", large.len());
    for end in &all {
        let certificates: Vec<&Seen> = end.iter().filter(|s| s.message == Certificate).collect();
        let first = certificates[0];
        assert_eq!((first.payload.bits, first.payload.length), (tls_bits::CUT, large.len() as u32));
        assert_eq!(first.body, large[..4096]);
        let second = certificates[1];
        assert_eq!((second.payload.bits, second.payload.index, &second.body), (0, 1, &small));
    }
}
