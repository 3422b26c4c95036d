//! Calls of libraries' functions: which files are probed, where, and what comes of it.
//!
//! Invariants:
//! - A file is known by device and inode and probed once, whatever paths and processes lead to it.
//! - A function that can't be probed takes no other with it, and is named; so is a file that can't be read.
//! - What is probed is said in the capture: each function and each file has a record in every segment.
//! - Addresses of objects are replaced by names before they leave this module.

pub(crate) mod call;
pub mod counts;
pub mod elf;
pub mod folders;
pub mod links;
pub mod mapped;
pub mod sites;
mod told;

use crate::baseline::open;
use crate::clocks::{self, now_ns};
use crate::objects::Objects;
use crate::probes::object::{Failure, Loaded};
use counts::{Counts, Whose};
use crypto_tracer_format::catalogue::api::{Catalogue, Recorded, Topic};
use crypto_tracer_format::record::{ApiLibrary, Fact, Loss, LossReason, lib_bits};
use elf::{Calling, End, Finder, Machine, Probed, Site};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use links::{FEW_SITES, Moment, Point, Spot, Way};
use mapped::Mapped;
use rustix::fs::{Stat, fstat};
use sites::{Ids, MAX_SITES, Place};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use told::{Library, put_function, put_left_out, put_library};

/// So many mappings are remembered; then memory starts anew.
const REMEMBERED: usize = 64 * 1024;
const NO_ROOM: &str = "there is room for only a few probes here";

/// What is asked for.
pub(crate) struct Wanted<'a> {
    pub(crate) catalogue: Catalogue,
    pub(crate) bulk: bool,
    /// Only these files; empty: all.
    pub(crate) libraries: &'a [PathBuf],
    /// Only these processes; empty: all, or those that the filters let through.
    pub(crate) pids: Vec<i32>,
    /// Kernel release.
    pub(crate) release: &'a str,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The family that its name tells, if any.
    family: Option<usize>,
    /// Functions were looked for in it, to be probed.
    looked_into: bool,
}

/// Under which path a file was seen first.
#[derive(Clone, Copy, Debug)]
struct SeenAt<'a> {
    path: &'a [u8],
    /// Bits of `lib_bits`.
    bits: u32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Api {
    finder: Finder,
    way: Way,
    returns: bool,
    /// The files that were asked for; empty: all.
    only_these: HashSet<Vec<u8>>,
    pids: Vec<i32>,
    /// By device and inode as stat(2) has them.
    files: HashMap<(u64, u64), Known>,
    /// Mappings that were looked at: device and inode as the mapping shows them.
    seen: HashSet<(u32, u32, u64)>,
    libraries: Vec<Library>,
    /// Files of a family that can't be probed, and why.
    not_probed: Vec<(Vec<u8>, String)>,
    functions: BTreeSet<u32>,
    groups: HashMap<(u32, String), u32>,
    used: u32,
    sites: MapHandle,
    families: MapHandle,
    counts: Counts,
    objects: Objects,
    /// Records to be written.
    pub(crate) out: Vec<u8>,
    /// Processes that ended, whose counts are to be taken.
    pub(crate) ended: HashSet<u32>,
    /// What the user should know.
    pub(crate) warnings: Vec<String>,
}

impl Api {
    pub(crate) fn new(wanted: Wanted<'_>, way: Way, objects: Objects, loaded: &Loaded) -> Option<Api> {
        Some(Api {
            finder: Finder::new(wanted.catalogue, wanted.bulk, Machine::host()?),
            way,
            returns: links::returns_are_safe(wanted.release),
            only_these: wanted.libraries.iter().map(|path| shown(path)).collect(),
            pids: wanted.pids,
            files: HashMap::new(),
            seen: HashSet::new(),
            libraries: Vec::new(),
            not_probed: Vec::new(),
            functions: BTreeSet::new(),
            groups: HashMap::new(),
            used: 0,
            sites: loaded.handle("api_sites")?,
            families: loaded.handle("api_files")?,
            counts: Counts::new(loaded)?,
            objects,
            out: Vec::new(),
            ended: HashSet::new(),
            warnings: Vec::new(),
        })
    }

