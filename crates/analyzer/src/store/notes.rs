//! What is no event on its way into the database: probes, scans, names, libraries.

use crypto_tracer_format::record::{MarkKind, lib_bits};
use rusqlite::params;

use super::StoreError;
use super::convert::{Raw, signed};
use super::ingest::Ingest;
use super::mappings::{How, Mapping};
use super::rollup;
use crate::sink::{Note, NoteBody};

impl Ingest {
    pub(super) fn add_note(&mut self, note: &Note<'_>) -> Result<(), StoreError> {
        let host = self.host_id(note.host)?;
        let begun = self.tell(note.segment, note.time_ns, note.wall_ns)?;
        begun.position += 1;
        let (segment, position) = (begun.id, begun.position);
        let (time_ns, wall_ns) = (signed(note.time_ns), note.wall_ns);
        if self.add_crypto_note(host, &note.body)? {
            return Ok(());
        }
        match note.body {
            NoteBody::Probe { fact, state, errno, probe, reason } => {
                let fact = fact.map_or("unknown", |f| f.name());
                let state = state.map_or("unknown", |s| s.name());
                let mut insert = self.db.prepare_cached(include_str!("../../sql/probe_insert.sql"))?;
                insert.execute(params![segment, position, fact, state, errno, Raw(probe), Raw(reason)])?;
            }
            NoteBody::Mark { mark: MarkKind::Complete, .. } => {}
            NoteBody::Mark { mark, text } => {
                let mut insert = self.db.prepare_cached(include_str!("../../sql/mark_insert.sql"))?;
                insert.execute(params![segment, position, time_ns, wall_ns, mark.name(), Raw(text)])?;
            }
            NoteBody::Clock { realtime_ns } => {
                let mut insert = self.db.prepare_cached(include_str!("../../sql/clock_insert.sql"))?;
                insert.execute(params![segment, time_ns, signed(realtime_ns)])?;
            }
            NoteBody::Mapping { process, path, file, bits, .. } => {
                let process = self.process_id(process)?;
                let library = self.library(host, path, file)?;
                let deleted = bits & lib_bits::DELETED != 0;
                let (from_ns, from_wall_ns) = (note.time_ns, wall_ns);
                let new = Mapping { library, segment, how: How::Baseline, from_ns, from_wall_ns, deleted };
                self.mappings.add(&self.db, process, new)?;
            }
            NoteBody::OpenFile { process, path, fd, flags, bits, .. } => {
                let process = self.process_id(process)?;
                let path = self.interned.path(&self.db, path)?;
                let mut insert = self.db.prepare_cached(include_str!("../../sql/open_file_insert.sql"))?;
                insert.execute(params![
                    process,
                    path,
                    segment,
                    fd,
                    flags,
                    rollup::modes(flags),
                    bits,
                    time_ns,
                    wall_ns
                ])?;
            }
            NoteBody::Library { path, file, size, mtime_ns, bits, soname, version, build_id } => {
                let path = self.interned.path(&self.db, path)?;
                let text = |s: &'_ [u8]| (!s.is_empty()).then(|| s.to_vec());
                let (soname, version, build_id) = (text(soname), text(version), text(build_id));
                self.db.prepare_cached(include_str!("../../sql/library_file.sql"))?.execute(params![
                    host,
                    file.dev_major,
                    file.dev_minor,
                    signed(file.ino),
                    path,
                    signed(size),
                    signed(mtime_ns),
                    bits,
                    soname.as_deref().map(Raw),
                    version.as_deref().map(Raw),
                    build_id.as_deref().map(Raw)
                ])?;
            }
            NoteBody::Cgroup { id, path } => {
                let mut insert = self.db.prepare_cached(include_str!("../../sql/cgroup.sql"))?;
                insert.execute(params![host, signed(id), Raw(path)])?;
            }
            NoteBody::User { id, name } => {
                self.db.prepare_cached(include_str!("../../sql/user.sql"))?.execute(params![
                    host,
                    id,
                    Raw(name)
                ])?;
            }
            NoteBody::Baseline { from_ns, processes, mappings, open_files, vanished, denied, filtered } => {
                self.db.prepare_cached(include_str!("../../sql/scan_insert.sql"))?.execute(params![
                    segment,
                    time_ns,
                    signed(from_ns),
                    processes,
                    mappings,
                    open_files,
                    vanished,
                    denied,
                    filtered
                ])?;
            }
            // Taken above.
            NoteBody::HostCrypto { .. } | NoteBody::ApiFunction { .. } | NoteBody::ApiLibrary { .. } => {}
        }
        Ok(())
    }
}
