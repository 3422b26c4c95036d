//! Calls of functions, compared with what programs of known calls did. Only private copies of libraries are probed.

mod common;

use common::{bpf_works, run};
use crypto_tracer_format::record::{ApiCall, ApiFunction, ApiLibrary, Fact};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

macro_rules! need_bpf {
    () => {
        if !bpf_works() {
            return;
        }
    };
}

/// Compiles C in a folder; the program's path.
fn cc(dir: &Path, name: &str, source: &str, args: &[&str]) -> String {
    let (file, out) = (dir.join(format!("{name}.c")), dir.join(name));
    std::fs::write(&file, source).expect("written");
    let output = Command::new("cc")
        .args(["-O1", "-g0", "-o"])
        .arg(&out)
        .arg(&file)
        .args(args)
        .current_dir(dir)
        .output()
        .expect("cc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    out.to_str().expect("UTF-8").to_owned()
}

/// Copies of OpenSSL's libraries that nobody else maps.
fn private_openssl(dir: &Path) -> Vec<PathBuf> {
    let folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib"];
    ["libssl.so.3", "libcrypto.so.3"]
        .iter()
        .map(|name| {
            let from = folders.iter().map(|f| Path::new(f).join(name)).find(|p| p.exists());
            let to = dir.join(name);
            std::fs::copy(from.unwrap_or_else(|| panic!("{name} is installed")), &to).expect("copied");
            to
        })
        .collect()
}

/// Every call of an event: the function's name with its result.
fn calls(recorded: &common::Recorded) -> Vec<(String, i64)> {
    let names: BTreeMap<u32, String> =
        recorded.all::<ApiFunction>().iter().map(|f| (f.payload.id, f.text(f.payload.name))).collect();
    let name = |id: &u32| names.get(id).expect("each function has a record").clone();
    recorded.all::<ApiCall>().iter().map(|c| (name(&c.payload.function), c.payload.result)).collect()
}

const HANDSHAKE: &str = r#"
#include <openssl/ssl.h>
int main(void)
{
	SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new_ex(0, 0, TLS_client_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(server, cert);
	SSL_CTX_use_PrivateKey(server, key);
	for (int round = 0; round < 2; round++) {
		SSL *s = SSL_new(server), *c = SSL_new(client);
		BIO *a, *b;
		int done = 0;
		BIO_new_bio_pair(&a, 0, &b, 0);
		SSL_set_bio(s, a, a);
		SSL_set_bio(c, b, b);
		SSL_set_accept_state(s);
		SSL_set_connect_state(c);
		for (int i = 0; i < 20 && done != 3; i++) {
			if (!(done & 1) && (round ? SSL_do_handshake(c) : SSL_connect(c)) == 1)
				done |= 1;
			if (!(done & 2) && SSL_do_handshake(s) == 1)
				done |= 2;
		}
		if (done != 3)
			return 1;
		SSL_free(s);
		SSL_free(c);
	}
	return 0;
}
"#;

const LINK: &[&str] = &["-Wl,-rpath,$ORIGIN", "-L.", "-l:libssl.so.3", "-l:libcrypto.so.3"];

#[test]
fn a_handshake_that_is_tried_again_is_one_call() {
    need_bpf!();
    let dir = tempfile::tempdir().expect("a folder");
    let libraries = private_openssl(dir.path());
    let program = cc(dir.path(), "handshake", HANDSHAKE, LINK);
    let recorded = run(dir.path(), &[&program], |o| {
        o.facts = vec![Fact::ApiCall];
        o.libraries = libraries;
    });
    let want = [
        ("SSL_CTX_new", 1),
        ("SSL_CTX_new_ex", 1),
        ("SSL_new", 1),
        ("SSL_new", 1),
        ("SSL_connect", 1),
        ("SSL_do_handshake", 1),
        ("SSL_new", 1),
        ("SSL_new", 1),
        ("SSL_do_handshake", 1),
        ("SSL_do_handshake", 1),
    ];
    assert_eq!(calls(&recorded), want.map(|(name, result)| (name.to_owned(), result)));
    let all = recorded.all::<ApiCall>();
    let handshakes: Vec<_> = all.iter().filter(|c| c.payload.tries > 1).collect();
    assert_eq!(handshakes.len(), 4, "each was tried again");
    assert!(handshakes.iter().all(|c| c.payload.entered_ns < c.header.time_ns));
    // A connection is made from a context: the parent names it.
    let (context, connection) = (&all[0].payload, &all[2].payload);
    assert_eq!((connection.parent, connection.object == context.object), (context.object, false));
    assert!(all.iter().all(|c| c.payload.bits == 0 && c.payload.object != 0));
    let libraries = recorded.all::<ApiLibrary>();
    assert_eq!(libraries.len(), 2);
}
