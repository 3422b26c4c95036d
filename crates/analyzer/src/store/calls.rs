//! Calls of libraries and requests to the kernel on their way into the database.
//!
//! Invariant: nothing is allocated for an event whose strings are known.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreError;
use super::convert::{Raw, signed};
use super::ingest::Ingest;
use super::rows::EventRow;
use super::tally::{Counter, Tally, add_to};
use crate::event::{ApiCall, Event, FileId, KernelCrypto};
use crate::sink::NoteBody;

/// So many libraries, and so many requests, are remembered; more are looked up again.
const MAX_KNOWN: usize = 50_000;

/// No second has more calls than these: what says so lies, and must not spoil the sums of all others.
const MOST_AT_ONCE: u64 = 1 << 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct ApiKey {
    process: i64,
    function: i64,
    library: i64,
    args: i64,
    segment: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct KernelKey {
    process: i64,
    request: i64,
    errno: i64,
    segment: i64,
}

/// What is asked of the kernel; texts by their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Request {
    call: u16,
    operation: u16,
    version: u16,
    cipher: u16,
    kind: Option<i64>,
    name: Option<i64>,
}

/// Counters that are not in the tables yet, and numbers that were looked up.
#[derive(Debug, Default)]
pub(super) struct Calls {
    api: Tally<ApiKey>,
    kernel: Tally<KernelKey>,
    libraries: HashMap<(i64, i64, FileId), i64>,
    requests: HashMap<Request, i64>,
}

impl Calls {
    /// Adds all counters to their tables.
    pub(super) fn flush(&mut self, db: &Connection) -> Result<(), StoreError> {
        let mut insert = db.prepare_cached(add_to!("api_rollup.sql"))?;
        for (k, c) in self.api.drain() {
            insert.execute(params![
                k.process, k.function, k.library, k.args, k.segment, c.count, c.failures, c.first, c.last
            ])?;
        }
        let mut insert = db.prepare_cached(add_to!("kernel_rollup.sql"))?;
        for (k, c) in self.kernel.drain() {
            insert.execute(params![k.process, k.request, k.errno, k.segment, c.count, c.first, c.last])?;
        }
        Ok(())
    }
}

impl Ingest {
    /// A call, or calls that were counted. Gives the row its detail.
    pub(super) fn add_api_call(
        &mut self,
        event: &Event<'_>,
        call: &ApiCall<'_>,
        process: Option<i64>,
        row: &mut EventRow,
    ) -> Result<(), StoreError> {
        let host = self.host_id(event.host)?;
        let function = self.interned.function(&self.db, call.family, call.function, call.topic)?;
        let library = self.api_library(host, call.library, call.file)?;
        let args = self.interned.text(&self.db, call.args)?;
        if let Some(process) = process {
            let count = call.count.unwrap_or(1).min(MOST_AT_ONCE).cast_signed();
            let failures = if call.result == "failure" { count } else { 0 };
            let key = ApiKey { process, function, library, args, segment: row.segment };
            // Counted calls have the time of the last of them.
            let before = call.count.map_or(0, |_| signed(call.duration_ns).max(0));
            let first = event.wall_ns.map(|wall_ns| wall_ns.saturating_sub(before));
            if self.calls.api.count(key, Counter { count, failures, first, ..Counter::one(event.wall_ns) }) {
                self.calls.flush(&self.db)?;
            }
        }
        row.bits = (call.bits != 0).then_some(call.bits.into());
        if self.keep_events {
            let result = self.interned.text(&self.db, call.result.as_bytes())?;
            let mut insert = self.db.prepare_cached(include_str!("../../sql/api_call_insert.sql"))?;
            row.detail = Some(insert.insert(params![
                row.segment,
                function,
                library,
                call.count.map(signed),
                result,
                call.returned,
                signed(call.duration_ns),
                call.tries,
                signed(call.object),
                signed(call.parent),
                args
            ])?);
        }
        Ok(())
    }

