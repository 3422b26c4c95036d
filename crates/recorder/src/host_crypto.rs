//! What the host says of its cryptography: FIPS mode, the system-wide policy, and the algorithms that the kernel has.
//!
//! Invariants:
//! - Read once per recording, told in every segment.
//! - What isn't there (a kernel without FIPS mode, a system without crypto-policies) is not told; nothing is guessed.
//! - Bounded: at most so many bytes of a file are read and so many algorithms told, and what was left out is said.

use crate::clocks::{now_ns, put};
use crypto_tracer_format::record::{HostCrypto, HostFact};
use std::io::Read;

/// Where the facts stand.
const FIPS: &str = "/proc/sys/crypto/fips_enabled";
const POLICY: &str = "/etc/crypto-policies/state/current";
const ALGORITHMS: &str = "/proc/crypto";

/// Most bytes of a file that are read. Kernels of today show some 100 KB of algorithms.
const FILE_BYTES: u64 = 1 << 20;
/// Most algorithms that are told.
const MAX_ALGORITHMS: usize = 1024;
/// CRYPTO_MAX_ALG_NAME of linux/crypto.h, which is also more than any policy's name has.
const NAME_BYTES: usize = 128;

/// One entry of /proc/crypto.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Algorithm {
    name: String,
    driver: String,
    kind: String,
    priority: u32,
    passed: bool,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostCryptoFacts {
    fips: Option<bool>,
    policy: Option<String>,
    algorithms: Vec<Algorithm>,
    left_out: usize,
}

impl HostCryptoFacts {
    /// Reads them. What can't be read isn't told.
    pub fn read() -> HostCryptoFacts {
        let (algorithms, left_out) = algorithms(&text(ALGORITHMS), MAX_ALGORITHMS);
        HostCryptoFacts { fips: fips(&text(FIPS)), policy: policy(&text(POLICY)), algorithms, left_out }
    }

    /// FIPS mode of the kernel; `None`: it has none.
    pub fn fips(&self) -> Option<bool> {
        self.fips
    }

    /// The system-wide policy, where there is one.
    pub fn policy(&self) -> Option<&str> {
        self.policy.as_deref()
    }

    /// How many algorithms the kernel has, and how many of them did not pass their self-test (or had none yet).
    pub fn algorithms(&self) -> (usize, usize) {
        (self.algorithms.len() + self.left_out, self.algorithms.iter().filter(|a| !a.passed).count())
    }

    /// Algorithms that [`HostCryptoFacts::put`] does not tell.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Appends their records.
    pub fn put(&self, out: &mut Vec<u8>) {
        let time_ns = now_ns();
        let mut fact = |what: HostFact, value: &str| {
            put(out, time_ns, |b| HostCrypto {
                what: what.number(),
                value: b.string(value.as_bytes()),
                ..HostCrypto::default()
            });
        };
        if let Some(fips) = self.fips {
            fact(HostFact::Fips, if fips { "1" } else { "0" });
        }
        if let Some(policy) = &self.policy {
            fact(HostFact::CryptoPolicy, policy);
        }
        for algorithm in &self.algorithms {
            put(out, time_ns, |b| HostCrypto {
                what: HostFact::Algorithm.number(),
                passed: algorithm.passed.into(),
                priority: algorithm.priority,
                name: b.string(algorithm.name.as_bytes()),
                driver: b.string(algorithm.driver.as_bytes()),
                kind: b.string(algorithm.kind.as_bytes()),
                ..HostCrypto::default()
            });
        }
    }
}

/// The file's text, or nothing.
fn text(path: &str) -> String {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes));
    if read.is_ok() { String::from_utf8_lossy(&bytes).into_owned() } else { String::new() }
}

fn fips(text: &str) -> Option<bool> {
    match text.trim() {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    }
}

/// A policy and its modules: `DEFAULT`, `FIPS:OSPP`, `DEFAULT:NO-SHA1`.
fn policy(text: &str) -> Option<String> {
    let name = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    (name.len() <= NAME_BYTES && name.chars().all(plain)).then(|| name.to_owned())
}

/// The entries of /proc/crypto, at most `max`, and how many there are besides. Entries are separated by empty lines.
fn algorithms(text: &str, max: usize) -> (Vec<Algorithm>, usize) {
    let mut all: Vec<Algorithm> = Vec::new();
    let mut left_out = 0;
    let mut lines = text.lines().peekable();
    while lines.peek().is_some() {
        let entry = lines.by_ref().take_while(|line| !line.trim().is_empty());
        let Some(algorithm) = algorithm(entry) else { continue };
        if all.len() < max {
            all.push(algorithm);
        } else {
            left_out += 1;
        }
    }
    (all, left_out)
}

