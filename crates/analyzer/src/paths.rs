//! Paths as they are shown.
//!
//! Invariants:
//! - Lexical only: the analyzer runs elsewhere and later, and can't ask the file system (so `a/../b` is `b`, also where `a` was a link).
//! - What is normal already is borrowed, not copied.

/// The path that a program gave, joined to its directory and without `.`, `..` and double slashes. `scratch` holds it where
/// it had to be made. A relative path without a directory stays relative.
pub fn shown<'a>(dir: &[u8], given: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let is_absolute = given.first() == Some(&b'/');
    if (is_absolute || dir.is_empty()) && is_normal(given) {
        return given;
    }
    scratch.clear();
    if !is_absolute {
        put_normal(scratch, dir);
    }
    if scratch.is_empty() && (is_absolute || dir.first() == Some(&b'/')) {
        scratch.push(b'/');
    }
    put_normal(scratch, given);
    if scratch.is_empty() {
        scratch.push(b'.');
    }
    scratch
}

/// Appends the components, resolving `.` and `..` against what is there.
fn put_normal(out: &mut Vec<u8>, path: &[u8]) {
    let rooted = out.first() == Some(&b'/') || (out.is_empty() && path.first() == Some(&b'/'));
    if rooted && out.is_empty() {
        out.push(b'/');
    }
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => put_parent(out, rooted),
            _ => {
                put_slash(out);
                out.extend_from_slice(part);
            }
        }
    }
}

fn put_slash(out: &mut Vec<u8>) {
    if !out.is_empty() && out.last() != Some(&b'/') {
        out.push(b'/');
    }
}

fn put_parent(out: &mut Vec<u8>, rooted: bool) {
    let last = out.rsplit(|&b| b == b'/').next().unwrap_or_default();
    if last.is_empty() || last == b".." {
        // Above the root is the root; above an unknown directory is `..`.
        if !rooted {
            put_slash(out);
            out.extend_from_slice(b"..");
        }
        return;
    }
    let keep = out.len() - last.len();
    out.truncate(keep);
    if out.len() > 1 {
        out.pop();
    }
}

/// Whether there is nothing to resolve: no empty, `.` or `..` component.
fn is_normal(path: &[u8]) -> bool {
    let rest = path.strip_prefix(b"/").unwrap_or(path);
    rest.is_empty() && !path.is_empty()
        || rest.split(|&b| b == b'/').all(|p| !matches!(p, b"" | b"." | b".."))
}

/// What the kernel appends to the name of a mapped file that is gone.
const DELETED: &[u8] = b" (deleted)";

/// The path without the kernel's ` (deleted)`, and whether that was there.
pub fn without_deleted(path: &[u8]) -> (&[u8], bool) {
    match path.strip_suffix(DELETED) {
        Some(path) => (path, true),
        None => (path, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_and_normal() {
        for (dir, given, want) in [
            ("/home/a", "x.pem", "/home/a/x.pem"),
            ("/home/a", "./x.pem", "/home/a/x.pem"),
            ("/home/a", "../b//x.pem", "/home/b/x.pem"),
            ("/home/a/", "../../../../x", "/x"),
            ("/", "x", "/x"),
            ("/", "..", "/"),
            ("", "/etc/ssl/x", "/etc/ssl/x"),
            ("", "/etc//ssl/./y/../x/", "/etc/ssl/x"),
            ("/ignored", "/abs", "/abs"),
            ("", "rel/x", "rel/x"),
            ("", "rel/../../x", "../x"),
            ("", "../../x", "../../x"),
            ("cut/dir", "../x", "cut/x"),
            ("", "/", "/"),
            ("", "", "."),
            ("/a", "", "/a"),
            ("", "/..", "/"),
            ("", "...", "..."),
            ("", "a/..", "."),
        ] {
            let mut scratch = Vec::new();
            let got = shown(dir.as_bytes(), given.as_bytes(), &mut scratch);
            assert_eq!(String::from_utf8_lossy(got), want, "{dir:?} + {given:?}");
        }
    }

    #[test]
    fn normal_paths_are_not_copied() {
        let given = b"/etc/ssl/cert.pem";
        let mut scratch = Vec::new();
        assert_eq!(shown(b"", given, &mut scratch).as_ptr(), given.as_ptr());
    }

    #[test]
    fn deleted_files() {
        assert_eq!(without_deleted(b"/x.so (deleted)"), (&b"/x.so"[..], true));
        assert_eq!(without_deleted(b"/x.so"), (&b"/x.so"[..], false));
    }
}
