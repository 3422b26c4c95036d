//! Calls of real programs: which door each of them uses, and how often.

use crate::api::{Bench, Calls, certificate, compare, recorded};
use crate::support::{self, Guarded, need_bpf, text};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// What is called, with which result and arguments, how often.
type Expected<'a> = (&'a str, &'a str, Value, u64);

/// Of these functions, exactly these calls. How often a handshake was tried depends on the network.
fn hold(capture: &support::Capture, functions: &[&str], expected: &[Expected<'_>]) {
    let mut got = Calls::new();
    for ((name, result, args, _), count) in recorded(capture) {
        if functions.contains(&name.as_str()) {
            *got.entry((name, result, args, 1)).or_default() += count;
        }
    }
    let expected = expected.iter().map(|(name, result, args, count)| {
        (((*name).to_owned(), (*result).to_owned(), args.to_string(), 1), *count)
    });
    compare(&expected.collect(), &got);
}

/// `openssl s_server` for one connection; ended by its pid.
struct Server {
    _child: Guarded,
    port: u16,
    _dir: tempfile::TempDir,
}

fn server() -> Server {
    let dir = support::folder();
    certificate(dir.path());
    let child = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-cert", "cert.pem", "-key", "key.pem", "-www"])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = Guarded(child.expect("openssl is installed (make deps-test)"));
    let lines = BufReader::new(child.0.stdout.take().expect("a pipe")).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        let at = line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.trim();
        at.parse().ok()
    });
    Server { _child: child, port: port.expect("the server says where it listens"), _dir: dir }
}

fn which(program: &str) -> std::path::PathBuf {
    let out =
        Command::new("/bin/sh").args(["-c", &format!("command -v {program}")]).output().expect("a shell");
    let path = text(&out.stdout).trim().to_owned();
    assert!(!path.is_empty(), "{program} is installed (make deps-test)");
    Path::new(&path).canonicalize().expect("a path")
}

/// hashlib looks up many digests, and one is used; ssl does one handshake with itself, where nothing may wait.
#[test]
fn python() {
    need_bpf!();
    let out = Command::new(support::python()).args(["-ISc", "import _ssl; print(_ssl.__file__)"]).output();
    let module = text(&out.expect("python starts").stdout).trim().to_owned();
    let bench =
        Bench::of_program_with(Path::new(support::python()), Path::new(&module), &["libssl", "libcrypto"]);
    let script = r#"
import hashlib, ssl
for i in range(2):
    hashlib.new('sha256', b'x').hexdigest()
hashlib.sha1(b'x').digest()
hashlib.pbkdf2_hmac('sha512', b'password', b'salt', 2000)
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain('cert.pem', 'key.pem')
client = ssl.create_default_context(cafile='cert.pem')
to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
ends = [server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname='localhost')]
while ends:
    for end in list(ends):
        try:
            end.do_handshake()
            ends.remove(end)
        except ssl.SSLWantReadError:
            pass
"#;
    let capture = bench.record(&["-ISc", script], &[]);
    hold(
        &capture,
        &[
            "EVP_DigestFinal",
            "EVP_Digest",
            "PKCS5_PBKDF2_HMAC",
            "SSL_CTX_new",
            "SSL_new",
            "SSL_connect",
            "SSL_accept",
            "SSL_do_handshake",
            "SSL_CTX_use_certificate_chain_file",
            "SSL_CTX_use_PrivateKey_file",
            "X509_STORE_CTX_set_default",
        ],
        &[
            ("EVP_DigestFinal", "success", json!({ "digest": 672 }), 2),
            ("EVP_DigestFinal", "success", json!({ "digest": 64 }), 1),
            ("PKCS5_PBKDF2_HMAC", "success", json!({ "iterations": 2000, "digest": 674 }), 1),
            ("SSL_CTX_new", "success", json!({}), 2),
            ("SSL_new", "success", json!({}), 2),
            ("SSL_do_handshake", "success", json!({}), 2),
            ("SSL_CTX_use_certificate_chain_file", "success", json!({ "file": "cert.pem" }), 1),
            ("SSL_CTX_use_PrivateKey_file", "success", json!({ "file": "key.pem" }), 1),
            ("X509_STORE_CTX_set_default", "success", json!({ "purpose": "ssl_server" }), 1),
        ],
    );
}

