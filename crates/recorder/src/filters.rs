//! What is recorded, in the two forms that it takes: tables for the kernel programs, and questions for the recorder.
//!
//! Invariant: what the kernel lets through, the recorder lets through as well; names and globs it decides alone.

use crate::baseline::{Baseline, ProcessIdentity};
use crate::error::RecordError;
use crate::options::RecordOptions;
use crate::probes::config::{Config, ConfigError, MAX_FILTER, MAX_PIDS};
use crate::probes::object::Tables;
use crypto_tracer_format::catalogue::files::{builtin_patterns, file_type};
use crypto_tracer_format::catalogue::{Pattern, Watch};
use crypto_tracer_format::container::container_id;
use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where cgroup2 is mounted, alone or beside v1.
const CGROUP2: &[&str] = &["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The filters of one recording.
#[derive(Debug, Default)]
pub struct Filters {
    /// Chosen processes; grows by their children where those are followed.
    pids: HashSet<u32>,
    by_pid: bool,
    follow: bool,
    uids: HashSet<u32>,
    cgroups: HashSet<u64>,
    watches: Vec<Watch>,
    /// The catalogue's patterns and those that the watches come down to.
    pub patterns: Vec<Pattern>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

fn refused(option: &'static str, value: impl Into<String>, why: impl Into<String>) -> RecordError {
    RecordError::Filter { option, value: value.into(), why: why.into() }
}

impl Filters {
    /// Reads the options and finds the containers and cgroups that they name.
    ///
    /// # Errors
    /// [`RecordError::Filter`]: what can't be understood, or names nothing that is there.
    pub fn resolve(options: &RecordOptions, baseline: &mut Baseline) -> Result<Filters, RecordError> {
        let mut filters = Filters {
            pids: options.pids.iter().copied().collect(),
            by_pid: !options.pids.is_empty(),
            follow: options.follow_children,
            uids: options.uids.iter().copied().collect(),
            patterns: builtin_patterns(),
            ..Filters::default()
        };
        for text in &options.watch {
            let watch = Watch::parse(text).map_err(|e| refused("--watch", text, e.to_string()))?;
            filters.patterns.push(watch.kernel().clone());
            filters.watches.push(watch);
        }
        for pid in &options.pids {
            if !Path::new("/proc").join(pid.to_string()).exists() {
                return Err(refused("--pid", pid.to_string(), "there is no such process"));
            }
        }
        for path in &options.cgroups {
            filters.cgroup(path)?;
        }
        for id in &options.containers {
            filters.container(id, baseline)?;
        }
        let limits = [
            ("--pid", filters.pids.len(), MAX_PIDS),
            ("--uid", filters.uids.len(), MAX_FILTER),
            ("--cgroup", filters.cgroups.len(), MAX_FILTER),
        ];
        match limits.iter().find(|(_, have, max)| have > max) {
            Some((option, have, max)) => Err(refused(option, have.to_string(), format!("at most {max} fit"))),
            None => Ok(filters),
        }
    }

    fn cgroup(&mut self, given: &Path) -> Result<(), RecordError> {
        let relative = given.strip_prefix("/").unwrap_or(given);
        let candidates =
            std::iter::once(given.to_path_buf()).chain(CGROUP2.iter().map(|at| Path::new(at).join(relative)));
        let is_cgroup2 =
            |path: &PathBuf| path.join("cgroup.procs").exists() && path.join("cgroup.controllers").exists();
        let Some(folder) = candidates.into_iter().find(is_cgroup2) else {
            return Err(refused(
                "--cgroup",
                given.display().to_string(),
                "expected a folder of the cgroup2 file system, usually below /sys/fs/cgroup",
            ));
        };
        let mut folders = vec![folder];
        // Cgroups made later, below these, the kernel finds by itself.
        while let Some(folder) = folders.pop() {
            if let Ok(meta) = folder.metadata() {
                self.cgroups.insert(meta.ino());
            }
            let below = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            folders.extend(below.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()));
        }
        Ok(())
    }

    /// By the cgroup where cgroup2 tells containers apart, else by the processes that are in it now, and their children.
    fn container(&mut self, id: &str, baseline: &mut Baseline) -> Result<(), RecordError> {
        let (mut found, mut by_cgroup, mut tgids) = (false, HashSet::new(), Vec::new());
        let names = |path: &[u8]| container_id(path).is_some_and(|full| full.starts_with(id));
        baseline.identities(&mut |who: ProcessIdentity| {
            if id.is_empty() || !names(&who.cgroup_path) {
                return;
            }
            found = true;
            tgids.push(who.tgid);
            let text = std::fs::read(format!("/proc/{}/cgroup", who.tgid)).unwrap_or_default();
            let v2 = text.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(b"0::"));
            if who.cgroup != 0 && v2.is_some_and(names) {
                by_cgroup.insert(who.cgroup);
            }
        });
        if !found {
            return Err(refused("--container", id, "no process is in a container of that id"));
        }
        if by_cgroup.is_empty() {
            self.by_pid = true;
            self.follow = true;
            self.pids.extend(tgids);
            self.warnings.push(format!(
                "this host's cgroups (v1) don't tell containers apart in the kernel: of container {id} the processes that \
                 are there now are recorded, and their children; one that is sent into it later is not"
            ));
        } else {
            self.cgroups.extend(by_cgroup);
        }
        Ok(())
    }

    /// For the kernel programs.
    ///
    /// # Errors
    /// More patterns than fit.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut config = Config::new(&self.patterns)?;
        config.filter_pids = self.by_pid;
        config.filter_uids = !self.uids.is_empty();
        config.filter_cgroups = !self.cgroups.is_empty();
        config.follow_children = self.by_pid && self.follow;
        Ok(config)
    }

    /// For the kernel's tables.
    pub fn tables(&self) -> Tables {
        Tables {
            pids: self.pids.iter().copied().collect(),
            uids: self.uids.iter().copied().collect(),
            cgroups: self.cgroups.iter().copied().collect(),
        }
    }

    /// Adds the descendants, as far as they are there, of chosen processes; returns the new ones.
    pub fn follow(&mut self, all: &[ProcessIdentity]) -> Vec<u32> {
        if !(self.by_pid && self.follow) {
            return Vec::new();
        }
        let parents: HashMap<u32, u32> = all.iter().map(|who| (who.tgid, who.ppid)).collect();
        let mut new = Vec::new();
        for who in all {
            let mut at = who.tgid;
            // The chain of parents is finite, but it is read while it changes.
            for _ in 0..parents.len() {
                if self.pids.contains(&at) {
                    break;
                }
                match parents.get(&at) {
                    Some(&parent) => at = parent,
                    None => break,
                }
            }
            if self.pids.contains(&at) && self.pids.insert(who.tgid) {
                new.push(who.tgid);
            }
        }
        new
    }

    /// A process ended: its pid may come to name another one.
    pub fn ended(&mut self, tgid: u32) {
        self.pids.remove(&tgid);
    }

    /// Whether any filter of the kernel's is in force.
    pub fn any(&self) -> bool {
        self.by_pid || !self.uids.is_empty() || !self.cgroups.is_empty()
    }

    /// Whether users are chosen.
    pub fn by_user(&self) -> bool {
        !self.uids.is_empty()
    }

    /// Whether the kernel would let this process through.
    pub fn admits(&self, who: &ProcessIdentity) -> bool {
        (!self.by_pid || self.pids.contains(&who.tgid))
            && (self.uids.is_empty() || self.uids.contains(&who.uid))
            && (self.cgroups.is_empty() || self.cgroups.contains(&who.cgroup))
    }

    /// Whether an open that the kernel let through is one that was asked for.
    pub fn file_wanted(&self, dir: &[u8], path: &[u8]) -> bool {
        if self.watches.is_empty() || file_type(path).is_some() {
            return true;
        }
        let whole = normalized(dir, path);
        self.watches.iter().any(|watch| watch.matches(&whole))
    }
}

