//! A made-up recording of a web server, in which everything happens that the views tell of.

use crypto_tracer_format::record::{
    ApiCall, Direction, Fact, HostFact, KernelCall, MarkKind, ProbeState, TlsHello, TlsMessage,
};

use crate::testing::{HOST, Recording, Who, at, message, who};

pub const SSL: &str = "/usr/lib/x86_64-linux-gnu/libssl.so.3";
pub const CRYPTO: &str = "/usr/lib/x86_64-linux-gnu/libcrypto.so.3";
pub const GNUTLS: &str = "/usr/lib/x86_64-linux-gnu/libgnutls.so.30";
pub const OPENSSL: &str = "OpenSSL 3.0.19 27 Jan 2026";

pub const NGINX: Who = who(1234, b"nginx");
pub const BASH: Who = who(900, b"bash");
/// A worker that nginx forks while the recorder watches: it never maps its libraries itself.
pub const WORKER: Who = Who { start_ns: 101_000_000_000, uid: 33, gid: 33, ..who(1300, b"nginx") };
pub const CURL: Who = Who { start_ns: 102_000_000_000, uid: 1000, gid: 1000, ..who(2000, b"curl") };
pub const CURL_FORKED: Who = Who { comm: b"bash", ..CURL };
pub const PYTHON: Who =
    Who { start_ns: 103_000_000_000, uid: 1000, gid: 1000, cgroup: 77, ..who(2100, b"python3") };
/// The pid of curl once more.
pub const REUSED: Who = Who { start_ns: 108_000_000_000, ..who(2000, b"openssl") };

const READ: u32 = 0o2000000;
const CONTAINER: &str =
    "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope";

/// What every segment begins with: probes, names, and the scan.
pub fn begin(r: &mut Recording) {
    r.probe(Fact::FileOpen, ProbeState::NotPermitted, "fexit:do_sys_openat2", "CAP_SYS_ADMIN is missing")
        .probe(Fact::FileOpen, ProbeState::Attached, "tracepoint:syscalls/sys_exit_openat", "")
        .probe(Fact::LibLoad, ProbeState::Attached, "perf:mmap2", "")
        .probe(Fact::ProcessFork, ProbeState::Attached, "raw_tracepoint:sched_process_fork", "")
        .probe(Fact::ProcessExec, ProbeState::Attached, "raw_tracepoint:sched_process_exec", "")
        .probe(Fact::ProcessExit, ProbeState::Attached, "raw_tracepoint:sched_process_exit", "")
        .mark(1, MarkKind::Recording, "")
        .user(2, 0, "root")
        .user(2, 33, "www-data")
        .cgroup(2, 77, CONTAINER);
}

/// The scan: nginx has OpenSSL mapped and its key open.
pub fn scan(r: &mut Recording, ms: u64) {
    r.mark(ms, MarkKind::BaselineBegins, "")
        .process(ms + 1, BASH, 1, "/usr/bin/bash", &["-bash"], "/user.slice")
        .process(
            ms + 1,
            NGINX,
            1,
            "/usr/sbin/nginx",
            &["nginx", "-g", "daemon off;"],
            "/system.slice/nginx.service",
        )
        .mapping(ms + 1, NGINX, SSL)
        .mapping(ms + 1, NGINX, CRYPTO)
        .open_file(ms + 1, NGINX, 7, "/etc/ssl/private/server.key")
        .library(ms + 2, SSL, "libssl.so.3", OPENSSL, "aa11")
        .library(ms + 2, CRYPTO, "libcrypto.so.3", OPENSSL, "bb22")
        .library(ms + 2, GNUTLS, "libgnutls.so.30", "GnuTLS 3.7.9", "cc33");
}

/// Ten seconds of work.
pub fn scene() -> Recording {
    let mut r = Recording::begin(HOST);
    begin(&mut r);
    scan(&mut r, 10);
    r.scanned(10, 20, 2, 0).complete(20).block();
    r.fork(1000, WORKER, NGINX)
        .read(1100, WORKER, "/etc/ssl/certs/server.crt")
        .fork(2000, CURL_FORKED, BASH)
        .exec(2001, CURL, 900, "/usr/bin/curl", &["curl", "-s", "https://example.org/"])
        .load(2010, CURL, CRYPTO.as_bytes())
        .load(2011, CURL, SSL.as_bytes())
        .read(2020, CURL, "/etc/ssl/certs/ca-certificates.crt")
        .open(2030, CURL, b"/home/alice", b"client.key", READ, -13)
        .exit(2100, CURL, 35, 0)
        .complete(2500)
        .block();
    r.fork(3000, Who { comm: b"bash", ..PYTHON }, BASH)
        .exec(3001, PYTHON, 900, "/usr/bin/python3.11", &["python3", "app.py"])
        .load(3010, PYTHON, GNUTLS.as_bytes())
        .open(3100, PYTHON, b"/srv/app", b"cert.pem", READ, -2)
        .open(3200, PYTHON, b"/srv/app", b"cert.pem", READ, -2)
        .open(3300, PYTHON, b"/srv/app", b"cert.pem", READ, 4)
        .open(3400, PYTHON, b"/srv/app", b"new.p12", 0o2000101, 5)
        .open(3500, PYTHON, b"/srv/app", b"odd\n\xff\x1b[31m.pem", READ, -2)
        .exit(4000, PYTHON, 0, 9)
        .complete(4500)
        .block();
    r.loss(5000, Fact::FileOpen, 12, 4600, 4900);
    r.fork(8000, Who { comm: b"bash", ..REUSED }, BASH)
        .exec(8001, REUSED, 900, "/usr/bin/openssl", &["openssl", "verify", "server.crt"])
        .load(8002, REUSED, CRYPTO.as_bytes())
        .read(8010, REUSED, "/etc/ssl/certs/server.crt")
        .exit(8100, REUSED, 0, 0)
        .complete(9000);
    r.clock(10_000, crate::testing::wall(10_000)).mark(10_000, MarkKind::Stopped, "signal");
    r
}

/// A client whose library is watched: a handshake in TLS 1.3 that succeeds, one in TLS 1.2 that it breaks off, one in TLS 1.3
/// that the server refuses, and what it asks of the kernel.
pub fn wire() -> Recording {
    let mut r = Recording::begin(HOST);
    begin(&mut r);
    r.function(1, "SSL_CTX_set_min_proto_version", "protocol", "n0=version:protocol_version", "one")
        .function(2, "EVP_DigestFinal_ex", "algorithm", "n0=digest:nid", "one")
        .api_library(1, SSL)
        .host_crypto(HostFact::Fips, "", "1")
        .call(7, NGINX, |_| ApiCall { function: 1, library: 1, result: 1, n0: 0x0303, ..ApiCall::default() })
        .count(8, NGINX, 2, 1, 212, 4)
        .two_handshakes(NGINX)
        .tls(34, NGINX, 3, TlsMessage::ClientHello, true, &message!("tls13_client_hello"))
        .tls(35, NGINX, 3, TlsMessage::ServerHello, false, &message!("tls13_server_hello"))
        // An alert alone, and nothing that says which.
        .record(NGINX.header(at(36)), |_| TlsHello {
            connection: 3,
            message: TlsMessage::Encrypted.number(),
            direction: Direction::Received.number(),
            length: 19,
            ..TlsHello::default()
        })
        .kernel(40, NGINX, KernelCall::AlgBind, "hash", "sha256", 0)
        .complete(50);
    r
}
