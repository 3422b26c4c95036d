//! The libraries of the catalogue that a system has, used or not: from the folders where the dynamic linker looks.
//!
//! Invariants: folders are those of ld.so.cache and the ones that are searched without it; of a container its own, which no
//! link leads out of.

use crate::baseline::open::Root;
use crypto_tracer_format::catalogue::api::Family;
use crypto_tracer_format::catalogue::libraries::is_library;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Searched without a cache (ld.so(8), and musl's), and below which Debian's have one for each machine: small images have no
/// cache.
const FOLDERS: [&str; 5] = ["/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib"];
/// Where glibc's cache is.
const CACHE: &str = "/etc/ld.so.cache";
/// What a cache in the format since glibc 2.2 begins with; an older table may stand before it.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER_BYTES: usize = 48;
const ENTRY_BYTES: usize = 24;
/// No cache is larger.
const CACHE_BYTES: u64 = 64 << 20;

/// The files in the dynamic linker's folders of a root that belong to one of these families. Links lead to the same file
/// more than once.
pub(crate) fn installed(root: &Root, families: &[Family]) -> Vec<PathBuf> {
    let mut cache = Vec::new();
    if let Some((file, ..)) = root.open(Path::new(CACHE)) {
        // What can't be read to its end is read as far as it goes.
        let _ = file.take(CACHE_BYTES).read_to_end(&mut cache);
    }
    let machine = format!("{}-linux-gnu", std::env::consts::ARCH);
    let mut folders: BTreeSet<PathBuf> = FOLDERS
        .iter()
        .map(Path::new)
        .flat_map(|folder| [folder.to_path_buf(), folder.join(&machine)])
        .collect();
    for path in cached(&cache) {
        folders.extend(Path::new(OsStr::from_bytes(path)).parent().map(Path::to_path_buf));
    }
    folders.iter().flat_map(|folder| in_folder(root, folder, families)).collect()
}

/// The files of a folder that belong to one of these families, by their names.
pub(crate) fn in_folder(root: &Root, folder: &Path, families: &[Family]) -> Vec<PathBuf> {
    let mut names = root.names(folder);
    names.retain(|name| family_of(name.as_bytes(), families).is_some());
    names.sort();
    names.iter().map(|name| folder.join(name)).collect()
}

/// The family that a library belongs to by its name.
pub fn family_of(path: &[u8], families: &[Family]) -> Option<usize> {
    families.iter().position(|family| family.libraries.iter().any(|stem| is_library(path, stem)))
}

/// The paths that a cache lists.
fn cached(cache: &[u8]) -> Vec<&[u8]> {
    let Some(start) = cache.windows(MAGIC.len()).position(|w| w == MAGIC) else { return Vec::new() };
    let table = cache.get(start..).unwrap_or_default();
    let number = |at: usize| {
        table.get(at..).and_then(|b| b.first_chunk::<4>()).map(|b| u32::from_ne_bytes(*b) as usize)
    };
    let count = number(20).unwrap_or(0).min(table.len() / ENTRY_BYTES);
    let path = |i: usize| {
        let at = number(HEADER_BYTES + i * ENTRY_BYTES + 8)?;
        let text = table.get(at..)?;
        text.get(..text.iter().position(|&b| b == 0)?)
    };
    (0..count).filter_map(path).filter(|p| p.first() == Some(&b'/')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(paths: &[&str]) -> Vec<u8> {
        let mut out = [MAGIC, &(paths.len() as u32).to_ne_bytes()].concat();
        out.resize(HEADER_BYTES, 0);
        let mut text = Vec::new();
        for path in paths {
            let at = (HEADER_BYTES + paths.len() * ENTRY_BYTES + text.len()) as u32;
            let mut entry = [[0; 4], at.to_ne_bytes(), at.to_ne_bytes()].concat();
            entry.resize(ENTRY_BYTES, 0);
            out.extend(entry);
            text.extend([path.as_bytes(), b"\0"].concat());
        }
        [out, text].concat()
    }

    #[test]
    fn a_cache_is_read_and_damage_survived() {
        let one = cache(&["/opt/a/libx.so.1", "/lib/liby.so"]);
        assert_eq!(cached(&one), [&b"/opt/a/libx.so.1"[..], b"/lib/liby.so"]);
        let old = [&b"ld.so-1.7.0\0"[..], &one].concat();
        assert_eq!(cached(&old).len(), 2, "a table of an older format stands before it");
        for cut in 0..one.len() {
            let _ = cached(&one[..cut]);
        }
        let mut many = one.clone();
        many[20..24].fill(0xff);
        assert_eq!(cached(&many).first(), Some(&&b"/opt/a/libx.so.1"[..]));
        assert!(cached(b"").is_empty());
    }

    #[test]
    fn files_of_a_family_are_found() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["libssl.so.3", "libssl-8bd944e8.so.3", "libsslx.so", "libssl.so.3.bak~", "libssl.txt"] {
            std::fs::write(dir.path().join(name), name).expect("written");
        }
        std::os::unix::fs::symlink("libssl.so.3", dir.path().join("libssl.so")).expect("linked");
        let text =
            "family = 'X'\nlibraries = ['libssl']\n[[function]]\nname = 'f'\nrecord = 'event'\ntopic = 'key'";
        let family: Family = crypto_tracer_format::catalogue::api::Catalogue::of(&[
            crypto_tracer_format::catalogue::api::CatalogueFile { name: "x", text },
        ])
        .expect("valid")
        .families()[0]
            .clone();
        let root = Root::of(std::process::id()).expect("our own");
        let found = in_folder(&root, &dir.path().canonicalize().expect("there"), &[family]);
        let files: Vec<_> = found.iter().map(|path| root.open(path).expect("a file")).collect();
        let names: Vec<_> =
            files.iter().map(|(.., path)| path.rsplit(|&b| b == b'/').next().expect("a name")).collect();
        assert_eq!(names, [&b"libssl-8bd944e8.so.3"[..], b"libssl.so.3", b"libssl.so.3"]);
        assert_eq!(files[1].1.st_ino, files[2].1.st_ino, "a link leads to the same file");
    }
}