/// The absolute path without `//`, `.` and `..`; links are not followed.
fn normalized(dir: &[u8], path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    let base: &[u8] = if path.first() == Some(&b'/') { b"" } else { dir };
    for part in base.split(|&b| b == b'/').chain(path.split(|&b| b == b'/')) {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut whole = Vec::with_capacity(dir.len() + path.len() + 1);
    for part in parts {
        whole.push(b'/');
        whole.extend_from_slice(part);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_normalized() {
        for (dir, path, want) in [
            ("/etc/ssl", "certs/../private/a.key", "/etc/ssl/private/a.key"),
            ("/etc", "//srv/./x", "/srv/x"),
            ("/", "a", "/a"),
            ("/a", "../../b", "/b"),
        ] {
            assert_eq!(normalized(dir.as_bytes(), path.as_bytes()), want.as_bytes());
        }
    }

    #[test]
    fn descendants_of_chosen_processes_are_followed() {
        let who = |tgid, ppid| ProcessIdentity { tgid, ppid, ..ProcessIdentity::default() };
        let all = [who(1, 0), who(5, 1), who(9, 7), who(7, 5), who(8, 1)];
        let mut filters = Filters { pids: [5].into(), by_pid: true, follow: true, ..Filters::default() };
        let mut new = filters.follow(&all);
        new.sort_unstable();
        assert_eq!(new, [7, 9]);
        assert!(filters.admits(&who(9, 7)) && !filters.admits(&who(8, 1)));
        filters.follow = false;
        assert!(filters.follow(&[who(20, 5)]).is_empty());
    }

    #[test]
    fn a_watch_that_the_kernel_can_only_narrow_is_compared_in_full() {
        let mut filters = Filters::default();
        assert!(filters.file_wanted(b"", b"/anything"));
        filters.watches.push(Watch::parse("/srv/app/*.conf").expect("a pattern"));
        assert!(filters.file_wanted(b"/srv", b"app/x.conf"));
        assert!(!filters.file_wanted(b"/etc", b"x.conf"));
        assert!(filters.file_wanted(b"/etc", b"x.pem"));
    }
}
