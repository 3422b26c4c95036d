//! Calls of libraries' functions: which files are probed, where, and what comes of it.
//!
//! Invariants:
//! - A file is known by device and inode and probed once, whatever paths and processes lead to it.
//! - A function that can't be probed takes no other with it, and is named; so is a file that can't be read.
//! - What is probed is said in the capture: each function and each file has a record in every segment.
//! - Addresses of objects are replaced by names before they leave this module.

pub mod counts;
pub mod folders;
pub mod links;
pub mod maps;
pub mod sites;
mod stand_in;

use crate::baseline::open::{Target, open};
use crate::clocks::{self, now_ns};
use crate::objects::Objects;
use crate::probes::object::{Failure, Loaded};
use counts::{Counts, Whose};
use crypto_tracer_format::catalogue::api::{Catalogue, Recorded};
use crypto_tracer_format::catalogue::files::basename;
use crypto_tracer_format::record::{
    ApiFunction, ApiLibrary, ApiRecorded, Fact, Loss, LossReason, ProbeState, ProbeStatus, lib_bits,
};
use libbpf_rs::{MapCore, MapFlags, MapHandle};
use links::{FEW_SITES, Moment, Point, Way, attach};
use rustix::fs::{Stat, fstat};
use sites::{Ids, MAX_SITES, Place, wants_return};
use stand_in::{Offer, Site, inspect};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// So many mappings are remembered; then memory starts anew.
const REMEMBERED: usize = 64 * 1024;
/// A module that hashes its own text: a probe in it would be tampering.
const HASHES_ITSELF: &[u8] = b"fips.so";

/// A file that is mapped executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// Who mapped it.
    pub tgid: u32,
    /// Where.
    pub range: (u64, u64),
    /// Device as the mapping shows it: major and minor.
    pub dev: (u32, u32),
    /// Inode.
    pub ino: u64,
    /// As the process sees it.
    pub path: Vec<u8>,
    /// It was removed or replaced since.
    pub deleted: bool,
    /// When; `None`: before the recording began.
    pub time_ns: Option<u64>,
}

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

/// A probed file.
#[derive(Debug)]
struct Library {
    record: ApiLibrary,
    family: usize,
    path: Vec<u8>,
    left_out: Vec<String>,
    errno: i32,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Api {
    catalogue: Catalogue,
    way: Way,
    returns: bool,
    bulk: bool,
    only_these: bool,
    pids: Vec<i32>,
    /// By device and inode as stat(2) has them: the family, if it has one.
    files: HashMap<(u64, u64), Option<usize>>,
    /// Mappings that were looked at: device and inode as the mapping shows them.
    seen: HashSet<(u32, u32, u64)>,
    libraries: Vec<Library>,
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
            catalogue: wanted.catalogue,
            way,
            returns: links::returns_are_safe(wanted.release),
            bulk: wanted.bulk,
            only_these: !wanted.libraries.is_empty(),
            pids: wanted.pids,
            files: HashMap::new(),
            seen: HashSet::new(),
            libraries: Vec::new(),
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
            for path in folders::installed(self.catalogue.families()) {
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
            for path in folders::in_folder(folder, self.catalogue.families()) {
                self.installed(loaded, &path, false);
            }
        }
    }

    fn installed(&mut self, loaded: &mut Loaded, path: &Path, probe: bool) {
        let Ok(file) = File::open(path) else { return };
        let Ok(stat) = fstat(&file) else { return };
        let shown = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let path = shown.as_os_str().as_bytes();
        self.file(loaded, &file, &stat, path, 0, probe);
    }

    /// Whether this file was not looked at yet.
    pub(crate) fn is_new(&self, mapped: &Mapped) -> bool {
        !self.seen.contains(&(mapped.dev.0, mapped.dev.1, mapped.ino))
    }

