//! The version that a library states in its text.
//!
//! Invariants: the table is the rule; at most [`SCAN_BYTES`] of a file are read, in pieces; of a text at most
//! [`VERSION_BYTES`] printable bytes are taken.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// So much of a file is searched.
const SCAN_BYTES: u64 = 16 << 20;
/// Longest version kept.
const VERSION_BYTES: usize = 64;
const CHUNK: usize = 64 * 1024;

/// How a family writes its version.
enum Text {
    /// This, then a digit.
    After(&'static str),
    /// A string of its own of numbers and two dots (`1.0.18`).
    Alone,
}

use Text::{After, Alone};

/// By the names of `catalogue::libraries::FAMILIES`; the first text that is found counts.
const VERSIONS: &[(&str, &[Text])] = &[
    ("OpenSSL", &[After("OpenSSL "), After("LibreSSL "), After("AWS-LC ")]),
    ("GnuTLS", &[After("GnuTLS ")]),
    ("NSS", &[After("NSS ")]),
    ("libsodium", &[Alone]),
    ("mbedTLS", &[After("Mbed TLS "), After("mbed TLS ")]),
    ("wolfSSL", &[After("wolfSSL "), Alone]),
    ("libgcrypt", &[After("Libgcrypt ")]),
    ("Botan", &[After("Botan ")]),
    ("libssh", &[After("libssh2_"), After("libssh_")]),
    ("GPGME", &[After("GPGME ")]),
    ("libtomcrypt", &[After("LibTomCrypt ")]),
];

/// What may follow a version in the same string and isn't part of it.
const ENDS: &[&str] = &[" - ", " logging", " (", ","];

/// Searches the parts of a file for the version of a family; empty: none was found.
pub(super) fn find(file: &File, parts: &[Range<u64>], family: &str) -> Vec<u8> {
    let Some((_, texts)) = VERSIONS.iter().find(|(name, _)| *name == family) else { return Vec::new() };
    let mut best: Option<(usize, Vec<u8>)> = None;
    let mut left = SCAN_BYTES;
    let mut chunk = vec![0; CHUNK + VERSION_BYTES + 16];
    for part in parts {
        let mut at = part.start;
        while at < part.end && left > 0 {
            let want = (part.end - at).min(chunk.len() as u64) as usize;
            let Some(buffer) = chunk.get_mut(..want) else { break };
            // Read as far as it goes: the file may have shrunk.
            let got = file.read_at(buffer, at).unwrap_or(0);
            for (rank, text) in texts.iter().enumerate() {
                if best.as_ref().is_none_or(|(found, _)| rank < *found)
                    && let Some(version) = buffer.get(..got).and_then(|b| text.find(b, at > part.start))
                {
                    best = Some((rank, version));
                }
            }
            if got < want || matches!(best, Some((0, _))) {
                break;
            }
            // Pieces overlap by more than the longest text: one that begins in a piece is whole in it.
            at += CHUNK as u64;
            left = left.saturating_sub(CHUNK as u64);
        }
    }
    best.map(|(_, version)| version).unwrap_or_default()
}

impl Text {
    /// The text, if it begins in the first [`CHUNK`] bytes. A string that began before them isn't one of its own.
    fn find(&self, bytes: &[u8], began_before: bool) -> Option<Vec<u8>> {
        match self {
            After(prefix) => {
                let prefix = prefix.as_bytes();
                let first = prefix.first()?;
                let starts = bytes.iter().take(CHUNK).enumerate().filter(|(_, b)| *b == first);
                starts.filter_map(|(at, _)| bytes.get(at..)).find_map(|here| {
                    let digit = here.strip_prefix(prefix)?.first()?.is_ascii_digit();
                    digit.then(|| printable(here))
                })
            }
            Alone => {
                let mut at = 0;
                let strings = bytes.split(|&b| b == 0).map(|s| {
                    at += s.len() + 1;
                    (at - s.len() - 1, s)
                });
                let mut whole = strings.skip(usize::from(began_before)).take_while(|(at, _)| *at <= CHUNK);
                whole.find(|(_, s)| is_version(s)).map(|(_, s)| s.to_vec())
            }
        }
    }
}

fn printable(text: &[u8]) -> Vec<u8> {
    let len = text.iter().take(VERSION_BYTES).take_while(|b| (0x20..0x7f).contains(*b)).count();
    let text = text.get(..len).unwrap_or_default();
    let cut = |end: &&str| text.windows(end.len()).position(|w| w == end.as_bytes());
    let end = ENDS.iter().filter_map(cut).min().unwrap_or(len);
    text.get(..end).unwrap_or_default().trim_ascii_end().to_vec()
}

fn is_version(text: &[u8]) -> bool {
    text.len() < 16
        && text.split(|&b| b == b'.').count() == 3
        && text.split(|&b| b == b'.').all(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn version(family: &str, bytes: &[u8]) -> String {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(bytes).expect("written");
        let all = 0..bytes.len() as u64;
        String::from_utf8(find(&file, std::slice::from_ref(&all), family)).expect("printable")
    }

    #[test]
    fn each_family_is_read_as_it_writes() {
        for (family, text, want) in [
            ("OpenSSL", "x\0OpenSSL %s\0OpenSSL 3.0.19 27 Jan 2026\0y", "OpenSSL 3.0.19 27 Jan 2026"),
            ("GnuTLS", "Enabled GnuTLS 3.7.9 logging...\n\0", "GnuTLS 3.7.9"),
            ("libgcrypt", "This is Libgcrypt 1.10.1 - The GNU Crypto Library\n", "Libgcrypt 1.10.1"),
            ("libsodium", "a\x001.0.18\0b", "1.0.18"),
            ("libsodium", "a1.0.18\0b", ""),
            ("mbedTLS", "\0mbed TLS 2.28.3\0", "mbed TLS 2.28.3"),
            ("libssh", "SSH-2.0-libssh2_1.10.0\0", "libssh2_1.10.0"),
            ("Nettle", "Nettle 3.8", ""),
            ("OpenSSL", "", ""),
        ] {
            assert_eq!(version(family, text.as_bytes()), want, "{family}: {text}");
        }
    }

    #[test]
    fn a_text_on_the_border_of_two_pieces_is_found() {
        for before in CHUNK - 40..CHUNK + 90 {
            let text = [&vec![b'.'; before][..], b"\0OpenSSL 3.0.19 27 Jan 2026\0"].concat();
            assert_eq!(version("OpenSSL", &text), "OpenSSL 3.0.19 27 Jan 2026", "{before}");
            let text = [&vec![b'.'; before][..], b"\x0011.0.18\0"].concat();
            assert_eq!(version("libsodium", &text), "11.0.18", "{before}");
        }
    }
}