    /// Probes files that need not be mapped: those that were asked for, or those that the system has.
    pub(crate) fn begin(&mut self, loaded: &mut Loaded, libraries: &[PathBuf]) {
        if libraries.is_empty() {
            for path in folders::installed(self.finder.catalogue().families()) {
                self.installed(loaded, &path, true);
            }
            return;
        }
        for path in libraries {
            let before = self.libraries.len();
            self.installed(loaded, path, true);
            if self.libraries.len() == before {
                self.warnings.push(format!(
                    "no function of the catalogue is probed in {}: it can't be read, or has none",
                    path.display()
                ));
            }
        }
        // Callers from their siblings of the same family are not the program.
        for folder in libraries.iter().filter_map(|path| path.parent()) {
            for path in folders::in_folder(folder, self.finder.catalogue().families()) {
                self.installed(loaded, &path, false);
            }
        }
    }

    fn installed(&mut self, loaded: &mut Loaded, path: &Path, probe: bool) {
        let Ok(file) = File::open(path) else { return };
        let Ok(stat) = fstat(&file) else { return };
        self.file(loaded, &file, &stat, SeenAt { path: &shown(path), bits: 0 }, probe);
    }

    /// Whether this file was not looked at yet.
    pub(crate) fn is_new(&self, mapped: &Mapped) -> bool {
        mapped.mapping.ino != 0 && !self.seen.contains(&mapped.mapping.file())
    }

    /// A process has mapped a file: it is probed, if it carries a family and isn't probed yet.
    pub(crate) fn mapped(&mut self, loaded: &mut Loaded, mapped: &Mapped) {
        if !self.is_new(mapped) {
            return;
        }
        let (mapping, key) = (&mapped.mapping, mapped.mapping.file());
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        self.seen.insert(key);
        if !self.only_these.is_empty()
            && !self.only_these.contains(&mapping.path)
            && folders::family_of(&mapping.path, self.finder.catalogue().families()).is_none()
        {
            return;
        }
        let Some((file, stat)) = open::open(mapped.tgid, mapping) else {
            // A process that is gone already; or the file of one that can't be looked into.
            self.seen.remove(&key);
            return;
        };
        let before = self.libraries.len();
        let bits = if mapping.deleted { lib_bits::DELETED } else { 0 };
        let seen_at = SeenAt { path: &mapping.path, bits };
        // What was asked for may have been replaced since: the new file is meant too.
        let probe = self.only_these.is_empty() || self.only_these.contains(&mapping.path);
        let family = self.file(loaded, &file, &stat, seen_at, probe);
        // The mapping may show another device than stat.
        if let Some(family) = family {
            self.carries((mapping.dev_major, mapping.dev_minor), mapping.ino, family);
        }
        if let (Some(from_ns), true) = (mapped.time_ns, self.libraries.len() > before) {
            let to_ns = now_ns();
            clocks::put(&mut self.out, to_ns, |_| Loss {
                fact: Fact::ApiCall.number(),
                reason: LossReason::BeforeAttached.number(),
                reserved: 0,
                count: 1,
                from_ns,
                to_ns,
            });
        }
    }

    /// The family of a file, which is probed now if it is new and `probe` says so.
    fn file(
        &mut self,
        loaded: &mut Loaded,
        file: &File,
        stat: &Stat,
        seen_at: SeenAt<'_>,
        probe: bool,
    ) -> Option<usize> {
        let key = (stat.st_dev, stat.st_ino);
        let known = self.files.get(&key).copied();
        let family = match known {
            Some(known) => known.family,
            None => folders::family_of(seen_at.path, self.finder.catalogue().families()),
        };
        let dev = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
        if let (Some(family), None) = (family, known) {
            self.carries(dev, stat.st_ino, family);
        }
        let looked_into = known.is_some_and(|known| known.looked_into);
        self.files.insert(key, Known { family, looked_into: looked_into || probe });
        if looked_into || !probe {
            return family;
        }
        let found = match self.finder.find(file, seen_at.path) {
            Ok(found) => found,
            // Of a file of any other name nothing was expected.
            Err(_) if family.is_none() => return None,
            Err(why) => {
                self.not_probed.push((seen_at.path.to_vec(), why.to_string()));
                return family;
            }
        };
        // A fork may have the name of the library that it was made from.
        let family = family.map(|named| found.first().map_or(named, |probed| probed.family));
        if let Some(family) = family {
            self.carries(dev, stat.st_ino, family);
            self.files.insert(key, Known { family: Some(family), looked_into: true });
        }
        found.into_iter().for_each(|probed| self.probe(loaded, file, stat, seen_at, probed));
        family
    }

