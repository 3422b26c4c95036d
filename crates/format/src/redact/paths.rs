//! Paths: which component names a person, and what is written in its place.
//!
//! Invariants:
//! - A path is walked component by component, `..` included, from the directory that it starts from; only what ends up
//!   in a person's place is replaced. All other bytes stay as the program gave them.
//! - What a redacted path leads to is the redaction of what the path leads to. `/root` becomes `/home/ROOT`, one level
//!   deeper, so a `..` that leaves it is written twice.
//! - Redacting twice changes nothing more.

use std::borrow::Cow;

/// A component of a rule's pattern.
enum Part {
    /// Exactly this.
    Is(&'static str),
    /// Any one component.
    Any,
}

use Part::{Any, Is};

/// What to do with the last component of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    /// A person's name.
    Person,
    /// The home of root.
    Root,
    /// A volume whose name may begin with that of a person.
    Volume,
    /// Not personal, but what follows starts at the root of a file system: of a container or of another process.
    NewRoot,
}

/// Where a pattern may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Anchor {
    /// At a root only.
    Root,
    /// Among the first [`NEAR`] components, outside of [`HOMELESS`] trees.
    Homes,
    /// Anywhere.
    Anywhere,
}

struct Rule {
    anchor: Anchor,
    parts: &'static [Part],
    action: Action,
}

const fn rule(anchor: Anchor, parts: &'static [Part], action: Action) -> Rule {
    Rule { anchor, parts, action }
}

/// The first rule that matches decides. (REQ-PRIVACY-001; homes are also in `/var/home`, `/export/home`, `/mnt/x/home`.)
const RULES: &[Rule] = &[
    rule(Anchor::Homes, &[Is("home"), Any], Action::Person),
    rule(Anchor::Root, &[Is("Users"), Any], Action::Person),
    rule(Anchor::Root, &[Is("data"), Is("users"), Any], Action::Person),
    rule(Anchor::Root, &[Is("media"), Any], Action::Person),
    rule(Anchor::Root, &[Is("run"), Is("media"), Any], Action::Person),
    rule(Anchor::Root, &[Is("root")], Action::Root),
    rule(Anchor::Anywhere, &[Is("docker"), Is("volumes"), Any], Action::Volume),
    rule(Anchor::Anywhere, &[Is("containers"), Is("storage"), Is("volumes"), Any], Action::Volume),
    rule(Anchor::Root, &[Is("proc"), Any, Is("root")], Action::NewRoot),
    rule(Anchor::Root, &[Is("proc"), Any, Is("task"), Any, Is("root")], Action::NewRoot),
    // Where these lead isn't known.
    rule(Anchor::Root, &[Is("proc"), Any, Is("cwd")], Action::NewRoot),
    rule(Anchor::Root, &[Is("proc"), Any, Is("task"), Any, Is("cwd")], Action::NewRoot),
    rule(Anchor::Root, &[Is("proc"), Any, Is("fd"), Any], Action::NewRoot),
    rule(Anchor::Root, &[Is("var"), Is("lib"), Is("machines"), Any], Action::NewRoot),
    // overlay2/ID/merged, overlay2/ID/diff, snapshots/N/fs, runtime/ID/rootfs, lxc/NAME/rootfs
    rule(Anchor::Anywhere, &[Is("merged")], Action::NewRoot),
    rule(Anchor::Anywhere, &[Is("diff")], Action::NewRoot),
    rule(Anchor::Anywhere, &[Is("snapshots"), Any, Is("fs")], Action::NewRoot),
    rule(Anchor::Anywhere, &[Is("rootfs")], Action::NewRoot),
];

/// Trees of the system, in which no container has its root.
const SYSTEM: &[&str] = &["etc", "usr", "lib", "lib64", "bin", "sbin", "boot", "sys", "dev"];

/// A folder `home` is among so many components.
const NEAR: usize = 4;

/// Trees of the system in which a folder `home` holds nobody's.
const HOMELESS: &[&[&str]] = &[
    &["etc"],
    &["usr"],
    &["lib"],
    &["lib64"],
    &["bin"],
    &["sbin"],
    &["boot"],
    &["sys"],
    &["dev"],
    &["opt"],
    &["proc", "sys"],
    &["var", "lib"],
];

/// What stands for a person, for root, and for the personal part of a volume's name.
const PERSON: &[u8] = b"USER";
const ROOT: &[u8] = b"ROOT";
const VOLUME: &[u8] = b"USERID";

/// A path without any of these has nothing to redact.
const HINTS: &[&[u8]] = &[b"home", b"root", b"volumes", b"media", b"Users", b"users"];

