//! Words as a shell would take them apart, for arguments that hold a command line of their own.
//!
//! Invariants: words and the gaps between them make up the text, byte for byte; quotes stay part of their word;
//! a quote that isn't closed reaches to the end.

use std::ops::Range;

/// Where the words of a text lie.
pub(super) fn split(text: &[u8]) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut escaped = false;
    for (at, &b) in text.iter().enumerate() {
        if quote.is_none() && !escaped && b.is_ascii_whitespace() {
            if let Some(start) = start.take() {
                words.push(start..at);
            }
            continue;
        }
        start.get_or_insert(at);
        match (quote, b) {
            _ if escaped => escaped = false,
            (Some(b'\''), b'\'') => quote = None,
            (Some(b'\''), _) => {}
            (_, b'\\') => escaped = true,
            (Some(q), b) if q == b => quote = None,
            (None, b'\'' | b'"' | b'`') => quote = Some(b),
            _ => {}
        }
    }
    words.extend(start.map(|start| start..text.len()));
    words
}

/// Where the insides of a word's quotes lie.
pub(super) fn quoted(word: &[u8]) -> Vec<Range<usize>> {
    let mut inside = Vec::new();
    let mut open: Option<(u8, usize)> = None;
    let mut escaped = false;
    for (at, &b) in word.iter().enumerate() {
        match (open, b) {
            _ if escaped => escaped = false,
            (Some((q, from)), b) if q == b => {
                inside.push(from..at);
                open = None;
            }
            (Some((b'\'', _)), _) => {}
            (_, b'\\') => escaped = true,
            (None, b'\'' | b'"' | b'`') => open = Some((b, at + 1)),
            _ => {}
        }
    }
    inside.extend(open.map(|(_, from)| from..word.len()));
    inside
}

/// A word's opening quote, inside and closing quote, where it is quoted as a whole.
pub(super) fn unquote(word: &[u8]) -> (&[u8], &[u8], &[u8]) {
    match word {
        [q @ (b'\'' | b'"' | b'`'), .., end] if q == end => {
            (&word[..1], &word[1..word.len() - 1], &word[word.len() - 1..])
        }
        [b'\'' | b'"' | b'`', ..] => (&word[..1], &word[1..], &[]),
        _ => (&[], word, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        split(text.as_bytes()).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn words_are_those_of_a_shell() {
        assert_eq!(words("a  b\tc\n"), ["a", "b", "c"]);
        assert_eq!(words("a 'b c' d"), ["a", "'b c'", "d"]);
        assert_eq!(words(r#"x="a \" b" y"#), [r#"x="a \" b""#, "y"]);
        assert_eq!(words(r"a\ b c"), [r"a\ b", "c"]);
        assert_eq!(words("don't stop"), ["don't stop"]);
        assert_eq!(words("  "), Vec::<&str>::new());
    }

    #[test]
    fn the_insides_of_quotes_are_found() {
        let text = r#"a'b c'"d"'e"#;
        let inside: Vec<&str> = quoted(text.as_bytes()).into_iter().map(|r| &text[r]).collect();
        assert_eq!(inside, ["b c", "d", "e"]);
        assert_eq!(unquote(b"'x'"), (&b"'"[..], &b"x"[..], &b"'"[..]));
        assert_eq!(unquote(b"'"), (&b"'"[..], &b""[..], &b""[..]));
        assert_eq!(unquote(b"x"), (&b""[..], &b"x"[..], &b""[..]));
    }
}
