//! A made-up host with TLS, calls of libraries and of the kernel: events as the analyzer makes them, given straight to a sink,
//! so that what is kept and shown of them is tested whatever records they come from.

use std::net::Ipv6Addr;

use crypto_tracer_analyzer::AnalyzeError;
use crypto_tracer_analyzer::coverage::{Coverage, InputCoverage};
use crypto_tracer_analyzer::event::{
    Actor, Alert, ApiCall, Body, Endpoint, Event, FileId, KernelCrypto, TlsHandshake,
};
use crypto_tracer_analyzer::identity::{Host, HostId, Process, ProcessId, SegmentId, State, StateId};
use crypto_tracer_analyzer::sink::{Note, NoteBody, Range, Segment, Sink, Source, Span, Take};
use crypto_tracer_format::record::{ApiRecorded, Fact, HostFact, KernelCall, ProbeState, redaction};

use crate::testing::{HOST, at, wall};

/// A program of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nginx,
    Curl,
    Python,
    Java,
}

impl Who {
    const ALL: [Who; 4] = [Who::Nginx, Who::Curl, Who::Python, Who::Java];

    pub fn pid(self) -> u32 {
        100 + self as u32
    }

    fn process(self) -> Process {
        let (name, exe) = match self {
            Who::Nginx => ("nginx", "/usr/sbin/nginx"),
            Who::Curl => ("curl", "/usr/bin/curl"),
            Who::Python => ("python3", "/usr/bin/python3.11"),
            Who::Java => ("java", "/usr/lib/jvm/bin/java"),
        };
        let exe_bytes: std::sync::Arc<[u8]> = exe.as_bytes().into();
        Process {
            id: ProcessId(self as u32),
            tgid: self.pid(),
            start_ns: at(0) + u64::from(self.pid()) * 10_000_000,
            start_wall_ns: Some(wall(i64::from(self.pid()) * 10)),
            name: name.as_bytes().into(),
            exe: Some(exe_bytes),
            uid: Some(1000),
            first_seen_ns: at(0),
            first_seen_wall_ns: Some(wall(0)),
            in_baseline: true,
            ..Process::default()
        }
    }

    fn state(self) -> State {
        let process = self.process();
        State {
            id: StateId(self as u32),
            process: process.id,
            tgid: process.tgid,
            uid: process.uid,
            name: process.name,
            ..State::default()
        }
    }
}

/// A capture, as events.
#[derive(Clone, Debug)]
pub struct Staged {
    pub events: Vec<(u64, Who, Body<'static>)>,
    pub notes: Vec<NoteBody<'static>>,
    /// Nothing will be added.
    pub closed: bool,
    pub schema: (u16, u16),
}

impl Source for Staged {
    fn span(&mut self) -> Result<Span, AnalyzeError> {
        Ok(Span { first_wall_ns: wall(0), last_wall_ns: wall(60_000) })
    }

