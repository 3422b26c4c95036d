//! The library that made a handshake, as `tls --group-by library` names it.
//!
//! Invariants:
//! - Where a call told which file made the handshake, that one is named, and no other.
//! - Else all are named that the process had and that make handshakes (libcrypto or libgcrypt alone never do), and programs
//!   with a library within them, of whose functions for TLS it called some.
//! - A library is named as it names itself (`OpenSSL 3.0.19 27 Jan 2026`), else by its file. A program that holds a library
//!   within itself is named by both.

use std::collections::HashMap;

use rusqlite::Connection;

use super::libraries::{Library, of_host};
use crate::documents::shown;
use crate::store::{StoreError, stored_bytes};
use crypto_tracer_format::catalogue::files::basename;
use crypto_tracer_format::catalogue::libraries::{family_of, makes_handshakes};

/// What is known of the libraries of a host's processes.
#[derive(Debug, Default)]
pub(super) struct TlsLibraries {
    /// By process: paths and names of the libraries that it had.
    mapped: HashMap<i64, Vec<(Vec<u8>, String)>>,
    /// By process: programs that hold a library whose functions for TLS it called.
    within: HashMap<i64, Vec<Vec<u8>>>,
    /// By path, the family of libraries whose functions were watched within a file.
    watched: HashMap<Vec<u8>, String>,
}

impl TlsLibraries {
    /// Reads what is known of a host.
    pub(super) fn of_host(db: &Connection, host: i64) -> Result<TlsLibraries, StoreError> {
        let mut libraries = TlsLibraries::default();
        let known = of_host(db, host)?;
        let mut statement = db.prepare_cached(include_str!("../../sql/tls_libraries.sql"))?;
        let mut rows = statement.query([host])?;
        while let Some(row) = rows.next()? {
            let Some(library) = known.get(&row.get(1)?) else { continue };
            libraries.mapped.entry(row.get(0)?).or_default().push((library.path.clone(), name(library)));
        }
        let mut statement = db.prepare_cached(include_str!("../../sql/tls_watched.sql"))?;
        let mut rows = statement.query([host])?;
        while let Some(row) = rows.next()? {
            let [path, family] =
                [stored_bytes(row, 0)?, stored_bytes(row, 1)?].map(Option::unwrap_or_default);
            libraries.watched.insert(path, shown(&family).0);
        }
        let mut statement = db.prepare_cached(include_str!("../../sql/tls_called.sql"))?;
        let mut rows = statement.query([host])?;
        while let Some(row) = rows.next()? {
            let path = stored_bytes(row, 1)?.unwrap_or_default();
            if family_of(&path).is_none() {
                libraries.within.entry(row.get(0)?).or_default().push(path);
            }
        }
        Ok(libraries)
    }

    /// The library of a process's handshake, of which a call told the path; empty: none did. `None`: not known.
    pub(super) fn name(&self, process: i64, path: &[u8]) -> Option<String> {
        let mapped = self.mapped.get(&process).map_or(&[][..], Vec::as_slice);
        if !path.is_empty() {
            let own = mapped.iter().find(|(mapped, _)| mapped == path).map(|(_, name)| name.clone());
            return Some(own.unwrap_or_else(|| self.by_path(path)));
        }
        let able = mapped.iter().filter(|(path, _)| makes_handshakes(path));
        let mut names: Vec<String> = able.map(|(_, name)| name.clone()).collect();
        names.extend(self.within.get(&process).into_iter().flatten().map(|path| self.by_path(path)));
        names.sort_unstable();
        names.dedup();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn by_path(&self, path: &[u8]) -> String {
        let file = shown(basename(path)).0;
        match self.watched.get(path).filter(|_| family_of(path).is_none()) {
            Some(family) => format!("{family} within {file}"),
            None => file,
        }
    }
}

fn name(library: &Library) -> String {
    library.version.clone().unwrap_or_else(|| shown(library.name()).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_told_or_all_that_may_have() {
        let had = |paths: &[&str]| {
            let named = |path: &&str| (path.as_bytes().to_vec(), path.to_uppercase());
            paths.iter().map(named).collect::<Vec<_>>()
        };
        let libraries = TlsLibraries {
            mapped: HashMap::from([
                (1, had(&["/libssl.so.3", "/libcrypto.so.3", "/libgnutls.so.30", "/libgcrypt.so.20"])),
                (2, had(&["/libcrypto.so.3"])),
            ]),
            within: HashMap::from([(4, vec![b"/usr/bin/node".to_vec()])]),
            watched: HashMap::from([
                (b"/usr/bin/node".to_vec(), "OpenSSL".to_owned()),
                (b"/libssl.so.3".to_vec(), "OpenSSL".to_owned()),
            ]),
        };
        let name = |process, path: &str| libraries.name(process, path.as_bytes());
        assert_eq!(name(1, "/libgnutls.so.30").as_deref(), Some("/LIBGNUTLS.SO.30"));
        assert_eq!(name(1, "").as_deref(), Some("/LIBGNUTLS.SO.30, /LIBSSL.SO.3"));
        assert_eq!(name(2, ""), None, "libcrypto alone makes no handshake");
        assert_eq!(name(2, "/libssl.so.3").as_deref(), Some("libssl.so.3"), "it was not seen to be mapped");
        assert_eq!(name(3, "/usr/bin/node").as_deref(), Some("OpenSSL within node"));
        assert_eq!(name(3, ""), None);
        assert_eq!(name(4, "").as_deref(), Some("OpenSSL within node"), "it called its functions");
    }
}
