//! Paths inside a text: an argument, a message, a list of folders.
//!
//! Invariants:
//! - A path begins at the first `/` after a byte that separates paths, or where a word begins with `home/`; it ends
//!   before the next such byte. Blanks separate, except in a text that is one path from its first byte on: there
//!   only a blank before `/` or `-` does.
//! - `~NAME` is a person as well.

use super::paths;
use std::borrow::Cow;

const SEPARATORS: &[u8] = b" \t\r\n\x0b\x0c\0:=,;|&<>()\"'`";

/// Redacts the paths in a text.
pub(super) fn redact(text: &[u8]) -> Cow<'_, [u8]> {
    if !paths::hinted(text) && !text.contains(&b'~') {
        return Cow::Borrowed(text);
    }
    let one_path = text.starts_with(b"/");
    let mut out: Option<Vec<u8>> = None;
    let (mut copied, mut at) = (0, 0);
    while at < text.len() {
        let len = text[at..]
            .iter()
            .enumerate()
            .position(|(i, &b)| {
                SEPARATORS.contains(&b) && !(one_path && b == b' ' && joins(&text[at + i + 1..]))
            })
            .unwrap_or(text.len() - at);
        let token = &text[at..at + len];
        let (skipped, redacted) = token_paths(token);
        if let Cow::Owned(redacted) = redacted {
            let out = out.get_or_insert_default();
            out.extend_from_slice(&text[copied..at + skipped]);
            out.extend_from_slice(&redacted);
            copied = at + len;
        }
        at += len + 1;
    }
    match out {
        None => Cow::Borrowed(text),
        Some(mut out) => {
            out.extend_from_slice(&text[copied..]);
            Cow::Owned(out)
        }
    }
}

/// Whether a blank before this is part of a path.
fn joins(after: &[u8]) -> bool {
    !matches!(after.first(), None | Some(b'/' | b'-' | b' '))
}

/// How much of a token precedes its path, and the path redacted.
fn token_paths(token: &[u8]) -> (usize, Cow<'_, [u8]>) {
    if let Some(rest) = token.strip_prefix(b"~") {
        let len = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
        let name = &rest[..len];
        let person = name.first().is_some_and(|b| b.is_ascii_lowercase() || *b >= 0x80);
        return match person && name != b"root" {
            true => (1, Cow::Owned([b"USER", &rest[len..]].concat())),
            false => (1, Cow::Borrowed(rest)),
        };
    }
    if token.starts_with(b"home/") {
        return (0, paths::relative(b"/", token));
    }
    match token.iter().position(|&b| b == b'/') {
        Some(at) => (at, paths::absolute(&token[at..])),
        None => (0, Cow::Borrowed(token)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn paths_are_found_where_they_stand() {
        for (line, want) in [
            ("--cert=/home/bob/x.pem", "--cert=/home/USER/x.pem"),
            ("-I/home/bob/include", "-I/home/USER/include"),
            ("/home/bob/a:/home/alice/b", "/home/USER/a:/home/USER/b"),
            ("file:///home/bob/x", "file:///home/USER/x"),
            ("host:/home/bob/x", "host:/home/USER/x"),
            ("https://h/home/bob", "https://h/home/USER"),
            ("cat /home/bob/x > /root/y", "cat /home/USER/x > /home/ROOT/y"),
            ("/home/John Doe/x", "/home/USER/x"),
            ("/bin/foo /home/bob", "/bin/foo /home/USER"),
            ("'/home/bob'", "'/home/USER'"),
            ("home/bob/x", "home/USER/x"),
            ("../../home/bob/x", "../../home/USER/x"),
            ("~bob/x ~/y ~root/z", "~USER/x ~/y ~root/z"),
            ("chown root:root /etc/x", "chown root:root /etc/x"),
            ("-u root", "-u root"),
            ("", ""),
        ] {
            assert_eq!(text(&redact(line.as_bytes())), want, "{line}");
        }
    }

    proptest! {
        #[test]
        fn redacting_twice_is_redacting_once(pieces in prop::collection::vec(prop::sample::select(vec![
            "/", "home", "root", "bob", " ", "..", ":", "=", "~", "'", "-", "var/lib/docker/volumes/", "a_b", "/proc/1/root", "\0", "x",
        ]), 0..14)) {
            let line = pieces.concat();
            let once = redact(line.as_bytes()).into_owned();
            prop_assert_eq!(text(&redact(&once)), text(&once));
        }
    }
}