    /// A process has mapped a file: it is probed, if it carries a family and isn't probed yet.
    pub(crate) fn mapped(&mut self, loaded: &mut Loaded, mapped: &Mapped) {
        let key = (mapped.dev.0, mapped.dev.1, mapped.ino);
        if self.seen.contains(&key) {
            return;
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        self.seen.insert(key);
        if self.only_these && folders::family_of(&mapped.path, self.catalogue.families()).is_none() {
            return;
        }
        let target = Target {
            tgid: mapped.tgid,
            range: mapped.range,
            dev: mapped.dev,
            ino: mapped.ino,
            path: &mapped.path,
        };
        let Some((file, stat)) = open(&target) else {
            // A process that is gone already; or the file of one that can't be looked into.
            self.seen.remove(&key);
            return;
        };
        let before = self.libraries.len();
        let bits = if mapped.deleted { lib_bits::DELETED } else { 0 };
        let family = self.file(loaded, &file, &stat, &mapped.path, bits, !self.only_these);
        // The mapping may show another device than stat.
        if let Some(family) = family {
            self.carries(mapped.dev, mapped.ino, family);
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
        path: &[u8],
        bits: u32,
        probe: bool,
    ) -> Option<usize> {
        let key = (stat.st_dev, stat.st_ino);
        if let Some(known) = self.files.get(&key) {
            return *known;
        }
        let offer = inspect(file, path, &self.catalogue, self.bulk);
        let by_name = folders::family_of(path, self.catalogue.families());
        let family = offer.as_ref().map(|offer| offer.family).or(by_name);
        self.files.insert(key, family);
        if let Some(family) = family {
            let dev = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
            self.carries(dev, stat.st_ino, family);
        }
        if let Some(offer) = offer.filter(|_| probe && basename(path) != HASHES_ITSELF) {
            self.probe(loaded, file, stat, path, bits, offer);
        }
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

    /// Sets the probes of a file.
    fn probe(&mut self, loaded: &mut Loaded, file: &File, stat: &Stat, path: &[u8], bits: u32, offer: Offer) {
        let room =
            if self.way == Way::Multi { MAX_SITES } else { FEW_SITES as u32 }.saturating_sub(self.used);
        let library = self.libraries.len() as u32 + 1;
        let mut left_out = offer.left_out.clone();
        let mut chosen = offer.sites.clone();
        if self.way != Way::Multi {
            chosen.sort_by_key(|site| self.telling(offer.family, site.function));
        }
        for site in chosen.split_off(chosen.len().min(room as usize)) {
            left_out.extend(self.catalogue.function(offer.family, site.function).map(|f| f.name.clone()));
        }
        // With its neighbours in the file a probe's site is found sooner.
        chosen.sort_by_key(|site| site.offset);
        let first = self.used;
        self.used += chosen.len() as u32;
        let placed: Vec<(u32, Site)> = (first..).zip(chosen).collect();
        let seen_to_return = |site: &Site| !site.left.is_empty() || self.returns && site.returns;
        let leaving: HashSet<String> = placed
            .iter()
            .filter(|(_, site)| seen_to_return(site))
            .filter_map(|(_, site)| self.catalogue.function(offer.family, site.function)?.group.clone())
            .collect();
        let mut names = HashMap::new();
        for (number, site) in &placed {
            let (Some(function), Some(id)) = (
                self.catalogue.function(offer.family, site.function),
                self.catalogue.number(offer.family, site.function),
            ) else {
                continue;
            };
            let at_alias = function.group.as_ref().is_some_and(|group| leaving.contains(group));
            let next = self.groups.len() as u32 + 1;
            let group = function
                .group
                .as_ref()
                .map(|group| *self.groups.entry((library, group.clone())).or_insert(next));
            let place = Place {
                function,
                ids: Ids { function: id, library, family: offer.family as u32 + 1 },
                group: group.unwrap_or(0),
                address: site.address,
                sp_delta: 0,
                text: offer.text,
                returns: wants_return(function) && (seen_to_return(site) || at_alias),
                go: offer.go,
            };
            names.insert(*number, function.name.clone());
            self.functions.insert(id);
            if self.sites.update(&number.to_ne_bytes(), &place.bytes(), MapFlags::ANY).is_err() {
                left_out.push(function.name.clone());
            }
        }
        let point = |number: &u32, offset: u64| Point { offset, site: *number };
        let wants =
            |site: &Site| self.catalogue.function(offer.family, site.function).is_some_and(wants_return);
        let leave: Vec<Point> = placed
            .iter()
            .filter(|(_, site)| site.left.is_empty() && seen_to_return(site) && wants(site))
            .map(|(number, site)| point(number, site.offset))
            .collect();
        let left: Vec<Point> =
            placed.iter().flat_map(|(n, site)| site.left.iter().map(|at| point(n, *at))).collect();
        let enter: Vec<Point> = placed.iter().map(|(n, site)| point(n, site.offset)).collect();
        let mut failed: Vec<(Point, Failure)> = Vec::new();
        let everyone = [-1];
        let pids = if self.pids.is_empty() { &everyone[..] } else { &self.pids };
        for &pid in pids {
            // Returns first: a call whose entry is seen is then seen to return.
            for (moment, points) in [(Moment::Leave, &leave), (Moment::Left, &left), (Moment::Enter, &enter)]
            {
                failed.extend(attach(loaded, self.way, file, moment, pid, points));
            }
        }
        let lost: BTreeSet<&String> = failed.iter().filter_map(|(p, _)| names.get(&p.site)).collect();
        left_out.extend(lost.into_iter().cloned());
        let errno = failed.first().map_or(0, |(_, failure)| failure.errno);
        let library = Library {
            record: ApiLibrary {
                id: library,
                bits,
                ino: stat.st_ino,
                dev_major: rustix::fs::major(stat.st_dev),
                dev_minor: rustix::fs::minor(stat.st_dev),
                functions: placed.len().saturating_sub(failed.len()) as u32,
                ..ApiLibrary::default()
            },
            family: offer.family,
            path: path.to_vec(),
            left_out,
            errno,
        };
        put_library(&mut self.out, &library, &self.catalogue);
        self.libraries.push(library);
        let mut out = std::mem::take(&mut self.out);
        for (id, ..) in self
            .catalogue
            .numbered()
            .filter(|(id, ..)| names_function(&placed, *id, &self.catalogue, offer.family))
        {
            self.put_function(&mut out, id);
        }
        self.out = out;
    }

    /// Which of many functions are probed where only a few can be.
    fn telling(&self, family: usize, function: usize) -> (bool, u8, usize) {
        use crypto_tracer_format::catalogue::api::Topic;
        let Some(f) = self.catalogue.function(family, function) else { return (true, u8::MAX, function) };
        let topic = match f.topic {
            Topic::Handshake => 0,
            Topic::VerifyResult => 1,
            Topic::Context => 2,
            Topic::VerifyMode => 3,
            Topic::KeyGeneration => 4,
            Topic::KeyDerivation => 5,
            Topic::Certificate | Topic::Key => 6,
            Topic::Protocol | Topic::Ciphers => 7,
            _ => 8,
        };
        (f.record == Recorded::Count, topic, function)
    }

    /// What every segment begins with.
    pub(crate) fn begin_segment(&mut self, out: &mut Vec<u8>) {
        self.out.clear();
        for id in self.functions.clone() {
            self.put_function(out, id);
        }
        for library in &self.libraries {
            put_library(out, library, &self.catalogue);
        }
    }

    fn put_function(&self, out: &mut Vec<u8>, id: u32) {
        let Some((_, family, f)) = self.catalogue.numbered().find(|(number, ..)| *number == id) else {
            return;
        };
        let recorded = match f.record {
            Recorded::Event => ApiRecorded::Event,
            Recorded::Count => ApiRecorded::Count,
        };
        clocks::put(out, now_ns(), |b| ApiFunction {
            id,
            recorded: recorded.number(),
            bulk: f.bulk.into(),
            family: b.string(family.family.as_bytes()),
            name: b.string(f.name.as_bytes()),
            topic: b.string(f.topic.word().as_bytes()),
            args: b.string(f.describe_args().as_bytes()),
            success: b.string(f.success.word().as_bytes()),
            reserved: 0,
        });
    }

    /// Replaces the addresses in a record of a call by names.
    pub(crate) fn named(&self, record: &[u8]) -> Vec<u8> {
        let mut bytes = record.to_vec();
        let number = |at: usize| {
            record.get(at..).and_then(|b| b.first_chunk::<8>()).map_or(0, |b| u64::from_ne_bytes(*b))
        };
        for field in ["object", "parent"] {
            let fields = crypto_tracer_format::record::Kind::ApiCall.fields();
            let Some(at) = fields.iter().find(|f| f.name == field).map(|f| f.offset) else { continue };
            let name = self.objects.name(number(at));
            if let Some(place) = bytes.get_mut(at..at + 8) {
                place.copy_from_slice(&name.to_ne_bytes());
            }
        }
        bytes
    }

    /// Calls `tell` with what the kernel has counted, and with calls that failed for good.
    pub(crate) fn collect(&mut self, whose: Whose, mut tell: impl FnMut(&[u8])) {
        let (now, ended) = (now_ns(), std::mem::take(&mut self.ended));
        self.counts.counts(whose, &ended, now, &mut tell);
        let mut failed = Vec::new();
        self.counts.failed(whose, &ended, now, |record| failed.push(record.to_vec()));
        for record in failed {
            tell(&self.named(&record));
        }
    }
}

fn names_function(placed: &[(u32, Site)], id: u32, catalogue: &Catalogue, family: usize) -> bool {
    placed.iter().any(|(_, site)| catalogue.number(family, site.function) == Some(id))
}

fn put_library(out: &mut Vec<u8>, library: &Library, catalogue: &Catalogue) {
    let family = catalogue.families().get(library.family).map_or("", |f| &f.family);
    let left_out = library.left_out.join(" ");
    clocks::put(out, now_ns(), |b| ApiLibrary {
        family: b.string(family.as_bytes()),
        path: b.string(&library.path),
        left_out: b.string(left_out.as_bytes()),
        ..library.record
    });
    if library.left_out.is_empty() {
        return;
    }
    let reason = format!("not probed in {}: {left_out}", String::from_utf8_lossy(&library.path));
    clocks::put(out, now_ns(), |b| ProbeStatus {
        fact: Fact::ApiCall.number(),
        state: ProbeState::NotSupported.number(),
        errno: library.errno,
        probe: b.string(b"uprobe:functions"),
        reason: b.string(reason.as_bytes()),
    });
}
