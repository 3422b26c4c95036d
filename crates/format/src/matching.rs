//! How names and paths are compared with what a user asks for (REQ-EVENT-002).
//!
//! Invariant: any bytes may come on either side; the time is bounded by the product of both lengths.

/// Whether `text` holds `part`, whatever the case of ASCII letters. An empty `part` is in everything.
pub fn contains(text: &[u8], part: &[u8]) -> bool {
    part.is_empty() || text.windows(part.len()).any(|w| w.eq_ignore_ascii_case(part))
}

/// Whether the whole `text` matches a pattern: `*` stands for any characters, also `/` and none; `?` for one. Nothing else is special.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when a match fails: after the last `*`, with one character more for it.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, t));
                continue;
            }
            Some(b'?') => {
                p += 1;
                t += character(&text[t..]);
                continue;
            }
            Some(&b) if b == text[t] => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = retry else { return false };
        retry = Some((after, from + 1));
        (p, t) = (after, from + 1);
    }
    pattern[p..].iter().all(|&b| b == b'*')
}

/// Length of the character that `text` starts with: one byte where it isn't UTF-8.
fn character(text: &[u8]) -> usize {
    let claimed = match text.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    match text.get(..claimed) {
        Some(bytes) if std::str::from_utf8(bytes).is_ok() => claimed,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_by_a_part_in_any_case() {
        assert!(contains(b"python3.11", b"PYTHON"));
        assert!(contains(b"x", b""));
        assert!(!contains(b"sh", b"bash"));
        assert!(contains(b"a\xffb", b"\xffB"));
    }

    #[test]
    fn globs_match_the_whole_path() {
        for (pattern, text, want) in [
            ("*.pem", "/etc/ssl/a.pem", true),
            ("*.pem", "/etc/ssl/a.pem.bak", false),
            ("/etc/*/a.???", "/etc/ssl/private/a.key", true),
            ("/etc/ssl", "/etc/ssl/a", false),
            ("a?c", "aäc", true),
            ("a??c", "aäc", false),
            ("*a*b", "xaxxab", true),
            ("**", "", true),
            ("", "", true),
            ("?", "", false),
            ("[a]", "a", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), want, "{pattern} {text}");
        }
        assert!(glob(b"?\xfe*", b"\xff\xfe\xfd"));
    }

    #[test]
    fn a_hostile_pattern_takes_no_long_time() {
        let pattern = b"*a".repeat(200);
        let text = b"a".repeat(150);
        assert!(!glob(&pattern, &text));
    }
}
