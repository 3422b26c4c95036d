//! A handshake that is under way: what its messages said so far.

use crypto_tracer_format::record::{Header, TlsMessage, tls_bits};

use super::{CERTIFICATES, Message, result};
use crate::event::{Alert, Endpoint};
use crate::identity::{ProcessId, SegmentId};
use crate::tls::certificate::put_certificate;
use crate::tls::ja4::ja4;
use crate::tls::library::Question;
use crate::tls::offered::offered;
use crate::tls::parse::{self, TLS12, TLS13, extension};
use crate::tls::registry::CIPHER_SUITES;

/// See the module.
#[derive(Debug)]
pub struct Open {
    pub process: ProcessId,
    /// By age.
    pub number: u64,
    pub header: Header,
    pub segment: SegmentId,
    pub object: u64,
    pub local: Endpoint,
    pub peer: Endpoint,
    /// Whether the process is the client.
    pub client: Option<bool>,
    pub offer: Option<Offer>,
    pub choice: Option<Choice>,
    /// The time of the ClientHello.
    pub began_ns: Option<u64>,
    pub first_ns: u64,
    /// When both directions were encrypted.
    pub through_ns: Option<u64>,
    pub deadline_ns: Option<u64>,
    /// The library said that it succeeded; what the program asks of the peer is waited for.
    pub is_answered: bool,
    pub group: Option<u16>,
    pub signature_scheme: Option<u16>,
    pub hello_retry: bool,
    /// Certificates or a key exchange were seen: no earlier session was resumed (up to TLS 1.2).
    pub is_full: bool,
    pub certificates: Vec<u8>,
    /// Whether what is received, and what is sent, is encrypted.
    pub encrypted: [bool; 2],
    pub alert: Option<Alert>,
    pub bits: u16,
    /// Bytes that it holds.
    pub bytes: usize,
}

/// A ClientHello, as far as it is shown.
#[derive(Debug)]
pub struct Offer {
    pub json: Vec<u8>,
    pub ja4: Vec<u8>,
    pub sni: Vec<u8>,
    pub ech: bool,
    /// The client may send application data before the handshake is through.
    pub early_data: bool,
}

/// The last ServerHello.
#[derive(Debug)]
pub struct Choice {
    pub version: u16,
    pub cipher_suite: u16,
    pub has_psk: bool,
    /// It asks for another ClientHello: what looks encrypted before that is only for middleboxes (RFC 8446, D.4).
    pub is_retry: bool,
    pub alpn: Vec<u8>,
}

/// What a message means for the handshake.
pub enum Verdict {
    /// It goes on.
    Open,
    /// Nothing more of it will be seen: see [`Open::outcome`].
    Through,
    /// It ended, like this.
    Ended(&'static str),
}

/// Bytes that a cipher suite of TLS 1.3 adds to what it protects: eight with AES_128_CCM_8, a whole HMAC where nothing is
/// encrypted (RFC 9150), else sixteen.
fn tag_length(cipher_suite: u16) -> u32 {
    match cipher_suite {
        0x1305 => 8,
        0xc0b4 => 32,
        0xc0b5 => 48,
        _ => 16,
    }
}

impl Open {
    /// One that this message begins.
    pub fn new(message: &Message<'_>, number: u64) -> Open {
        Open {
            process: message.process,
            number,
            header: *message.header,
            segment: message.segment,
            object: message.content.object,
            local: message.content.local,
            peer: message.content.peer,
            client: None,
            offer: None,
            choice: None,
            began_ns: None,
            first_ns: message.header.time_ns,
            through_ns: None,
            deadline_ns: None,
            is_answered: false,
            group: None,
            signature_scheme: None,
            hello_retry: false,
            is_full: false,
            certificates: Vec::new(),
            encrypted: [false; 2],
            alert: None,
            bits: 0,
            bytes: size_of::<Open>(),
        }
    }

    /// Takes a message. `false`: it makes no sense.
    pub fn take(&mut self, message: &Message<'_>, sent: bool) -> bool {
        match message.content.message {
            TlsMessage::ClientHello => self.take_client_hello(message, sent),
            TlsMessage::ServerHello => self.take_server_hello(&message.content.body, sent),
            TlsMessage::Certificate => {
                self.take_certificate(&message.content.body, sent);
                true
            }
            TlsMessage::ServerKeyExchange => {
                let is_ecdhe = self.choice.as_ref().is_some_and(|choice| {
                    CIPHER_SUITES
                        .known(choice.cipher_suite)
                        .is_none_or(|name| name.contains("_ECDHE_") || name.contains("_ECDH_anon_"))
                });
                if is_ecdhe {
                    self.group = parse::named_curve(&message.content.body).or(self.group);
                    // Before TLS 1.2 there is a length in its place.
                    if self.choice.as_ref().is_some_and(|choice| choice.version == TLS12) {
                        self.signature_scheme = parse::signature_scheme(&message.content.body);
                    }
                }
                self.is_full = true;
                true
            }
            TlsMessage::Alert => match &*message.content.body {
                [_, description, ..] => {
                    self.alert = Some(Alert { description: Some(*description), sent });
                    true
                }
                _ => false,
            },
            TlsMessage::Encrypted => {
                self.take_encrypted(sent, message.content.length);
                true
            }
            TlsMessage::CertificateRequest | TlsMessage::Closed => true,
        }
    }