    fn feed(&mut self, range: Range, sink: &mut dyn Sink) -> Result<Coverage, AnalyzeError> {
        let (host, id) = (HostId(0), SegmentId(0));
        sink.host(&Host {
            id: host,
            boot_id: HOST.to_owned(),
            hostname: "web1".to_owned(),
            kernel: "6.1.0-test".to_owned(),
            machine: "x86_64".to_owned(),
            os: "Test Linux 1".to_owned(),
            redaction: redaction::SECRETS | redaction::NETWORK,
            clock_id: 7,
            schema: self.schema,
            ..Host::default()
        })?;
        let segment = Segment {
            id,
            input: 0,
            host,
            boot_id: HOST.to_owned(),
            began_ns: at(0),
            capture_id: None,
            number: None,
        };
        let take = sink.segment(&segment)?;
        if take == Take::Read {
            for who in Who::ALL {
                sink.process(&who.process())?;
                sink.state(&who.state())?;
            }
            for body in &self.notes {
                let (time_ns, wall_ns) = (at(1), Some(wall(1)));
                sink.note(&Note { host, segment: id, time_ns, wall_ns, body: *body })?;
            }
            for (ms, who, body) in &self.events {
                let wall_ns = Some(wall(*ms as i64));
                if range.contains(wall_ns) {
                    let (process, state) = (who.process(), who.state());
                    let actor = Some(Actor { process: &process, state: &state });
                    sink.event(&Event { host, segment: id, time_ns: at(*ms), wall_ns, actor, body: *body })?;
                }
            }
        }
        let input = InputCoverage {
            name: "staged".to_owned(),
            records: 100,
            segments: 1,
            closed: self.closed,
            failure: (!self.closed).then(|| "it is still written".to_owned()),
            ..InputCoverage::default()
        };
        let coverage = Coverage {
            inputs: vec![input],
            redaction: redaction::SECRETS | redaction::NETWORK,
            ..Coverage::default()
        };
        sink.finish(&coverage)?;
        Ok(coverage)
    }
}

pub const SSL: &[u8] = b"/usr/lib/x86_64-linux-gnu/libssl.so.3";
pub const CRYPTO: &[u8] = b"/usr/lib/x86_64-linux-gnu/libcrypto.so.3";

fn v4(a: u8, b: u8, c: u8, d: u8, port: u16) -> Endpoint {
    Endpoint { address: std::net::Ipv4Addr::new(a, b, c, d).to_ipv6_mapped(), port }
}

const OFFERED: &[u8] = br#"{"versions":["TLSv1.3","TLSv1.2"],"cipher_suites":["TLS_AES_256_GCM_SHA384"],"groups":["X25519MLKEM768","x25519"],"group_ids":[4588,29],"signature_schemes":["ecdsa_secp256r1_sha256"],"alpn":["h2","http/1.1"]}"#;
const OFFERED_OLD: &[u8] = br#"{"versions":["TLSv1.2"],"cipher_suites":["TLS_RSA_WITH_AES_128_CBC_SHA"],"groups":["x25519"],"group_ids":[29],"signature_schemes":["rsa_pkcs1_sha1"],"alpn":[]}"#;
const CERTIFICATES: &[u8] = br#"[{"subject":"CN=old.example","issuer":"CN=old.example","serial":"01","not_before":"2020-01-01T00:00:00Z","not_after":"2025-11-20T00:00:00Z","key_type":"RSA","key_bits":1024,"signature_algorithm":"sha1WithRSAEncryption"}]"#;

/// A client's handshake in TLS 1.3 with a post-quantum group, verified.
pub fn modern() -> TlsHandshake<'static> {
    TlsHandshake {
        connection: 1,
        client: true,
        local: v4(10, 0, 0, 5, 40001),
        peer: v4(198, 51, 100, 0, 443),
        version: Some(0x0304),
        cipher_suite: Some(0x1302),
        group: Some(4588),
        signature_scheme: Some(0x0403),
        sni: b"example.org",
        alpn: b"",
        resumed: Some(false),
        hello_retry: false,
        ech: false,
        result: "success",
        alert: None,
        ja4: b"t13d1516h2_8daaf6152771_02713d6af862",
        duration_ns: Some(12_345_678),
        verify: b"ok",
        library: SSL,
        offered: OFFERED,
        certificates: b"",
        bits: 2,
    }
}

/// A client's handshake in TLS 1.2 with a weak certificate that nobody verified.
pub fn old() -> TlsHandshake<'static> {
    TlsHandshake {
        connection: 2,
        peer: v4(10, 0, 0, 9, 8443),
        version: Some(0x0303),
        cipher_suite: Some(0x002f),
        group: None,
        signature_scheme: None,
        sni: b"",
        alpn: b"http/1.1",
        hello_retry: true,
        verify: b"disabled",
        library: b"",
        offered: OFFERED_OLD,
        certificates: CERTIFICATES,
        ..modern()
    }
}

/// A handshake that failed: the client did not know the server's issuer.
pub fn failed() -> TlsHandshake<'static> {
    TlsHandshake {
        connection: 3,
        peer: v4(203, 0, 113, 0, 443),
        sni: b"expired.example",
        result: "failure",
        alert: Some(Alert { description: Some(48), sent: true }),
        verify: b"unable to get local issuer certificate",
        duration_ns: None,
        ..modern()
    }
}

/// The same name, served to a client.
pub fn served(client: u8) -> TlsHandshake<'static> {
    TlsHandshake {
        connection: 10 + u64::from(client),
        client: false,
        local: Endpoint { address: Ipv6Addr::LOCALHOST, port: 443 },
        peer: Endpoint {
            address: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, client.into()),
            port: 50_000 + u16::from(client),
        },
        group: Some(29),
        alpn: b"h2",
        resumed: None,
        ech: true,
        verify: b"",
        library: b"",
        ..modern()
    }
}

/// A call of OpenSSL that succeeded.
pub fn call(
    function: &'static str,
    topic: &'static str,
    library: &'static [u8],
    args: &'static str,
) -> ApiCall<'static> {
    ApiCall {
        function: function.as_bytes(),
        family: b"OpenSSL",
        topic: topic.as_bytes(),
        library,
        file: FileId { dev_major: 8, dev_minor: 1, ino: 77 },
        count: None,
        result: "success",
        returned: Some(1),
        duration_ns: 1_500,
        tries: 1,
        object: 0xfedc_ba98_7654_3210,
        parent: 3,
        args: args.as_bytes(),
        bits: 0,
    }
}

/// A request to the kernel that succeeded.
pub fn request(call: KernelCall, kind: &'static [u8], name: &'static [u8]) -> KernelCrypto<'static> {
    KernelCrypto { call, operation: 0, version: 0, cipher: 0, length: 0, result: 0, kind, name }
}

