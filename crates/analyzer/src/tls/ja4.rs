//! JA4, the fingerprint of a TLS client.
//!
//! JA4 itself, the method for TLS clients, is under the BSD 3-Clause licence (FoxIO, LLC); this is an implementation of its
//! published description. The other methods of its family (JA4S, JA4H …) have a licence that forbids some uses: they
//! are not implemented here, and must not be.

use sha2::{Digest, Sha256};

use super::parse::{ClientHello, extension};

/// What stands for the hash of an empty list.
const NOTHING: &str = "000000000000";

/// The fingerprint of a ClientHello that came over TCP; `None`: the hello isn't whole.
pub fn ja4(hello: &ClientHello<'_>) -> Option<String> {
    if !hello.is_whole {
        return None;
    }
    let count = |n: usize| n.min(99);
    let version = hello.offered_versions().iter().max().copied().unwrap_or_default();
    let mut text = format!(
        "t{}{}{:02}{:02}",
        version_code(version),
        if hello.has(extension::SERVER_NAME) { 'd' } else { 'i' },
        count(hello.cipher_suites.len()),
        count(hello.extensions.len()),
    );
    text.extend(alpn_code(hello.alpn.first().copied().unwrap_or_default()));
    text.push('_');
    text.push_str(&hash_of(&sorted(&hello.cipher_suites)));
    text.push('_');
    let named_elsewhere = [extension::SERVER_NAME, extension::ALPN];
    let others: Vec<u16> =
        hello.extensions.iter().copied().filter(|number| !named_elsewhere.contains(number)).collect();
    let mut list = sorted(&others);
    if !list.is_empty() && !hello.signature_schemes.is_empty() {
        list.push('_');
        list.push_str(&joined(&hello.signature_schemes));
    }
    text.push_str(&hash_of(&list));
    Some(text)
}

fn version_code(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// First and last character of a protocol's name, or of its hexadecimal form where one of them is no letter or digit.
fn alpn_code(name: &[u8]) -> [char; 2] {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else { return ['0', '0'] };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [char::from(first), char::from(last)];
    }
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    [digit(first >> 4), digit(last & 15)]
}

fn sorted(numbers: &[u16]) -> String {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    joined(&numbers)
}

fn joined(numbers: &[u16]) -> String {
    let texts: Vec<String> = numbers.iter().map(|n| format!("{n:04x}")).collect();
    texts.join(",")
}

/// The first twelve hexadecimal digits of the list's SHA-256.
fn hash_of(list: &str) -> String {
    if list.is_empty() {
        return NOTHING.to_owned();
    }
    Sha256::digest(list.as_bytes()).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the description, GREASE already left out as the parser does.
    fn example() -> ClientHello<'static> {
        ClientHello {
            legacy_version: 0x0303,
            versions: vec![0x0304, 0x0303],
            cipher_suites: vec![
                0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
                0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012,
                0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
            ],
            signature_schemes: vec![0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601],
            alpn: vec![b"h2", b"http/1.1"],
            is_whole: true,
            ..ClientHello::default()
        }
    }

    #[test]
    fn the_example_of_the_description() {
        assert_eq!(ja4(&example()).as_deref(), Some("t13d1516h2_8daaf6152771_e5627efa2ab1"));
        let without = ClientHello { signature_schemes: Vec::new(), ..example() };
        assert_eq!(ja4(&without).as_deref(), Some("t13d1516h2_8daaf6152771_6d807ffa2a79"));
    }

    #[test]
    fn empty_lists_and_old_versions() {
        let bare = ClientHello { legacy_version: 0x0301, is_whole: true, ..ClientHello::default() };
        assert_eq!(ja4(&bare).as_deref(), Some("t10i000000_000000000000_000000000000"));
        let only_names = ClientHello { extensions: vec![0, 16], ..bare.clone() };
        assert_eq!(ja4(&only_names).as_deref(), Some("t10d000200_000000000000_000000000000"));
        let many = ClientHello { cipher_suites: (0..150).collect(), legacy_version: 0x7f17, ..bare.clone() };
        assert!(ja4(&many).is_some_and(|text| text.starts_with("t00i990000_")));
        assert_eq!(ja4(&ClientHello { is_whole: false, ..bare }), None);
    }

    #[test]
    fn names_of_protocols_as_in_the_description() {
        for (name, want) in [
            (&b"h2"[..], "h2"),
            (b"http/1.1", "h1"),
            (b"", "00"),
            (b"x", "xx"),
            (b"\xab", "ab"),
            (b"\xab\xcd", "ad"),
            (b"\x30\xab", "3b"),
            (b"\x30\x31\xab\xcd", "3d"),
            (b"\x30\xab\xcd\x31", "01"),
        ] {
            assert_eq!(alpn_code(name).iter().collect::<String>(), want, "{name:x?}");
        }
    }
}
