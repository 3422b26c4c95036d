//! A program of Rust that carries AWS-LC, whose functions have names with its version there: known calls of them; and a
//! handshake of rustls. Arguments: `calls`; or `handshake`, a certificate of localhost, and its key.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ServerConfig, ServerConnection,
    SignatureScheme,
};
use std::net::{TcpListener, TcpStream};
use std::ptr::null_mut;
use std::sync::Arc;

fn said(function: &str, count: u32, bulk: bool, args: &str) {
    println!(
        "{{\"function\":{function:?},\"count\":{count},\"result\":\"success\",\"bulk\":{bulk},\"args\":{{{args}}}}}"
    );
}

fn calls() {
    let (text, mut out, mut n) = ([0u8; 64], [0u8; 64], 0);
    // SAFETY: each pointer is that of a buffer as long as the number beside it says, or of what the library made.
    unsafe {
        for _ in 0..3 {
            let digest = aws_lc_sys::EVP_sha256();
            let done = aws_lc_sys::EVP_Digest(
                text.as_ptr().cast(),
                text.len(),
                out.as_mut_ptr(),
                &mut n,
                digest,
                null_mut(),
            );
            assert_eq!(done, 1);
        }
        said("EVP_Digest", 3, false, &format!("\"digest\":{}", aws_lc_sys::NID_sha256));
        let key = aws_lc_sys::EC_KEY_new_by_curve_name(aws_lc_sys::NID_X9_62_prime256v1);
        assert_eq!(aws_lc_sys::EC_KEY_generate_key(key), 1);
        aws_lc_sys::EC_KEY_free(key);
        said("EC_KEY_generate_key", 1, false, "");
        let (digest, len) = (aws_lc_sys::EVP_sha512(), out.len());
        let done = aws_lc_sys::PKCS5_PBKDF2_HMAC(
            text.as_ptr().cast(),
            8,
            text.as_ptr(),
            16,
            1234,
            digest,
            len,
            out.as_mut_ptr(),
        );
        assert_eq!(done, 1);
        said(
            "PKCS5_PBKDF2_HMAC",
            1,
            false,
            &format!("\"iterations\":1234,\"digest\":{}", aws_lc_sys::NID_sha512),
        );
        for _ in 0..6 {
            assert_eq!(aws_lc_sys::RAND_bytes(out.as_mut_ptr(), 16), 1);
        }
        said("RAND_bytes", 6, true, "");
    }
}

/// Takes any certificate whose key signed the handshake: this one is self-signed.
#[derive(Debug)]
struct Anyone(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

fn handshake(certificate: &str, key: &str) {
    let provider: Arc<CryptoProvider> = rustls::crypto::aws_lc_rs::default_provider().into();
    let chain = vec![CertificateDer::from_pem_file(certificate).expect("a certificate")];
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let config = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
    let server =
        config.expect("versions").with_no_client_auth().with_single_cert(chain, key).expect("a key for it");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let accepting = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().expect("a client");
        let mut connection = ServerConnection::new(server.into()).expect("a connection");
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).expect("a handshake");
        }
        connection.write_tls(&mut socket).expect("written");
    });
    let anyone = Arc::new(Anyone(provider.signature_verification_algorithms));
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let client =
        config.expect("versions").dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = ClientConnection::new(client.into(), name).expect("a connection");
    let mut socket = TcpStream::connect(address).expect("the server");
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).expect("a handshake");
    }
    accepting.join().expect("the server");
    let version = u16::from(connection.protocol_version().expect("a version"));
    let suite = u16::from(connection.negotiated_cipher_suite().expect("a suite").suite());
    let group = u16::from(connection.negotiated_key_exchange_group().expect("a group").name());
    println!("{{\"version_id\":{version},\"cipher_suite_id\":{suite},\"group_id\":{group}}}");
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["calls"] => calls(),
        ["handshake", certificate, key] => handshake(certificate, key),
        _ => panic!("calls, or handshake with a certificate and its key"),
    }
}
