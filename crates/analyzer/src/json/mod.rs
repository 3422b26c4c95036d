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
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"_hex\":");
    put_quoted_hex(out, value);
}

fn put_quoted_hex(out: &mut Vec<u8>, value: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
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

/// Appends an object; `fields` writes each field with a comma before it, as the functions above do.
pub fn put_object(out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.push(b'{');
    fields(out);
    if out.get(start + 1) == Some(&b',') {
        out.remove(start + 1);
    }
    out.push(b'}');
}

/// Appends `,"name":[…]` of numbers.
pub fn put_numbers<N: itoa::Integer>(out: &mut Vec<u8>, name: &str, numbers: impl Iterator<Item = N>) {
    put_array(out, name, numbers, |out, n| out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes()));
}

/// Appends `,"name":[…]` of strings that are known to be text.
pub fn put_names(out: &mut Vec<u8>, name: &str, names: impl Iterator<Item = impl AsRef<str>>) {
    put_array(out, name, names, |out, text| put_string(out, text.as_ref()));
}

/// Appends `,"name":[…]` of strings of any bytes; where one isn't UTF-8, also `,"name_hex":[…]` with `null` for those that are.
pub fn put_texts(out: &mut Vec<u8>, name: &str, texts: &[&[u8]]) {
    put_array(out, name, texts.iter(), |out, text| put_string(out, &String::from_utf8_lossy(text)));
    if texts.iter().any(|text| std::str::from_utf8(text).is_err()) {
        put_array(out, &format!("{name}_hex"), texts.iter(), |out, text| match std::str::from_utf8(text) {
            Ok(_) => out.extend_from_slice(b"null"),
            Err(_) => put_quoted_hex(out, text),
        });
    }
}

fn put_array<T>(
    out: &mut Vec<u8>,
    name: &str,
    items: impl Iterator<Item = T>,
    mut put: impl FnMut(&mut Vec<u8>, T),
) {
    put_name(out, name);
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(out, item);
    }
    out.push(b']');
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
    fn objects_and_lists() {
        let mut out = Vec::new();
        put_object(&mut out, |_| {});
        put_object(&mut out, |out| {
            put_numbers(out, "n", [1u16, 2].into_iter());
            put_names(out, "s", ["a\"", "b"].into_iter());
            put_texts(out, "t", &[b"h2"]);
            put_texts(out, "u", &[b"x\xff", b"y"]);
            put_numbers(out, "none", std::iter::empty::<u16>());
        });
        let want =
            r#"{}{"n":[1,2],"s":["a\"","b"],"t":["h2"],"u":["x\ufffd","y"],"u_hex":["78ff",null],"none":[]}"#;
        assert_eq!(String::from_utf8(out).unwrap(), want.replace("\\ufffd", "\u{fffd}"));
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