/// `curl -k`: it asks for no verification, and learns that there would have been an error.
#[test]
fn curl_without_verification() {
    need_bpf!();
    let server = server();
    let bench = Bench::of_program(&which("curl"), &["libssl", "libcrypto"]);
    let url = format!("https://127.0.0.1:{}/", server.port);
    let capture = bench.record(&["-s", "-k", "-o", "/dev/null", &url], &[]);
    hold(
        &capture,
        &["SSL_connect", "SSL_do_handshake", "SSL_get_verify_result", "SSL_CTX_set_verify", "SSL_new"],
        &[
            ("SSL_new", "success", json!({}), 1),
            ("SSL_connect", "success", json!({}), 1),
            ("SSL_CTX_set_verify", "unknown", json!({ "verify_mode": 0 }), 1),
            ("SSL_get_verify_result", "failure", json!({ "verify_result": 18 }), 1),
        ],
    );
}

/// s_client asks for no handshake: it writes, and the library shakes hands.
#[test]
fn openssl_s_client() {
    need_bpf!();
    let server = server();
    let bench = Bench::of_program(&which("openssl"), &["libssl", "libcrypto"]);
    let address = format!("127.0.0.1:{}", server.port);
    let capture = bench.record(&["s_client", "-connect", &address], &[]);
    hold(
        &capture,
        &[
            "SSL_CTX_new",
            "SSL_CTX_new_ex",
            "SSL_new",
            "SSL_connect",
            "SSL_do_handshake",
            "X509_STORE_CTX_set_default",
        ],
        &[
            ("SSL_CTX_new_ex", "success", json!({}), 1),
            ("SSL_new", "success", json!({}), 1),
            ("X509_STORE_CTX_set_default", "success", json!({ "purpose": "ssl_server" }), 1),
        ],
    );
}

#[test]
fn openssl_genpkey() {
    need_bpf!();
    let bench = Bench::of_program(&which("openssl"), &["libssl", "libcrypto"]);
    let functions = ["EVP_PKEY_keygen", "EVP_PKEY_generate", "EVP_PKEY_paramgen", "RSA_generate_key_ex"];
    let args = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "new.pem"];
    let key = ("EVP_PKEY_keygen", "success", json!({ "algorithm": "rsaEncryption", "key_type": 6 }), 1);
    hold(&bench.record(&args, &[]), &functions, &[key]);
}

/// OpenSSH has Ed25519 built in; of other keys it asks the library.
#[test]
fn ssh_keygen() {
    need_bpf!();
    let bench = Bench::of_program(&which("ssh-keygen"), &["libcrypto"]);
    let functions =
        ["RSA_generate_key_ex", "RSA_generate_multi_prime_key", "EC_KEY_generate_key", "EVP_PKEY_keygen"];
    let make =
        |kind: &str, bits: &str| bench.record(&["-q", "-t", kind, "-b", bits, "-N", "", "-f", "new"], &[]);
    hold(&make("ed25519", "256"), &functions, &[]);
    hold(&make("rsa", "2048"), &functions, &[("RSA_generate_key_ex", "success", json!({ "bits": 2048 }), 1)]);
    hold(
        &make("ecdsa", "256"),
        &functions,
        &[("EC_KEY_generate_key", "success", json!({ "curve": 415 }), 1)],
    );
}

/// The library is within the program.
#[test]
fn node() {
    need_bpf!();
    let bench = Bench::of_static(&which("node"));
    let script = "const crypto = require('crypto');
        crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
        crypto.pbkdf2Sync('password', 'salt', 3000, 32, 'sha256');";
    let capture = bench.record(&["-e", script], &[]);
    hold(
        &capture,
        &[
            "EVP_PKEY_keygen",
            "EVP_PKEY_generate",
            "RSA_generate_key_ex",
            "EVP_PKEY_CTX_set_rsa_keygen_bits",
            "PKCS5_PBKDF2_HMAC",
        ],
        &[
            ("EVP_PKEY_keygen", "success", json!({ "algorithm": "rsaEncryption", "key_type": 6 }), 1),
            ("EVP_PKEY_CTX_set_rsa_keygen_bits", "success", json!({ "bits": 2048 }), 1),
            ("PKCS5_PBKDF2_HMAC", "success", json!({ "iterations": 3000, "digest": 672 }), 1),
        ],
    );
}
