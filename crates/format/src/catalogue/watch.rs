//! Files that a user asks for besides the catalogue's: `--watch PATTERN`.
//!
//! Invariants:
//! - A pattern without `/` is about the last component, any other about the whole path. `*` stands for any characters,
//!   `?` for one. One that contains a `/` but begins with neither `/` nor `*` may begin at any folder.
//! - The kernel compares a simpler [`Pattern`] that lets through all that the glob matches; the recorder compares the rest.
//!   A glob without a literal end or a literal absolute beginning would let through every open of the host: it is refused.

use super::Pattern;
use super::files::basename;
use crate::matching::glob;

/// A pattern that can't be watched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// Nothing was given.
    #[error("expected `*.ext`, a name, a path or a glob; got nothing")]
    Empty,
    /// It would match by its middle alone.
    #[error(
        "expected a pattern that says how the name ends (`*.conf`, `vault-*.bin`, `token`) or in which folder the file is \
         (`/srv/secrets/*`); `{0}` says neither, so that every open of the host would have to be looked at"
    )]
    TooWide(String),
    /// Longer than the kernel's tables take.
    #[error("expected at most {max} bytes before the first `*` or `?`; `{text}` has {len}")]
    TooLong {
        /// The pattern.
        text: String,
        /// Length of its literal beginning.
        len: usize,
        /// What fits.
        max: usize,
    },
}

/// What the kernel compares of an end: the rest is the recorder's.
const END_BYTES: usize = 31;
/// What the kernel compares of a beginning.
const BEGINNING_BYTES: usize = 127;

/// A pattern of the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    glob: Vec<u8>,
    of_name: bool,
    kernel: Pattern,
}

impl Watch {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`WatchError`]: what is expected instead.
    pub fn parse(text: &str) -> Result<Watch, WatchError> {
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return Err(WatchError::Empty);
        }
        let wild = |b: &u8| matches!(b, b'*' | b'?');
        let of_name = !bytes.contains(&b'/');
        let glob = if of_name || wild(&bytes[0]) || bytes[0] == b'/' {
            bytes.to_vec()
        } else {
            [b"*/", bytes].concat()
        };
        let end = glob.rsplit(wild).next().unwrap_or_default();
        let beginning = glob.split(wild).next().unwrap_or_default();
        let whole = end.len() == glob.len();
        let kernel = if whole && !of_name {
            Pattern::Path(glob.clone())
        } else if whole {
            Pattern::Name(glob.clone())
        } else if let Some(at) = end.iter().rposition(|&b| b == b'/').filter(|at| at + 1 < end.len()) {
            // The last component is literal: a path given relative to its folder has nothing else.
            Pattern::Name(end[at + 1..].to_vec())
        } else if !end.is_empty() && !end.contains(&b'/') {
            Pattern::Suffix(end.to_vec())
        } else if beginning.len() > 1 && beginning[0] == b'/' {
            Pattern::Prefix(beginning.to_vec())
        } else {
            return Err(WatchError::TooWide(text.into()));
        };
        let kernel = match kernel {
            Pattern::Suffix(s) if s.len() > END_BYTES => Pattern::Suffix(s[s.len() - END_BYTES..].to_vec()),
            Pattern::Name(n) if n.len() >= END_BYTES => {
                Pattern::Suffix(n[n.len() - END_BYTES + 1..].to_vec())
            }
            Pattern::Path(p) => {
                // Given relative to its folder, only the last component is there to be seen.
                let name = basename(&p);
                match name.len() {
                    0 => return Err(WatchError::TooWide(text.into())),
                    n if n >= END_BYTES => Pattern::Suffix(name[n - END_BYTES + 1..].to_vec()),
                    _ => Pattern::Name(name.to_vec()),
                }
            }
            Pattern::Prefix(p) if p.len() > BEGINNING_BYTES => {
                return Err(WatchError::TooLong { text: text.into(), len: p.len(), max: BEGINNING_BYTES });
            }
            other => other,
        };
        Ok(Watch { glob, of_name, kernel })
    }

    /// What the kernel compares.
    pub fn kernel(&self) -> &Pattern {
        &self.kernel
    }

    /// Whether an absolute, normalized path matches.
    pub fn matches(&self, path: &[u8]) -> bool {
        glob(&self.glob, if self.of_name { basename(path) } else { path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(text: &str) -> Pattern {
        Watch::parse(text).map(|w| w.kernel).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn a_pattern_is_reduced_to_what_the_kernel_compares() {
        assert_eq!(kernel("*.conf"), Pattern::Suffix(b".conf".into()));
        assert_eq!(kernel("vault-*.bin"), Pattern::Suffix(b".bin".into()));
        assert_eq!(kernel("token"), Pattern::Name(b"token".into()));
        assert_eq!(kernel("/srv/a/token"), Pattern::Name(b"token".into()));
        assert_eq!(kernel("/srv/*/token"), Pattern::Name(b"token".into()));
        assert_eq!(kernel("certs/*.txt"), Pattern::Suffix(b".txt".into()));
        assert_eq!(kernel("/srv/secrets/*"), Pattern::Prefix(b"/srv/secrets/".into()));
        assert_eq!(kernel(&format!("*{}", "x".repeat(40))), Pattern::Suffix("x".repeat(31).into()));
        assert_eq!(kernel(&"y".repeat(40)), Pattern::Suffix("y".repeat(30).into()));
    }

    #[test]
    fn what_the_glob_matches_passes_the_kernel() {
        for (text, path) in [
            ("*.conf", "/etc/a.conf"),
            ("token", "/srv/token"),
            ("/srv/*/token", "/srv/a/b/token"),
            ("certs/*.txt", "/srv/certs/a.txt"),
            ("/srv/secrets/*", "/srv/secrets/deep/er"),
            ("/etc/app/x", "/etc/app/x"),
        ] {
            let watch = Watch::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert!(watch.matches(path.as_bytes()), "{text} {path}");
            assert!(watch.kernel.matches(path.as_bytes()), "{text} {path}");
        }
        let watch = Watch::parse("/srv/*/token").unwrap_or_else(|e| panic!("{e}"));
        assert!(!watch.matches(b"/etc/token"), "the recorder looks at the rest");
    }

    #[test]
    fn what_would_match_everything_is_refused() {
        for text in ["*", "*/secrets/*", "token-*", "???", "/", "/*", "*/"] {
            assert!(matches!(Watch::parse(text), Err(WatchError::TooWide(_))), "{text}");
        }
        assert_eq!(Watch::parse(""), Err(WatchError::Empty));
        let long = format!("/{}*", "d".repeat(200));
        assert!(matches!(Watch::parse(&long), Err(WatchError::TooLong { len: 201, .. })));
    }
}
