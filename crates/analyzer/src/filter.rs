//! Which events are shown.
//!
//! Invariants (REQ-EVENT-002):
//! - Options are AND-ed; of the values of one option any may match.
//! - An option about files lets only file opens pass, one about libraries only library loads and calls.
//! - A gap is never hidden by an option about processes, for what is missing may have been theirs; an option about files or
//!   libraries lets pass the gaps that may have held some.

use crypto_tracer_format::catalogue::{files::basename, libraries::family_of};
use crypto_tracer_format::record::Fact;

use crate::event::{Body, Event, EventType, Loss};
use crate::identity::State;
use crate::sink::Range;
use crypto_tracer_format::matching::{contains, glob};

/// What is asked for. Empty lists ask for nothing in particular.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `--pid`.
    pub pids: Vec<u32>,
    /// `--name`: see [`name_matches`].
    pub names: Vec<String>,
    /// `--library`: part of the path, or of the family's name (`openssl`), in any case.
    pub libraries: Vec<String>,
    /// `--file`: see [`glob_matches`]; against the path as shown and as given.
    pub files: Vec<String>,
    /// `--type`.
    pub types: Vec<EventType>,
    /// `--uid`.
    pub uids: Vec<u32>,
    /// `--container`: the id or name, or its beginning, as `record` has it.
    pub containers: Vec<String>,
    /// `--since`, `--until`.
    pub range: Range,
}

impl Filter {
    /// Whether the event is asked for.
    pub fn passes(&self, event: &Event<'_>) -> bool {
        (self.types.is_empty() || self.types.contains(&event.body.event_type()))
            && self.range.contains(event.wall_ns)
            && self.passes_body(&event.body)
            && event.actor.is_none_or(|actor| self.passes_state(actor.state))
    }

    fn passes_state(&self, state: &State) -> bool {
        (self.pids.is_empty() || self.pids.contains(&state.tgid))
            && (self.uids.is_empty() || state.uid.is_some_and(|uid| self.uids.contains(&uid)))
            && (self.names.is_empty() || self.names.iter().any(|n| name_matches(n, &state.name)))
            && (self.containers.is_empty()
                || state
                    .container
                    .as_ref()
                    .is_some_and(|id| self.containers.iter().any(|c| id.starts_with(c))))
    }

    fn passes_body(&self, body: &Body<'_>) -> bool {
        let of_files = self.files.is_empty()
            || match body {
                Body::FileOpen(open) => self.files.iter().any(|glob| {
                    glob_matches(glob.as_bytes(), open.path)
                        || open.given.is_some_and(|given| glob_matches(glob.as_bytes(), given))
                }),
                Body::Loss(loss) => may_concern(loss, Fact::FileOpen),
                _ => false,
            };
        of_files
            && (self.libraries.is_empty()
                || match body {
                    Body::LibLoad(load) => self.libraries.iter().any(|l| library_matches(l, load.path)),
                    Body::ApiCall(call) => self.libraries.iter().any(|library| {
                        library_matches(library, call.library) || contains(call.family, library.as_bytes())
                    }),
                    Body::Loss(loss) => may_concern(loss, Fact::LibLoad) || may_concern(loss, Fact::ApiCall),
                    _ => false,
                })
    }
}

fn may_concern(loss: &Loss, fact: Fact) -> bool {
    loss.fact == Loss::CAPTURE || loss.fact == fact.number()
}

/// Whether the name holds the pattern, in any case of ASCII letters. The kernel keeps 15 bytes of a name: a longer pattern
/// matches the name that it would be cut to.
pub fn name_matches(pattern: &str, name: &[u8]) -> bool {
    const KEPT: usize = 15;
    let pattern = pattern.as_bytes();
    contains(name, pattern)
        || (pattern.len() > KEPT
            && name.len() == KEPT
            && pattern.get(..KEPT).is_some_and(|p| p.eq_ignore_ascii_case(name)))
}

/// Whether the library's path, or the name of its family, holds the pattern, in any case.
pub fn library_matches(pattern: &str, path: &[u8]) -> bool {
    contains(path, pattern.as_bytes())
        || family_of(path).is_some_and(|family| contains(family.name.as_bytes(), pattern.as_bytes()))
}

/// Whether the whole path matches: `*` stands for any bytes (`/` too), `?` for one character; all else for itself.
/// A pattern without `/` may match the last component alone: `--file server.crt`.
pub fn glob_matches(pattern: &[u8], path: &[u8]) -> bool {
    glob(pattern, path) || (!pattern.contains(&b'/') && glob(pattern, basename(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, path, want) in [
            ("/etc/ssl/*.pem", "/etc/ssl/a.pem", true),
            ("/etc/ssl/*.pem", "/etc/ssl/sub/a.pem", true),
            ("/etc/ssl/*.pem", "/etc/ssl/a.pem.bak", false),
            ("*.pem", "/etc/ssl/a.pem", true),
            ("server.crt", "/etc/ssl/server.crt", true),
            ("server.crt", "/etc/ssl/myserver.crt", false),
            ("*ssl*", "/etc/ssl/server.crt", true),
            ("/etc/ssl/server.crt", "/etc/ssl/server.crt", true),
            ("/etc/?sl/x", "/etc/ssl/x", true),
            ("/etc/?sl/x", "/etc/sl/x", false),
            ("/?", "/ü", true),
            ("/??", "/ü", false),
            ("*a*b*c", "xaybzc", true),
            ("*a*b*c", "xaybz", false),
            ("/[a]", "/a", false),
            ("/[a]", "/[a]", true),
            ("*", "", true),
            ("", "", true),
            ("/etc/SSL/x", "/etc/ssl/x", false),
            ("**/x", "/a/x", true),
        ] {
            assert_eq!(glob_matches(pattern.as_bytes(), path.as_bytes()), want, "{pattern} {path}");
        }
        assert!(glob_matches(b"/?x", b"/\xffx"));
    }

    #[test]
    fn names_and_libraries_in_any_case() {
        assert!(name_matches("NGI", b"nginx"));
        assert!(!name_matches("nginx2", b"nginx"));
        assert!(name_matches("systemd-resolved", b"systemd-resolve"));
        assert!(!name_matches("systemd-resolved", b"systemd-resolv"));
        assert!(library_matches("libssl", b"/usr/lib/libssl.so.3"));
        assert!(library_matches("openssl", b"/usr/lib/libcrypto.so.3"));
        assert!(!library_matches("gnutls", b"/usr/lib/libcrypto.so.3"));
    }
}