    /// For the kernel programs: calls from this file are not the program's.
    fn carries(&mut self, dev: (u32, u32), ino: u64, family: usize) {
        let mut key = ino.to_ne_bytes().to_vec();
        key.extend_from_slice(&(dev.0 << 20 | dev.1 & 0xf_ffff).to_ne_bytes());
        key.extend_from_slice(&[0; 4]);
        let number = family as u32 + 1;
        if self.families.update(&key, &number.to_ne_bytes(), MapFlags::ANY).is_err() {
            self.warnings
                .push("the table of files is full: some calls within libraries may be counted".into());
        }
    }

    /// Sets the probes of a family in a file.
    fn probe(&mut self, loaded: &mut Loaded, file: &File, stat: &Stat, seen_at: SeenAt<'_>, probed: Probed) {
        let mut left_out: Vec<(String, String)> =
            probed.left_out.iter().map(|(name, why)| (name.clone(), why.to_string())).collect();
        let placed = self.choose(&probed, &mut left_out);
        let library = self.libraries.len() as u32 + 1;
        let names = self.place(&probed, library, &placed);
        let failed = self.set(loaded, file, &placed);
        let mut errno = 0;
        for (point, failure) in failed {
            errno = failure.errno;
            if let Some(name) = names.get(&point.site)
                && !left_out.iter().any(|(left, _)| left == name)
            {
                left_out.push((name.clone(), failure.to_string()));
            }
        }
        let probed_names = names.values().filter(|name| !left_out.iter().any(|(left, _)| left == *name));
        let library = Library {
            record: ApiLibrary {
                id: library,
                bits: seen_at.bits,
                ino: stat.st_ino,
                dev_major: rustix::fs::major(stat.st_dev),
                dev_minor: rustix::fs::minor(stat.st_dev),
                functions: probed_names.count() as u32,
                ..ApiLibrary::default()
            },
            family: probed.family,
            path: seen_at.path.to_vec(),
            left_out,
            errno,
        };
        let catalogue = self.finder.catalogue();
        let ids = placed.iter().filter_map(|(_, site)| catalogue.number(probed.family, site.function));
        for id in ids {
            if self.functions.insert(id) {
                put_function(&mut self.out, catalogue, id);
            }
        }
        put_library(&mut self.out, &library, catalogue);
        self.libraries.push(library);
    }

    /// Which functions of a file are probed, each with the number of its site.
    fn choose(&mut self, probed: &Probed, left_out: &mut Vec<(String, String)>) -> Vec<(u32, Site)> {
        let most = if self.way.is_multi() { MAX_SITES } else { FEW_SITES as u32 };
        let room = most.saturating_sub(self.used) as usize;
        let catalogue = self.finder.catalogue();
        let mut chosen = probed.sites.clone();
        if !self.way.is_multi() {
            chosen.sort_by_key(|site| telling(catalogue, probed.family, site.function));
        }
        for site in chosen.split_off(chosen.len().min(room)) {
            let function = catalogue.function(probed.family, site.function);
            left_out.extend(function.map(|f| (f.name.clone(), NO_ROOM.to_owned())));
        }
        let first = self.used;
        self.used += chosen.len() as u32;
        (first..).zip(chosen).collect()
    }