/// The directory that the walk is in.
#[derive(Default)]
struct Walk<'a> {
    /// Where the walk began isn't known: a `root` there is a folder like any other, until a `..` was seen.
    unknown: bool,
    /// Each component, where the root that holds for what follows begins, and whether it is written as two.
    stack: Vec<(&'a [u8], usize, bool)>,
}

/// What becomes of one component.
enum Step {
    Keep,
    Replace(&'static [u8]),
    /// The home of root: two components for one.
    RootHome,
    /// A volume: this many bytes of its name go.
    Volume(usize),
    /// One `..` more.
    Twice,
}

impl<'a> Walk<'a> {
    fn step(&mut self, component: &'a [u8]) -> Step {
        match component {
            b"" | b"." => return Step::Keep,
            b".." => {
                self.unknown = false;
                return match self.stack.pop() {
                    Some((_, _, true)) => Step::Twice,
                    _ => Step::Keep,
                };
            }
            _ => {}
        }
        let root = self.stack.last().map_or(0, |&(_, root, _)| root);
        self.stack.push((component, root, false));
        let Some(action) = RULES.iter().find(|rule| self.matches(rule, root)).map(|rule| rule.action) else {
            return Step::Keep;
        };
        let depth = self.stack.len();
        match (action, self.stack.last_mut()) {
            (Action::Person, _) => match component {
                b"USER" | b"ROOT" | b"*" => Step::Keep,
                _ => Step::Replace(PERSON),
            },
            (Action::Root, _) if self.unknown && root == 0 => Step::Keep,
            (Action::Root, Some(top)) => {
                top.2 = true;
                Step::RootHome
            }
            (Action::Volume, _) => match component.iter().rposition(|&b| b == b'_') {
                Some(at) if at > 0 && &component[..at] != VOLUME => Step::Volume(at),
                _ => Step::Keep,
            },
            (Action::NewRoot, Some(top)) => {
                top.1 = depth;
                Step::Keep
            }
            (_, None) => Step::Keep,
        }
    }

    fn matches(&self, rule: &Rule, root: usize) -> bool {
        let here = &self.stack[root.min(self.stack.len())..];
        let Some(start) = here.len().checked_sub(rule.parts.len()) else { return false };
        let anchored = match rule.anchor {
            Anchor::Root => start == 0,
            Anchor::Homes => {
                let inside = |tree: &&[&str]| {
                    tree.len() <= here.len() && tree.iter().zip(here).all(|(t, (c, ..))| t.as_bytes() == *c)
                };
                start < NEAR && !HOMELESS.iter().any(inside)
            }
            Anchor::Anywhere => {
                rule.action != Action::NewRoot
                    || !here.first().is_some_and(|(c, ..)| SYSTEM.iter().any(|s| s.as_bytes() == *c))
            }
        };
        anchored
            && rule.parts.iter().zip(&here[start..]).all(|(part, (component, ..))| match part {
                Is(s) => s.as_bytes() == *component,
                Any => true,
            })
    }
}

/// Redacts a path that starts at the root.
pub(super) fn absolute(path: &[u8]) -> Cow<'_, [u8]> {
    if !hinted(path) {
        return Cow::Borrowed(path);
    }
    walk(Walk { unknown: !path.starts_with(b"/"), ..Walk::default() }, path)
}

/// Redacts a path that starts from the directory `base` (before its own redaction), or at the root if it is absolute.
/// A base that isn't known (empty) counts as the root, so that `home/NAME` is caught.
pub(super) fn relative<'a>(base: &[u8], path: &'a [u8]) -> Cow<'a, [u8]> {
    if path.starts_with(b"/") {
        return absolute(path);
    }
    if !hinted(path) && !hinted(base) {
        return Cow::Borrowed(path);
    }
    let mut start = Walk { unknown: base.is_empty(), ..Walk::default() };
    for component in base.split(|&b| b == b'/') {
        start.step(component);
    }
    walk(start, path)
}

fn walk<'w, 'a: 'w>(mut at: Walk<'w>, path: &'a [u8]) -> Cow<'a, [u8]> {
    let mut out: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut begin = 0;
    for component in path.split(|&b| b == b'/') {
        let end = begin + component.len();
        let step = at.step(component);
        let text: &[&[u8]] = match &step {
            Step::Keep => &[],
            Step::Replace(with) => &[*with],
            Step::RootHome => &[b"home/", ROOT],
            Step::Volume(cut) => &[VOLUME, &component[*cut..]],
            Step::Twice => &[b"../.."],
        };
        if !text.is_empty() {
            let out = out.get_or_insert_with(|| Vec::with_capacity(path.len() + 8));
            out.extend_from_slice(&path[copied..begin]);
            text.iter().for_each(|t| out.extend_from_slice(t));
            copied = end;
        }
        begin = end + 1;
    }
    match out {
        None => Cow::Borrowed(path),
        Some(mut out) => {
            out.extend_from_slice(&path[copied..]);
            Cow::Owned(out)
        }
    }
}

