//! JSON of the event stream, written by hand: the one hot path of the analyzer's output.
//!
//! Invariants:
//! - What is written is valid JSON, whatever bytes come in; tests hold it against a parser.
//! - Nothing is lost: a string that isn't UTF-8 holds U+FFFD where it is not, and a field `<name>_hex` beside it holds all its bytes.
//! - No control character (C0, DEL, C1) reaches the output as it is.

pub mod event;
pub mod time;

/// Appends `,"name":` and the string.
pub fn put_text(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    put_name(out, name);
    match std::str::from_utf8(value) {
        Ok(text) => put_string(out, text),
        Err(_) => {
            put_string(out, &String::from_utf8_lossy(value));
            put_hex(out, name, value);
        }
    }
}

/// Appends `,"name_hex":"…"`.
pub fn put_hex(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"_hex\":\"");
    for byte in value {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'"');
}

/// Appends `,"name":` and the number.
pub fn put_number(out: &mut Vec<u8>, name: &str, value: impl itoa::Integer) {
    put_name(out, name);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends `,"name":true`.
pub fn put_true(out: &mut Vec<u8>, name: &str) {
    put_name(out, name);
    out.extend_from_slice(b"true");
}

/// Appends `,"name":`; names are ours, and need no escapes.
pub fn put_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a JSON string with its quotes.
pub fn put_string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut done = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if !NOTABLE[usize::from(byte)] {
            continue;
        }
        // A C1 control is 0xc2 and one byte from 0x80 to 0x9f; other characters that begin with 0xc2 stay.
        let (code, len) = match (byte, bytes.get(at + 1)) {
            (0xc2, Some(&next)) if next < 0xa0 => (next, 2),
            (0xc2, _) => continue,
            _ => (byte, 1),
        };
        out.extend_from_slice(&bytes[done..at]);
        put_escape(out, code);
        done = at + len;
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}

fn put_escape(out: &mut Vec<u8>, code: u8) {
    let short = match code {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.push(DIGITS[usize::from(code >> 4)]);
            out.push(DIGITS[usize::from(code & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// The bytes at which [`put_string`] has to stop and look.
const NOTABLE: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 0x20 {
        table[i] = true;
        i += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[0x7f] = true;
    table[0xc2] = true;
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &[u8]) -> (String, serde_json::Value) {
        let mut out = b"{\"a\":1".to_vec();
        put_text(&mut out, "s", value);
        out.push(b'}');
        let text = String::from_utf8(out).unwrap();
        let parsed = serde_json::from_str(&text).unwrap();
        (text, parsed)
    }

    #[test]
    fn every_byte_survives() {
        for byte in 0..=255u8 {
            for value in [vec![byte], vec![b'a', byte, b'b'], vec![0xc2, byte], vec![byte; 3]] {
                let (text, parsed) = object(&value);
                match std::str::from_utf8(&value) {
                    Ok(s) => {
                        assert_eq!(parsed["s"], s);
                        assert!(parsed.get("s_hex").is_none());
                    }
                    Err(_) => {
                        let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
                        assert_eq!(parsed["s_hex"], hex);
                        assert_eq!(parsed["s"], String::from_utf8_lossy(&value).as_ref());
                    }
                }
                assert!(!text.chars().any(char::is_control), "{text:?}");
            }
        }
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(object("/etc/ssl/Ä°é→.pem".as_bytes()).0, "{\"a\":1,\"s\":\"/etc/ssl/Ä°é→.pem\"}");
        assert_eq!(object(b"a\"b\\c\nd\x1b[2J").0, r#"{"a":1,"s":"a\"b\\c\nd\u001b[2J"}"#);
        assert_eq!(object("x\u{9b}2J".as_bytes()).0, r#"{"a":1,"s":"x\u009b2J"}"#);
    }

    #[test]
    fn numbers_and_flags() {
        let mut out = b"{\"a\":1".to_vec();
        put_number(&mut out, "n", i64::MIN);
        put_true(&mut out, "t");
        out.push(b'}');
        assert_eq!(out, br#"{"a":1,"n":-9223372036854775808,"t":true}"#);
    }
}