/// A minute of work.
pub fn staged() -> Staged {
    let handshake = |ms, who, shake| (ms, who, Body::TlsHandshake(shake));
    let api = |ms, who, call| (ms, who, Body::ApiCall(call));
    let kernel = |ms, who, request| (ms, who, Body::KernelCrypto(request));
    let mut events = vec![
        api(1000, Who::Curl, call("SSL_CTX_new", "context", SSL, "{}")),
        api(1001, Who::Curl, call("SSL_CTX_set_verify", "verify_mode", SSL, r#"{"verify_mode":"peer"}"#)),
        handshake(1010, Who::Curl, modern()),
        api(1010, Who::Curl, ApiCall { tries: 3, ..call("SSL_connect", "handshake", SSL, "{}") }),
        handshake(2000, Who::Python, old()),
        handshake(2100, Who::Python, TlsHandshake { connection: 4, resumed: Some(true), ..old() }),
        api(
            2200,
            Who::Python,
            ApiCall {
                count: Some(40),
                returned: None,
                duration_ns: 0,
                tries: 1,
                object: 0,
                ..call("EVP_DigestFinal_ex", "algorithm", CRYPTO, r#"{"digest":"MD5"}"#)
            },
        ),
        api(2300, Who::Python, call("RSA_generate_key_ex", "key_generation", CRYPTO, r#"{"bits":1024}"#)),
        handshake(3000, Who::Curl, failed()),
        api(
            3000,
            Who::Curl,
            ApiCall {
                result: "failure",
                returned: Some(-1),
                bits: 1,
                ..call("SSL_connect", "handshake", SSL, "{}")
            },
        ),
        kernel(4000, Who::Java, request(KernelCall::AlgBind, b"hash", b"sha256")),
        kernel(
            4100,
            Who::Nginx,
            KernelCrypto { version: 0x0304, cipher: 51, ..request(KernelCall::TlsTx, b"", b"") },
        ),
        kernel(
            4200,
            Who::Java,
            KernelCrypto { result: -2, length: 32, ..request(KernelCall::AddKey, b"user", b"k") },
        ),
    ];
    for client in 1..=3 {
        events.push(handshake(5000 + 10 * u64::from(client), Who::Nginx, served(client)));
    }
    let attached = [
        Fact::FileOpen,
        Fact::LibLoad,
        Fact::ProcessFork,
        Fact::ProcessExec,
        Fact::ProcessExit,
        Fact::ApiCall,
        Fact::TlsHandshake,
        Fact::KernelCrypto,
    ];
    let mut notes: Vec<NoteBody<'static>> = attached
        .iter()
        .map(|&fact| NoteBody::Probe {
            fact: Some(fact),
            state: Some(ProbeState::Attached),
            errno: 0,
            probe: b"test",
            reason: b"",
        })
        .collect();
    let fact = |what, value| NoteBody::HostCrypto {
        what,
        passed: false,
        priority: 0,
        name: b"",
        driver: b"",
        kind: b"",
        value,
    };
    notes.extend([
        fact(HostFact::Fips, &b"0"[..]),
        fact(HostFact::CryptoPolicy, b"DEFAULT"),
        NoteBody::HostCrypto {
            what: HostFact::Algorithm,
            passed: true,
            priority: 300,
            name: b"gcm(aes)",
            driver: b"generic-gcm-aesni",
            kind: b"aead",
            value: b"",
        },
        NoteBody::ApiFunction {
            recorded: ApiRecorded::Event,
            family: b"OpenSSL",
            name: b"SSL_connect",
            topic: b"handshake",
        },
        NoteBody::ApiLibrary {
            path: SSL,
            file: FileId { dev_major: 8, dev_minor: 1, ino: 77 },
            bits: 0,
            family: b"OpenSSL",
            functions: 12,
            left_out: b"SSL_up_ref SSL_CTX_up_ref",
        },
        NoteBody::Mapping {
            process: ProcessId(Who::Curl as u32),
            path: SSL,
            file: FileId { dev_major: 8, dev_minor: 1, ino: 77 },
            bits: 0,
            repeated: false,
        },
        NoteBody::Library {
            path: SSL,
            file: FileId { dev_major: 8, dev_minor: 1, ino: 77 },
            size: 500_000,
            mtime_ns: 1_700_000_000_000_000_000,
            bits: 0,
            soname: b"libssl.so.3",
            version: b"OpenSSL 3.0.19 27 Jan 2026",
            build_id: b"aa11",
        },
        NoteBody::Baseline {
            from_ns: at(2),
            processes: 4,
            mappings: 0,
            open_files: 0,
            vanished: 0,
            denied: 0,
            filtered: 0,
        },
    ]);
    Staged { events, notes, closed: true, schema: (1, 1) }
}