/// Whether a path could hold anything to redact: one pass, nothing allocated.
pub(super) fn hinted(path: &[u8]) -> bool {
    path.iter().enumerate().any(|(i, b)| {
        matches!(b, b'h' | b'r' | b'v' | b'm' | b'U' | b'u')
            && HINTS.iter().any(|hint| path[i..].starts_with(hint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn persons_go_and_the_system_stays() {
        for (path, want) in [
            ("/home/john/app/certs/server.crt", "/home/USER/app/certs/server.crt"),
            ("/root/.ssh/id_rsa", "/home/ROOT/.ssh/id_rsa"),
            ("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt"),
            ("/home/john", "/home/USER"),
            ("/home/john/", "/home/USER/"),
            ("/home", "/home"),
            ("/home/", "/home/"),
            ("/root", "/home/ROOT"),
            ("/root/", "/home/ROOT/"),
            ("/rootfs/x", "/rootfs/x"),
            ("/homes/john", "/homes/john"),
            ("//home///john//x", "//home///USER//x"),
            ("/./home/./john/x", "/./home/./USER/x"),
            ("/var/home/john/x", "/var/home/USER/x"),
            ("/srv/home/john/x", "/srv/home/USER/x"),
            ("/export/home/john/x", "/export/home/USER/x"),
            ("/mnt/a/b/home/john", "/mnt/a/b/home/USER"),
            ("/mnt/a/b/c/home/john", "/mnt/a/b/c/home/john"),
            ("/usr/share/home/x", "/usr/share/home/x"),
            ("/etc/home/x", "/etc/home/x"),
            ("/opt/app/home/x", "/opt/app/home/x"),
            ("/proc/sys/home/x", "/proc/sys/home/x"),
            ("/var/lib/home/x", "/var/lib/home/x"),
            ("/media/john/usb", "/media/USER/usb"),
            ("/run/media/john/usb", "/run/media/USER/usb"),
            ("/Users/john/x", "/Users/USER/x"),
            ("/data/users/john/x", "/data/users/USER/x"),
            ("/proc/self/cwd/home/john", "/proc/self/cwd/home/USER"),
            ("/proc/7/cwd/../home/john", "/proc/7/cwd/../home/USER"),
            ("/proc/7/cwd/../../../home/john", "/proc/7/cwd/../../../home/USER"),
            ("/proc/7/fd/3/home/john", "/proc/7/fd/3/home/USER"),
            ("/usr/share/diff/root/x", "/usr/share/diff/root/x"),
            (
                "/var/lib/docker/volumes/john_data/_data/k.pem",
                "/var/lib/docker/volumes/USERID_data/_data/k.pem",
            ),
            ("/var/lib/docker/volumes/john_smith_data/x", "/var/lib/docker/volumes/USERID_data/x"),
            ("/var/lib/docker/volumes/pgdata/x", "/var/lib/docker/volumes/pgdata/x"),
            (
                "/home/a/.local/share/docker/volumes/a_data/x",
                "/home/USER/.local/share/docker/volumes/USERID_data/x",
            ),
            ("/proc/4711/root/home/john/x", "/proc/4711/root/home/USER/x"),
            ("/proc/4711/root/root/x", "/proc/4711/root/home/ROOT/x"),
            ("/proc/1/task/2/root/home/john", "/proc/1/task/2/root/home/USER"),
            ("/proc/self/root", "/proc/self/root"),
            (
                "/var/lib/docker/overlay2/ab12/merged/home/john/x",
                "/var/lib/docker/overlay2/ab12/merged/home/USER/x",
            ),
            ("/var/lib/docker/overlay2/ab12/diff/root/x", "/var/lib/docker/overlay2/ab12/diff/home/ROOT/x"),
            (
                "/run/containerd/io.containerd.runtime.v2.task/k8s.io/ab/rootfs/home/j/x",
                "/run/containerd/io.containerd.runtime.v2.task/k8s.io/ab/rootfs/home/USER/x",
            ),
            (
                "/home/bob/.local/share/containers/storage/overlay/1/merged/home/al/x",
                "/home/USER/.local/share/containers/storage/overlay/1/merged/home/USER/x",
            ),
            ("/var/lib/machines/deb/home/john/x", "/var/lib/machines/deb/home/USER/x"),
            ("/home/*/x.pem", "/home/*/x.pem"),
            ("", ""),
        ] {
            assert_eq!(text(&absolute(path.as_bytes())), want, "{path}");
            assert_eq!(text(&absolute(want.as_bytes())), want, "again: {want}");
        }
    }

    #[test]
    fn dots_lead_where_they_led() {
        for (base, path, want) in [
            ("/srv/app", "../../home/bob/x", "../../home/USER/x"),
            ("/home/alice", "../bob/x", "../USER/x"),
            ("/home/alice", "certs/x.pem", "certs/x.pem"),
            ("/home", "bob/x", "USER/x"),
            ("/", "home/bob/x", "home/USER/x"),
            ("/", "root/x", "home/ROOT/x"),
            ("/srv", "../root/x", "../home/ROOT/x"),
            ("/root/app", "../../etc/x", "../../../etc/x"),
            ("/root", "..", "../.."),
            ("/srv", "/root/../etc/x", "/home/ROOT/../../etc/x"),
            ("/etc", "/etc/../home/bob/x", "/etc/../home/USER/x"),
            ("", "../../home/bob/x", "../../home/USER/x"),
            ("", "root/x", "root/x"),
            ("", "../root/x", "../home/ROOT/x"),
            ("", "home/bob", "home/USER"),
            ("/srv", "root/x", "root/x"),
            ("/srv", "home/bob/x", "home/USER/x"),
            ("/opt/x", "home/bob/x", "home/bob/x"),
            ("/home/alice/src", "../../alice/x", "../../USER/x"),
        ] {
            let got = relative(base.as_bytes(), path.as_bytes());
            assert_eq!(text(&got), want, "{base} + {path}");
            let base = absolute(base.as_bytes());
            assert_eq!(text(&relative(&base, want.as_bytes())), want, "again: {} + {want}", text(&base));
        }
    }

    #[test]
    fn nothing_to_do_costs_no_copy() {
        for path in ["/etc/ssl/openssl.cnf", "/usr/lib/x86_64-linux-gnu/libssl.so.3", "/var/lib/x"] {
            assert!(matches!(absolute(path.as_bytes()), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn names_that_are_not_utf8_go_too() {
        assert_eq!(&*absolute(b"/home/\xff\xfe/x"), b"/home/USER/x");
    }

    fn component() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "home",
            "root",
            "bob",
            "USER",
            "ROOT",
            "..",
            ".",
            "",
            "var",
            "lib",
            "docker",
            "volumes",
            "a_b",
            "USERID_b",
            "proc",
            "self",
            "merged",
            "rootfs",
            "etc",
            "_",
            "snapshots",
            "fs",
            "machines",
            "task",
            "cwd",
            "media",
            "Users",
        ])
    }

    /// Where an absolute path leads, by its text.
    fn normal(path: &[u8]) -> Vec<u8> {
        let mut stack: Vec<&[u8]> = Vec::new();
        for c in path.split(|&b| b == b'/') {
            match c {
                b"" | b"." => {}
                b".." => drop(stack.pop()),
                c => stack.push(c),
            }
        }
        [b"/".as_slice(), &stack.join(&b'/')].concat()
    }

    proptest! {
        #[test]
        fn redacting_twice_is_redacting_once(base in prop::collection::vec(component(), 0..7), path in prop::collection::vec(component(), 0..9)) {
            let base = format!("/{}", base.join("/"));
            let path = path.join("/");
            let once = relative(base.as_bytes(), path.as_bytes()).into_owned();
            let base_once = absolute(base.as_bytes());
            prop_assert_eq!(text(&relative(&base_once, &once)), text(&once));
        }

        #[test]
        fn a_redacted_path_leads_to_the_redacted_file(base in prop::collection::vec(component(), 0..7), path in prop::collection::vec(component(), 1..9)) {
            let base = format!("/{}", base.join("/"));
            let path = path.join("/");
            let path = path.trim_start_matches('/');
            let want = absolute(&normal(format!("{base}/{path}").as_bytes())).into_owned();
            let joined = [&*absolute(base.as_bytes()), b"/", &relative(base.as_bytes(), path.as_bytes())].concat();
            prop_assert_eq!(text(&normal(&joined)), text(&want));
        }

        #[test]
        fn any_bytes_are_taken(base in prop::collection::vec(any::<u8>(), 0..40), path in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = relative(&base, &path);
            let _ = absolute(&path);
        }
    }
}