    fn take_client_hello(&mut self, message: &Message<'_>, sent: bool) -> bool {
        self.client = Some(sent);
        let Some(hello) = parse::client_hello(&message.content.body) else { return false };
        if self.choice.take().is_some() {
            // The first answer was a HelloRetryRequest; what was in clear after it was no end.
            self.hello_retry = true;
            self.encrypted = [false; 2];
            self.through_ns = None;
        }
        if self.offer.is_some() {
            return true;
        }
        self.began_ns = Some(message.header.time_ns);
        let is_cut = message.content.bits & tls_bits::CUT != 0;
        let offer = Offer {
            json: offered(&hello),
            ja4: ja4(&hello).filter(|_| !is_cut).unwrap_or_default().into_bytes(),
            sni: hello.sni.to_vec(),
            ech: hello.has(extension::ENCRYPTED_CLIENT_HELLO),
            early_data: hello.has(extension::EARLY_DATA),
        };
        self.bytes += offer.json.len() + offer.sni.len();
        self.offer = Some(offer);
        true
    }

    fn take_server_hello(&mut self, body: &[u8], sent: bool) -> bool {
        self.client = Some(!sent);
        let Some(hello) = parse::server_hello(body) else { return false };
        self.group = hello.group.or(self.group);
        if hello.is_retry {
            self.hello_retry = true;
        }
        let choice = Choice {
            version: hello.version,
            cipher_suite: hello.cipher_suite,
            has_psk: hello.has_psk,
            is_retry: hello.is_retry,
            alpn: hello.alpn.to_vec(),
        };
        self.bytes += choice.alpn.len();
        self.choice = Some(choice);
        true
    }

    /// The server's; a client's own is about people.
    fn take_certificate(&mut self, der: &[u8], sent: bool) {
        if Some(sent) == self.client {
            return;
        }
        self.is_full = true;
        let before = self.certificates.len();
        self.certificates.push(if before == 0 { b'[' } else { b',' });
        put_certificate(&mut self.certificates, der);
        if self.certificates.len() > CERTIFICATES {
            self.certificates.truncate(before);
        }
        self.bytes += self.certificates.len() - before;
    }

    fn take_encrypted(&mut self, sent: bool, length: u32) {
        if self.choice.as_ref().is_some_and(|choice| choice.is_retry) {
            return;
        }
        self.encrypted[usize::from(sent)] = true;
        if self.is_alert_alone(sent, length) {
            self.alert = Some(Alert { description: None, sent });
        }
    }

    /// Whether the first record that was encrypted holds an alert: in TLS 1.3 nothing else of a handshake is as short.
    fn is_alert_alone(&self, sent: bool, length: u32) -> bool {
        /// Level and description, and the byte that says what it is (RFC 8446, 5.2 and 6).
        const ALERT: u32 = 3;
        let Some(choice) = self.choice.as_ref().filter(|choice| choice.version >= TLS13) else {
            return false;
        };
        // Early data may be as short as they like.
        let is_early = Some(sent) == self.client && self.offer.as_ref().is_none_or(|offer| offer.early_data);
        !is_early && length == ALERT + tag_length(choice.cipher_suite)
    }

    /// What the messages so far mean.
    pub fn verdict(&mut self, now: u64) -> Verdict {
        const CLOSE_NOTIFY: u8 = 0;
        const WARNING_ONLY: [u8; 2] = [100, 112];
        match self.alert.and_then(|alert| alert.description) {
            Some(CLOSE_NOTIFY) => return Verdict::Ended(result::INCOMPLETE),
            Some(description) if !WARNING_ONLY.contains(&description) => {
                return Verdict::Ended(result::FAILURE);
            }
            _ => {}
        }
        if self.encrypted == [true; 2] || self.is_refused() {
            self.through_ns.get_or_insert(now);
            return Verdict::Through;
        }
        Verdict::Open
    }

    /// The library said that it succeeded.
    pub fn answer(&mut self, now: u64) {
        self.is_answered = true;
        self.through_ns.get_or_insert(now);
    }

    /// What is to be found out of its peer, if it ends now.
    pub fn question(&self, now: u64) -> Question {
        Question {
            process: self.process,
            object: self.object,
            client: self.client.unwrap_or_default(),
            times: (self.first_ns, now),
        }
    }

    /// What the messages say where the library says nothing, once no more of them can be seen; `None`: some still can.
    pub fn outcome(&self) -> Option<&'static str> {
        if self.is_answered {
            return Some(result::SUCCESS);
        }
        self.through_ns.map(|_| if self.is_refused() { result::FAILURE } else { result::SUCCESS })
    }

    /// An alert was seen that is encrypted.
    fn is_refused(&self) -> bool {
        self.alert.is_some_and(|alert| alert.description.is_none())
    }

    /// Whether an earlier session was resumed.
    pub fn resumed(&self) -> Option<bool> {
        let choice = self.choice.as_ref()?;
        if choice.version >= TLS13 {
            return Some(choice.has_psk);
        }
        if self.is_full {
            return Some(false);
        }
        // Without certificates only a resumed handshake, or one that needs none, goes on.
        let needs_certificate = CIPHER_SUITES
            .known(choice.cipher_suite)
            .is_some_and(|name| name.contains("_RSA_") || name.contains("_ECDSA_") || name.contains("_DSS_"));
        let server = usize::from(self.client == Some(false));
        (needs_certificate && self.encrypted.get(server) == Some(&true)).then_some(true)
    }
}