    fn api_library(&mut self, host: i64, path: &[u8], file: FileId) -> Result<i64, StoreError> {
        let path = self.interned.path(&self.db, path)?;
        if let Some(id) = self.calls.libraries.get(&(host, path, file)) {
            return Ok(*id);
        }
        let id = self.put_api_library(host, path, file, None)?;
        if self.calls.libraries.len() >= MAX_KNOWN {
            self.calls.libraries.clear();
        }
        self.calls.libraries.insert((host, path, file), id);
        Ok(id)
    }

    /// `told`: bits, family, how many functions are watched, and which can't be.
    fn put_api_library(
        &self,
        host: i64,
        path: i64,
        file: FileId,
        told: Option<(u32, &[u8], u32, &[u8])>,
    ) -> Result<i64, StoreError> {
        let mut insert = self.db.prepare_cached(include_str!("../../sql/api_library.sql"))?;
        Ok(insert.query_row(
            params![
                host,
                path,
                file.dev_major,
                file.dev_minor,
                signed(file.ino),
                told.map(|t| t.0),
                told.map(|t| Raw(t.1)),
                told.map(|t| t.2),
                told.map(|t| Raw(t.3))
            ],
            |row| row.get(0),
        )?)
    }

    /// A request to the kernel. Gives the row its detail.
    pub(super) fn add_kernel_crypto(
        &mut self,
        event: &Event<'_>,
        crypto: &KernelCrypto<'_>,
        process: Option<i64>,
        row: &mut EventRow,
    ) -> Result<(), StoreError> {
        let request = Request {
            call: crypto.call.number(),
            operation: crypto.operation,
            version: crypto.version,
            cipher: crypto.cipher,
            kind: self.interned.text_option(&self.db, crypto.kind)?,
            name: self.interned.text_option(&self.db, crypto.name)?,
        };
        let request = self.kernel_request(request, crypto.call.name())?;
        if let Some(process) = process {
            let errno = if crypto.result < 0 { crypto.result.saturating_neg() } else { 0 };
            let key = KernelKey { process, request, errno, segment: row.segment };
            if self.calls.kernel.count(key, Counter::one(event.wall_ns)) {
                self.calls.flush(&self.db)?;
            }
        }
        row.result = Some(crypto.result);
        row.flags = (crypto.length != 0).then_some(crypto.length.into());
        row.detail = Some(request);
        Ok(())
    }

    fn kernel_request(&mut self, r: Request, name: &str) -> Result<i64, StoreError> {
        if let Some(id) = self.calls.requests.get(&r) {
            return Ok(*id);
        }
        let row = params![r.call, name, r.operation, r.version, r.cipher, r.kind, r.name];
        let find = self.db.prepare_cached(include_str!("../../sql/kernel_request_find.sql"))?;
        let id = match { find }.query_row(row, |row| row.get(0)).optional()? {
            Some(id) => id,
            None => {
                self.db.prepare_cached(include_str!("../../sql/kernel_request_insert.sql"))?.insert(row)?
            }
        };
        if self.calls.requests.len() >= MAX_KNOWN {
            self.calls.requests.clear();
        }
        self.calls.requests.insert(r, id);
        Ok(id)
    }

    /// What is told of functions, files and hosts. `false`: the note is of another kind.
    pub(super) fn add_crypto_note(&mut self, host: i64, body: &NoteBody<'_>) -> Result<bool, StoreError> {
        match *body {
            NoteBody::ApiFunction { recorded, family, name, topic } => {
                let mut insert = self.db.prepare_cached(include_str!("../../sql/api_function.sql"))?;
                let row = params![Raw(family), Raw(name), Raw(topic), recorded.name()];
                insert.query_row(row, |_| Ok(()))?;
            }
            NoteBody::ApiLibrary { path, file, bits, family, functions, left_out } => {
                let path = self.interned.path(&self.db, path)?;
                self.put_api_library(host, path, file, Some((bits, family, functions, left_out)))?;
            }
            NoteBody::HostCrypto { what, passed, priority, name, driver, kind, value } => {
                let mut insert = self.db.prepare_cached(include_str!("../../sql/host_crypto.sql"))?;
                let row = params![
                    host,
                    what.name(),
                    Raw(name),
                    Raw(driver),
                    Raw(kind),
                    Raw(value),
                    passed,
                    priority
                ];
                insert.execute(row)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}
