//! The processes that the recorder knows: who they are, and whether they are wanted.
//!
//! Invariants:
//! - Fed by fork, exec and exit records and by the baseline, in the order in which they come.
//! - An entry outlives its process by two passes: what the kernel told through another ring comes a little later.
//! - Bounded by the number of processes; entries of processes whose end was lost go when their pid is used again.

use crypto_tracer_format::catalogue::files::basename;
use crypto_tracer_format::record::Header;
use std::collections::HashMap;

/// One process.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// As the kernel told it last: identity, user, cgroup, name.
    pub header: Header,
    /// Whether `--name` lets it through.
    pub wanted: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Processes {
    by_tgid: HashMap<u32, Known>,
    /// Those that ended in this pass and in the one before.
    ended: [Vec<(u32, u64)>; 2],
    names: Vec<Vec<u8>>,
    follow_children: bool,
}

impl Processes {
    /// `names`: what a process's name must contain one of, in any case; empty: all are wanted.
    pub fn new(names: &[String], follow_children: bool) -> Processes {
        let names = names.iter().map(|n| n.to_ascii_lowercase().into_bytes()).collect();
        Processes { names, follow_children, ..Processes::default() }
    }

    /// The process that has this tgid, or had it a moment ago.
    pub fn get(&self, tgid: u32) -> Option<&Known> {
        self.by_tgid.get(&tgid)
    }

    /// A process was created.
    pub fn forked(&mut self, child: &Header, ppid: u32) -> bool {
        let inherited = self.follow_children && self.by_tgid.get(&ppid).is_some_and(|p| p.wanted);
        let wanted = inherited || self.named(child.comm_bytes());
        self.by_tgid.insert(child.tgid, Known { header: *child, wanted });
        wanted
    }

    /// A process began a new program, or was found by the baseline.
    pub fn began(&mut self, header: &Header, ppid: u32, exe: &[u8], argv: &[u8]) -> bool {
        let first = argv.split(|&b| b == 0).next().unwrap_or_default();
        let known = self.by_tgid.get(&header.tgid);
        let inherited = self.follow_children
            && (known.is_some_and(|k| k.wanted && k.header.start_ticks() == header.start_ticks())
                || self.by_tgid.get(&ppid).is_some_and(|p| p.wanted));
        let wanted = inherited
            || self.named(header.comm_bytes())
            || self.named(basename(exe))
            || self.named(basename(first));
        self.by_tgid.insert(header.tgid, Known { header: *header, wanted });
        wanted
    }

    /// A process ended. Whether it was wanted.
    pub fn exited(&mut self, header: &Header) -> bool {
        self.ended[0].push((header.tgid, header.start_ticks()));
        self.passes(header)
    }

    /// Whether an event of this process is wanted.
    pub fn passes(&self, header: &Header) -> bool {
        self.names.is_empty()
            || self.by_tgid.get(&header.tgid).is_some_and(|k| k.wanted)
            || self.named(header.comm_bytes())
    }

    /// A pass is over: forgets the processes that ended in the pass before it.
    pub fn pass_ended(&mut self) {
        for (tgid, start) in std::mem::take(&mut self.ended[1]) {
            if self.by_tgid.get(&tgid).is_some_and(|k| k.header.start_ticks() == start) {
                self.by_tgid.remove(&tgid);
            }
        }
        self.ended.swap(0, 1);
    }

    fn named(&self, name: &[u8]) -> bool {
        self.names.is_empty()
            || self.names.iter().any(|n| name.windows(n.len().max(1)).any(|w| w.eq_ignore_ascii_case(n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(tgid: u32, comm: &str, start_ns: u64) -> Header {
        let mut h = Header { tgid, start_ns, ..Header::default() };
        h.comm[..comm.len()].copy_from_slice(comm.as_bytes());
        h
    }

    #[test]
    fn names_match_in_any_case_and_by_program() {
        let mut p = Processes::new(&["NGinx".into()], false);
        assert!(p.began(&header(1, "nginx", 10), 0, b"/usr/sbin/nginx", b"nginx\0"));
        assert!(p.began(&header(2, "master", 10), 0, b"/usr/sbin/nginx", b""));
        assert!(!p.began(&header(3, "sh", 10), 1, b"/bin/sh", b"sh\0-c\0nginx\0"));
        assert!(p.passes(&header(1, "renamed", 10)));
        assert!(!p.passes(&header(3, "sh", 10)));
        assert!(p.passes(&header(9, "xnginxx", 10)));
    }

    #[test]
    fn children_are_followed_when_asked_for() {
        for follow in [false, true] {
            let mut p = Processes::new(&["nginx".into()], follow);
            p.began(&header(1, "nginx", 10), 0, b"/usr/sbin/nginx", b"");
            p.forked(&header(2, "nginx", 20), 1);
            assert_eq!(p.began(&header(2, "sh", 20), 1, b"/bin/sh", b""), follow);
            assert_eq!(p.forked(&header(3, "sh", 30), 2), follow);
        }
    }

    #[test]
    fn an_ended_process_is_known_for_two_passes_unless_its_pid_is_used_again() {
        let mut p = Processes::new(&[], false);
        p.forked(&header(5, "a", 1_000_000_000), 1);
        p.exited(&header(5, "a", 1_000_000_000));
        p.pass_ended();
        assert!(p.get(5).is_some());
        p.pass_ended();
        assert!(p.get(5).is_none());
        p.forked(&header(5, "a", 1_000_000_000), 1);
        p.exited(&header(5, "a", 1_000_000_000));
        p.forked(&header(5, "b", 2_000_000_000), 1);
        p.pass_ended();
        p.pass_ended();
        assert_eq!(p.get(5).map(|k| k.header.start_ns), Some(2_000_000_000));
    }
}
