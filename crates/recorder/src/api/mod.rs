//! Calls of libraries' functions: which files are probed, where, and what comes of it.
//!
//! Invariants:
//! - A file is known by device and inode and probed once, whatever paths, processes and containers lead to it.
//! - A function that can't be probed takes no other with it, and is named; so is a file that can't be read.
//! - What is probed is said in the capture: each function and each file has a record in every segment.
//! - Addresses of objects are replaced by names before they leave this module.

pub mod behind;
pub(crate) mod call;
pub mod counts;
pub mod elf;
mod few;
pub mod folders;
pub mod links;
pub mod mapped;
pub mod sites;
mod told;

use crate::baseline::open::{self, Root};
use crate::clocks::{self, now_ns};
use crate::objects::Objects;
use crate::probes::object::{Failure, Loaded};
use behind::{Behind, Identity};
use counts::{Counts, Whose};
use crypto_tracer_format::catalogue::api::Catalogue;
use crypto_tracer_format::record::{ApiLibrary, Fact, Loss, LossReason, lib_bits};
use elf::{Calling, End, Finder, Machine, Probed, Site};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use links::{FEW_SITES, Moment, Point, Spot, Way};
use mapped::Mapped;
use rustix::fs::{Stat, fstat};
use sites::{Ids, MAX_SITES, Place};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
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

/// A file that was looked into.
#[derive(Debug)]
struct Waiting {
    file: File,
    stat: Stat,
    path: Vec<u8>,
    bits: u32,
    probed: Probed,
    /// How long that took.
    looked: Duration,
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
    behind: Behind,
    /// By what is really mapped.
    files: HashMap<Identity, Known>,
    /// Mappings that were looked at: device and inode as the mapping shows them.
    seen: HashSet<(u32, u32, u64)>,
    libraries: Vec<Library>,
    /// Files of a family that can't be probed, and why.
    not_probed: Vec<(Vec<u8>, String)>,
    /// Files whose functions will be chosen from, where there is room for a few.
    waiting: Option<Vec<Waiting>>,
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
    /// What a user who asks for details should know.
    pub(crate) details: Vec<String>,
}

impl Api {
    pub(crate) fn new(wanted: Wanted<'_>, way: Way, objects: Objects, loaded: &mut Loaded) -> Option<Api> {
        Some(Api {
            behind: Behind::new(loaded),
            finder: Finder::new(wanted.catalogue, wanted.bulk, Machine::host()?),
            way,
            returns: links::returns_are_safe(wanted.release),
            only_these: wanted.libraries.iter().map(|path| shown(path)).collect(),
            pids: wanted.pids,
            files: HashMap::new(),
            seen: HashSet::new(),
            libraries: Vec::new(),
            not_probed: Vec::new(),
            waiting: (!way.is_multi()).then(Vec::new),
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
            details: Vec::new(),
        })
    }

    /// Probes the files that were asked for, which need not be mapped.
    pub(crate) fn asked_for(&mut self, loaded: &mut Loaded, libraries: &[PathBuf]) {
        for path in libraries {
            let before = self.found();
            if let Ok(file) = File::open(path) {
                self.unmapped(loaded, &file, &shown(path), true);
            }
            if self.found() == before {
                self.warnings.push(format!(
                    "no function of the catalogue is probed in {}: it can't be read, or has none",
                    path.display()
                ));
            }
        }
        // Callers from their siblings of the same family are not the program.
        let Some(root) = Root::of(std::process::id()) else { return };
        for path in libraries.iter().map(|path| shown(path)) {
            let Some(folder) = Path::new(OsStr::from_bytes(&path)).parent() else { continue };
            let siblings = folders::in_folder(&root, folder, self.finder.catalogue().families());
            self.look_into(loaded, &root, siblings, false);
        }
    }

    /// Probes the files that processes which see this root will find, mapped or not.
    pub(crate) fn installed(&mut self, loaded: &mut Loaded, root: &Root) {
        self.look_into(loaded, root, folders::installed(root, self.finder.catalogue().families()), true);
    }

    /// So many files have functions of the catalogue.
    fn found(&self) -> usize {
        self.libraries.len() + self.waiting.as_ref().map_or(0, Vec::len)
    }

    fn look_into(&mut self, loaded: &mut Loaded, root: &Root, paths: Vec<PathBuf>, probe: bool) {
        for path in paths {
            if let Some((file, _, shown)) = root.open(&path) {
                self.unmapped(loaded, &file, &shown, probe);
            }
        }
    }