/// One entry, from its lines `field : value`; `None`: it names no algorithm.
fn algorithm<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Algorithm> {
    let mut algorithm = Algorithm::default();
    for line in lines {
        let Some((field, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match field.trim_end() {
            "name" => algorithm.name = name(value),
            "driver" => algorithm.driver = name(value),
            "type" => algorithm.kind = name(value),
            "priority" => algorithm.priority = value.parse().unwrap_or_default(),
            "selftest" => algorithm.passed = value == "passed",
            _ => {}
        }
    }
    (!algorithm.name.is_empty()).then_some(algorithm)
}

/// As much of a name as a name can have.
fn name(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).take(NAME_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_tracer_format::record::Records;

    /// The beginning of /proc/crypto of Debian 12 (6.1), and an entry of a driver whose test hasn't run.
    const SAMPLE: &str = "\
name         : crc32c
driver       : crc32c-generic
module       : crc32c_generic
priority     : 100
refcnt       : 2
selftest     : passed
internal     : no
type         : shash
blocksize    : 1
digestsize   : 4

name         : __gcm(aes)
driver       : cryptd(__generic-gcm-aesni)
module       : kernel
priority     : 450
refcnt       : 1
selftest     : unknown
internal     : yes
type         : aead
async        : yes
blocksize    : 1
ivsize       : 12
maxauthsize  : 16
geniv        : <none>

";

    fn of(name: &str, driver: &str, kind: &str, priority: u32, passed: bool) -> Algorithm {
        Algorithm { name: name.into(), driver: driver.into(), kind: kind.into(), priority, passed }
    }

    #[test]
    fn algorithms_as_the_kernel_shows_them() {
        let want = [
            of("crc32c", "crc32c-generic", "shash", 100, true),
            of("__gcm(aes)", "cryptd(__generic-gcm-aesni)", "aead", 450, false),
        ];
        assert_eq!(algorithms(SAMPLE, 10), (want.to_vec(), 0));
        assert_eq!(
            algorithms(SAMPLE.trim_end(), 10),
            (want.to_vec(), 0),
            "the last empty line may be missing"
        );
        assert_eq!(algorithms(SAMPLE, 1), (want[..1].to_vec(), 1));
    }

    #[test]
    fn algorithms_of_no_kernel() {
        assert_eq!(algorithms("", 10), (vec![], 0));
        assert_eq!(algorithms("\n\n\n", 10), (vec![], 0));
        assert_eq!(algorithms("name\npriority : 7\n\n : \n:", 10), (vec![], 0));
        let odd = "name : a:b\u{1b}[2J\npriority : 99999999999\nselftest : PASSED\ntype\n\n\n\nname : c";
        assert_eq!(algorithms(odd, 10), (vec![of("a:b[2J", "", "", 0, false), of("c", "", "", 0, false)], 0));
        let long = format!("name : {}", "é".repeat(1000));
        assert_eq!(algorithms(&long, 10).0[0].name.chars().count(), NAME_BYTES);
        let many = "name : x\n\n".repeat(100_000);
        let (some, left_out) = algorithms(&many, MAX_ALGORITHMS);
        assert_eq!((some.len(), left_out), (1024, 98_976));
    }

    #[test]
    fn fips_is_0_or_1_or_not_known() {
        for (text, want) in [
            ("1\n", Some(true)),
            ("0\n", Some(false)),
            ("", None),
            ("2\n", None),
            ("yes", None),
            ("1 1", None),
        ] {
            assert_eq!(fips(text), want, "{text:?}");
        }
    }

    #[test]
    fn policies_have_plain_names() {
        for (text, want) in [
            ("DEFAULT\n", Some("DEFAULT")),
            ("FIPS:OSPP\n", Some("FIPS:OSPP")),
            ("# set by hand\n\nDEFAULT:NO-SHA1\nrest\n", Some("DEFAULT:NO-SHA1")),
            ("", None),
            ("# none\n", None),
            ("not a name\n", None),
            ("\u{1b}[31m\n", None),
        ] {
            assert_eq!(policy(text).as_deref(), want, "{text:?}");
        }
        assert_eq!(policy(&"x".repeat(129)), None);
    }

    #[test]
    fn each_fact_is_one_record() {
        let (all, _) = algorithms(SAMPLE, 10);
        let facts =
            HostCryptoFacts { fips: Some(true), policy: Some("FIPS".into()), algorithms: all, left_out: 0 };
        let mut out = Vec::new();
        facts.put(&mut out);
        let told: Vec<String> = Records::new(&out)
            .map(|record| {
                let record = record.expect("a record");
                let p: HostCrypto = record.payload().expect("its type");
                let s = |at| String::from_utf8_lossy(record.str(at).expect("a string")).into_owned();
                let (name, driver, kind, value) = (s(p.name), s(p.driver), s(p.kind), s(p.value));
                format!("{} {name} {driver} {kind} {} {} {value}", p.what, p.priority, p.passed)
            })
            .collect();
        assert_eq!(
            told,
            [
                "1    0 0 1",
                "2    0 0 FIPS",
                "3 crc32c crc32c-generic shash 100 1 ",
                "3 __gcm(aes) cryptd(__generic-gcm-aesni) aead 450 0 ",
            ]
        );
        let mut out = Vec::new();
        HostCryptoFacts::default().put(&mut out);
        assert!(out.is_empty());
    }
}
