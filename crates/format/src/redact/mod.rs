//! What a capture may not say: people's names in paths, and secrets in command lines.
//!
//! Pure functions over bytes, used by the recorder before anything is written and by the analyzer again.
//!
//! Invariants:
//! - Secrets in command lines go whatever the policy is. Paths and names go by the policy.
//! - Nothing is added to what was there but the words of this module: `USER`, `ROOT`, `USERID`, `[REDACTED]`, `other`.
//! - Redacting twice changes nothing more.
//! - No input panics: paths and arguments are any bytes.

mod algorithm;
mod argv;
mod certificate;
mod hello;
mod names;
mod network;
mod paths;
mod protocols;
mod rewrite;
mod shapes;
mod text;
mod tools;
mod values;
mod words;

pub use rewrite::Rewritten;

use crate::record::redaction;
use std::borrow::Cow;

/// What stands in the place of a secret.
pub const REDACTED: &[u8] = b"[REDACTED]";

/// What stands in the place of a person's account name.
pub const USER: &[u8] = b"USER";

/// Accounts from this number on are people's, [`NOBODY`] excepted.
const FIRST_PERSON: u32 = 1000;
const NOBODY: u32 = 65534;

/// What is redacted besides secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Home folders and volumes in paths.
    pub paths: bool,
    /// Account names of people.
    pub users: bool,
    /// Public addresses and names of hosts.
    pub network: bool,
}

impl Default for Policy {
    /// Everything.
    fn default() -> Self {
        Policy { paths: true, users: true, network: true }
    }
}

/// Redacts strings and records by a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redactor {
    policy: Policy,
}

impl Redactor {
    /// A redactor of this policy.
    pub fn new(policy: Policy) -> Self {
        Redactor { policy }
    }

    /// What is done, as the host record says it: bits of [`redaction`].
    pub fn bits(&self) -> u32 {
        let paths = if self.policy.paths { redaction::PATHS } else { 0 };
        let users = if self.policy.users { redaction::USERS } else { 0 };
        let network = if self.policy.network { redaction::NETWORK } else { 0 };
        redaction::SECRETS | paths | users | network
    }

    /// An absolute path.
    pub fn path<'a>(&self, path: &'a [u8]) -> Cow<'a, [u8]> {
        if self.policy.paths { paths::absolute(path) } else { Cow::Borrowed(path) }
    }

    /// A path that starts from `base`: what it is before its own redaction, or after, which gives the same.
    pub fn relative<'a>(&self, base: &[u8], path: &'a [u8]) -> Cow<'a, [u8]> {
        if self.policy.paths { paths::relative(base, path) } else { Cow::Borrowed(path) }
    }

    /// A command line: arguments, each ended by NUL. Secrets always go.
    pub fn argv<'a>(&self, argv: &'a [u8]) -> Cow<'a, [u8]> {
        let argv = argv::redact(argv);
        if !self.policy.paths {
            return argv;
        }
        let mut out = Vec::with_capacity(argv.len());
        for (i, arg) in argv.split(|&b| b == 0).enumerate() {
            if i > 0 {
                out.push(0);
            }
            out.extend_from_slice(&text::redact(arg));
        }
        if *out == *argv { argv } else { Cow::Owned(out) }
    }

    /// An account's name.
    pub fn user<'a>(&self, uid: u32, name: &'a [u8]) -> Cow<'a, [u8]> {
        let person = uid >= FIRST_PERSON && uid != NOBODY && !name.is_empty() && name != USER;
        if self.policy.users && person { Cow::Owned(USER.to_vec()) } else { Cow::Borrowed(name) }
    }

    /// A path or URI as a program gave it to a library. What may hold a PIN always goes.
    pub fn locator<'a>(&self, locator: &'a [u8]) -> Cow<'a, [u8]> {
        if locator.first() == Some(&b'/') {
            return self.path(locator);
        }
        let end = locator.iter().position(|b| matches!(b, b'?' | b';')).unwrap_or(locator.len());
        self.path(&locator[..end])
    }

    /// The name of an algorithm, or a list of such names. What isn't known always goes.
    pub fn algorithm<'a>(&self, name: &'a [u8]) -> Cow<'a, [u8]> {
        algorithm::redact(name)
    }

    /// The name of a host, or an address that stands for one.
    pub fn host<'a>(&self, host: &'a [u8]) -> Cow<'a, [u8]> {
        if self.policy.network { network::host(host) } else { Cow::Borrowed(host) }
    }

    /// An IPv6 address, or an IPv4 address mapped into one.
    pub fn address(&self, address: [u8; 16]) -> [u8; 16] {
        if self.policy.network { network::address(address) } else { address }
    }

    /// A ClientHello or ServerHello, with its first four bytes. What is secret or random always goes.
    pub fn hello<'a>(&self, message: &'a [u8]) -> Cow<'a, [u8]> {
        hello::hello(message, self.policy.network)
    }

    /// A certificate in its DER form, by its place in the chain: 0 is the end entity's.
    pub fn certificate<'a>(&self, der: &'a [u8], index: u16) -> Cow<'a, [u8]> {
        if self.policy.network { certificate::certificate(der, index == 0) } else { Cow::Borrowed(der) }
    }

    /// A text of the recorder's that may hold paths.
    pub fn message<'a>(&self, message: &'a [u8]) -> Cow<'a, [u8]> {
        if self.policy.paths { text::redact(message) } else { Cow::Borrowed(message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_is_said() {
        let bits = |paths, users, network| Redactor::new(Policy { paths, users, network }).bits();
        assert_eq!(bits(false, false, false), redaction::SECRETS);
        assert_eq!(bits(true, true, false), redaction::SECRETS | redaction::PATHS | redaction::USERS);
        assert_eq!(bits(false, false, true), redaction::SECRETS | redaction::NETWORK);
    }

    #[test]
    fn without_a_policy_only_secrets_go() {
        let none = Redactor::new(Policy { paths: false, users: false, network: false });
        assert_eq!(&*none.path(b"/home/bob"), b"/home/bob");
        assert_eq!(&*none.relative(b"/home", b"bob"), b"bob");
        assert_eq!(&*none.user(1000, b"bob"), b"bob");
        assert_eq!(&*none.message(b"see /home/bob"), b"see /home/bob");
        assert_eq!(&*none.argv(b"x\0--password=p\0/home/bob\0"), b"x\0--password=[REDACTED]\0/home/bob\0");
        let all = Redactor::default();
        assert_eq!(&*all.argv(b"x\0--password=p\0/home/bob\0"), b"x\0--password=[REDACTED]\0/home/USER\0");
        assert_eq!(&*all.message(b"see /home/bob"), b"see /home/USER");
    }

    /// Redacted and then read again by the analyzer: the second time must find nothing.
    #[test]
    fn the_analyzer_finds_nothing_more() {
        let all = Redactor::default();
        for argv in
            [&b"curl\0-u\0bob:x\0https://a:b@c/home/bob\0"[..], b"sh\0-c\0cd /root/x; mysql -px '/home/b'\0"]
        {
            let once = all.argv(argv).into_owned();
            assert!(matches!(all.argv(&once), Cow::Borrowed(_)), "{}", String::from_utf8_lossy(&once));
        }
    }
}