    fn unmapped(&mut self, loaded: &mut Loaded, file: &File, path: &[u8], probe: bool) {
        let Ok(stat) = fstat(file) else { return };
        self.file(loaded, file, &stat, SeenAt { path, bits: 0 }, probe);
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
        // Where the kernel doesn't tell what is really mapped: the mapping may show another device than stat.
        if let Some(family) = family {
            let dev = (mapping.dev_major, mapping.dev_minor);
            self.carries(Identity { dev, ino: mapping.ino }, family);
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
        let shown = Identity {
            dev: (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev)),
            ino: stat.st_ino,
        };
        let key = self.behind.of(loaded, file).unwrap_or(shown);
        let known = self.files.get(&key).copied();
        let family = match known {
            Some(known) => known.family,
            None => folders::family_of(seen_at.path, self.finder.catalogue().families()),
        };
        if let (Some(family), None) = (family, known) {
            self.carries(key, family);
        }
        let looked_into = known.is_some_and(|known| known.looked_into);
        self.files.insert(key, Known { family, looked_into: looked_into || probe });
        if looked_into || !probe {
            return family;
        }
        let began = Instant::now();
        let found = match self.finder.find(file, seen_at.path) {
            Ok(found) => found,
            // Of a file of any other name nothing was expected.
            Err(_) if family.is_none() => return None,
            Err(why) => {
                self.not_probed.push((seen_at.path.to_vec(), why.to_string()));
                return family;
            }
        };
        let looked = began.elapsed();
        // A fork may have the name of the library that it was made from.
        let family = family.map(|named| found.first().map_or(named, |probed| probed.family));
        if let Some(family) = family {
            self.carries(key, family);
            self.files.insert(key, Known { family: Some(family), looked_into: true });
        }
        for probed in found {
            let Ok(file) = file.try_clone() else { continue };
            let path = seen_at.path.to_vec();
            let found = Waiting { file, stat: *stat, path, bits: seen_at.bits, probed, looked };
            match &mut self.waiting {
                Some(waiting) => waiting.push(found),
                None => {
                    let chosen = self.choose(&found.probed);
                    self.probe(loaded, &found, chosen);
                }
            }
        }
        family
    }

    /// For the kernel programs: calls from this file are not the program's.
    fn carries(&mut self, file: Identity, family: usize) {
        let number = family as u32 + 1;
        if self.families.update(&file.key(), &number.to_ne_bytes(), MapFlags::ANY).is_err() {
            self.warnings
                .push("the table of files is full: some calls within libraries may be counted".into());
        }
    }

    /// Sets the probes of a family in a file.
    fn probe(
        &mut self,
        loaded: &mut Loaded,
        Waiting { file, stat, path, bits, probed, looked }: &Waiting,
        chosen: Vec<Site>,
    ) {
        let began = Instant::now();
        let mut left_out: Vec<(String, String)> =
            probed.left_out.iter().map(|(name, why)| (name.clone(), why.to_string())).collect();
        let catalogue = self.finder.catalogue();
        let not_chosen = probed.sites.iter().filter(|site| !chosen.contains(site));
        let functions = not_chosen.filter_map(|site| catalogue.function(probed.family, site.function));
        left_out.extend(functions.map(|f| (f.name.clone(), NO_ROOM.to_owned())));
        let first = self.used;
        self.used += chosen.len() as u32;
        let placed: Vec<(u32, Site)> = (first..).zip(chosen).collect();
        let library = self.libraries.len() as u32 + 1;
        let names = self.place(probed, library, &placed);
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
                bits: *bits,
                ino: stat.st_ino,
                dev_major: rustix::fs::major(stat.st_dev),
                dev_minor: rustix::fs::minor(stat.st_dev),
                functions: probed_names.count() as u32,
                ..ApiLibrary::default()
            },
            family: probed.family,
            path: path.clone(),
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
        self.details.push(format!(
            "api_call: {} functions probed in {}: {:.1} ms to find them, {:.1} ms to attach",
            library.record.functions,
            String::from_utf8_lossy(&library.path),
            looked.as_secs_f64() * 1e3,
            began.elapsed().as_secs_f64() * 1e3
        ));
        self.libraries.push(library);
    }

    /// The sites of a file for which there is room.
    fn choose(&self, probed: &Probed) -> Vec<Site> {
        if self.way.is_multi() {
            let room = MAX_SITES.saturating_sub(self.used) as usize;
            return probed.sites.iter().take(room).cloned().collect();
        }
        few::choose(self.finder.catalogue(), &[probed], self.room_for_few()).into_iter().flatten().collect()
    }

    fn room_for_few(&self) -> usize {
        FEW_SITES.saturating_sub(self.used as usize)
    }

    /// Where there is room for a few functions only, they are chosen among those of all files that are known when the recording
    /// begins.
    pub(crate) fn begun(&mut self, loaded: &mut Loaded) {
        let Some(files) = self.waiting.take() else { return };
        let all: Vec<&Probed> = files.iter().map(|file| &file.probed).collect();
        let chosen = few::choose(self.finder.catalogue(), &all, self.room_for_few());
        for (waiting, chosen) in files.iter().zip(chosen) {
            self.probe(loaded, waiting, chosen);
        }
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
