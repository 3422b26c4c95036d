//! Command lines as a shell would take them.
//!
//! Invariant: arguments can be told apart: one that holds a space or anything else that a shell treats is quoted.

/// The arguments of a record: each ended by NUL, the last one perhaps cut.
pub fn arguments(argv: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = argv.strip_suffix(b"\0").unwrap_or(argv);
    (!argv.is_empty()).then(|| whole.split(|&b| b == 0)).into_iter().flatten()
}

/// Appends the command line: arguments with a space between them, in single quotes where needed.
pub fn put_command_line(out: &mut Vec<u8>, argv: &[u8]) {
    for (index, argument) in arguments(argv).enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        if !argument.is_empty() && argument.iter().all(|&b| is_plain(b)) {
            out.extend_from_slice(argument);
            continue;
        }
        out.push(b'\'');
        for &byte in argument {
            match byte {
                b'\'' => out.extend_from_slice(b"'\\''"),
                _ => out.push(byte),
            }
        }
        out.push(b'\'');
    }
}

/// The command line as text; what isn't UTF-8 becomes U+FFFD.
pub fn command_line(argv: &[u8]) -> String {
    let mut out = Vec::with_capacity(argv.len() + 8);
    put_command_line(&mut out, argv);
    String::from_utf8_lossy(&out).into_owned()
}

/// Bytes that no shell treats.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || b"_@%+=:,./-".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_can_be_told_apart() {
        for (argv, want) in [
            (&b"nginx\0-g\0daemon off;\0"[..], "nginx -g 'daemon off;'"),
            (b"a\0\0b\0", "a '' b"),
            (b"sh\0-c\0echo it's\0", r"sh -c 'echo it'\''s'"),
            (b"\0", "''"),
            (b"", ""),
            (b"cut", "cut"),
            ("ü\0".as_bytes(), "ü"),
            (b"a\nb\0", "'a\nb'"),
        ] {
            assert_eq!(command_line(argv), want);
        }
        assert_eq!(arguments(b"a\0b").collect::<Vec<_>>(), [b"a", b"b"]);
        assert_eq!(arguments(b"").count(), 0);
    }
}