    /// Tells the kernel programs of the sites; the functions' names by their sites.
    fn place(&mut self, probed: &Probed, library: u32, placed: &[(u32, Site)]) -> HashMap<u32, String> {
        let catalogue = self.finder.catalogue();
        let mut names = HashMap::new();
        for (number, site) in placed {
            let ids = catalogue
                .function(probed.family, site.function)
                .zip(catalogue.number(probed.family, site.function));
            let Some((function, id)) = ids else { continue };
            let next = self.groups.len() as u32 + 1;
            let group =
                function.group.as_ref().map(|g| *self.groups.entry((library, g.clone())).or_insert(next));
            let text = site.package.as_ref().unwrap_or(&probed.text);
            let place = Place {
                function,
                ids: Ids { function: id, library, family: probed.family as u32 + 1 },
                group: group.unwrap_or(0),
                address: site.address,
                sp_delta: site.sp_delta,
                text: (text.start, text.end),
                returns: self.returns(site) && probed.calling != Calling::OldGo,
                calling: probed.calling,
            };
            names.insert(*number, function.name.clone());
            // The table is as large as there are numbers.
            let _ = self.sites.update(&number.to_ne_bytes(), &place.bytes(), MapFlags::ANY);
        }
        names
    }

    /// Whether the end of a call is seen.
    fn returns(&self, site: &Site) -> bool {
        match &site.end {
            End::Unseen => false,
            End::Return | End::Inner => self.returns,
            End::At(places) => !places.is_empty() && self.way != Way::Numbered,
        }
    }

    /// Sets the probes; those that can't be are returned.
    fn set(&self, loaded: &mut Loaded, file: &File, placed: &[(u32, Site)]) -> Vec<(Point, Failure)> {
        let (mut both, mut left, mut enter) = (Vec::new(), Vec::new(), Vec::new());
        for (number, site) in placed {
            let point = |offset| Point { offset, site: *number };
            if matches!(site.end, End::Return) && self.returns {
                both.push(point(site.offset));
                continue;
            }
            enter.push(point(site.offset));
            match &site.end {
                End::At(places) if self.way != Way::Numbered => {
                    left.extend(places.iter().map(|at| point(*at)))
                }
                _ => {}
            }
        }
        let everyone = [-1];
        let pids = if self.pids.is_empty() { &everyone[..] } else { &self.pids };
        let both = self.way.entry_and_return().iter().map(|moment| (*moment, &both));
        let moments: Vec<_> = both.chain([(Moment::Left, &left), (Moment::Enter, &enter)]).collect();
        let mut failed = Vec::new();
        for &pid in pids {
            for (moment, points) in &moments {
                let spot = Spot { way: self.way, file, moment: *moment, pid };
                failed.extend(spot.attach(loaded, points));
            }
        }
        failed
    }

    /// What every segment begins with.
    pub(crate) fn begin_segment(&mut self, out: &mut Vec<u8>) {
        self.out.clear();
        for id in &self.functions {
            put_function(out, self.finder.catalogue(), *id);
        }
        for library in &self.libraries {
            put_library(out, library, self.finder.catalogue());
        }
        for (path, why) in &self.not_probed {
            put_left_out(out, 0, &format!("{}: {why}", String::from_utf8_lossy(path)));
        }
    }

    /// Appends what the kernel has counted, and the calls that failed for good.
    pub(crate) fn collect(&mut self, whose: Whose, out: &mut Vec<u8>) {
        let ended = std::mem::take(&mut self.ended);
        self.counts.counts(whose, &ended, out);
        self.counts.failed(whose, &ended, &self.objects, out);
    }
}

/// A path as mappings show it: absolute, without symbolic links. Of a file that isn't there, as far as its folder is.
fn shown(path: &Path) -> Vec<u8> {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok()).zip(path.file_name());
    let of_folder = || folder.map(|(folder, name)| folder.join(name));
    let shown = path.canonicalize().ok().or_else(of_folder).unwrap_or_else(|| path.to_path_buf());
    shown.into_os_string().into_encoded_bytes()
}

/// Which of many functions are probed where only a few can be: the first.
fn telling(catalogue: &Catalogue, family: usize, function: usize) -> (bool, u8, usize) {
    let Some(f) = catalogue.function(family, function) else { return (true, u8::MAX, function) };
    let topic = match f.topic {
        Topic::Handshake => 0,
        Topic::VerifyResult => 1,
        Topic::Context => 2,
        Topic::VerifyMode => 3,
        Topic::KeyGeneration => 4,
        Topic::KeyDerivation => 5,
        Topic::Certificate | Topic::Key | Topic::Store => 6,
        Topic::Protocol | Topic::Ciphers => 7,
        _ => 8,
    };
    (f.record == Recorded::Count, topic, function)
}
