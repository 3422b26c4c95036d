//! Calls, handshakes and requests to the kernel, back from the database.
//!
//! Invariant: what comes back is what went in, field by field.

use std::net::{IpAddr, Ipv6Addr};

use crypto_tracer_format::record::KernelCall;
use rusqlite::{Connection, Row};

use super::StoreError;
use super::convert::{bytes, unsigned};
use super::outcome::{self, Outcome};
use crate::event::{ApiCall, Endpoint, FileId, KernelCrypto, TlsHandshake};

/// A call as it is stored.
#[derive(Debug, Default)]
pub(super) struct StoredCall {
    function: Vec<u8>,
    family: Vec<u8>,
    topic: Vec<u8>,
    library: Vec<u8>,
    result: String,
    args: Vec<u8>,
    file: FileId,
    count: Option<u64>,
    returned: Option<i64>,
    duration_ns: u64,
    tries: u32,
    object: u64,
    parent: u64,
}

impl StoredCall {
    pub(super) fn read(&mut self, db: &Connection, id: i64) -> Result<(), StoreError> {
        let mut find = db.prepare_cached(include_str!("../../sql/api_call.sql"))?;
        *self = find.query_row([id], |r| {
            Ok(StoredCall {
                function: text(r, 0)?,
                family: text(r, 1)?,
                topic: text(r, 2)?,
                library: text(r, 3)?,
                result: r.get(4)?,
                args: text(r, 5)?,
                file: FileId { dev_major: r.get(6)?, dev_minor: r.get(7)?, ino: unsigned(r.get(8)?) },
                count: r.get::<_, Option<i64>>(9)?.map(unsigned),
                returned: r.get(10)?,
                duration_ns: unsigned(r.get(11)?),
                tries: r.get(12)?,
                object: unsigned(r.get(13)?),
                parent: unsigned(r.get(14)?),
            })
        })?;
        Ok(())
    }

    pub(super) fn body(&self, bits: u32) -> ApiCall<'_> {
        ApiCall {
            function: &self.function,
            family: &self.family,
            topic: &self.topic,
            library: &self.library,
            file: self.file,
            count: self.count,
            result: &self.result,
            returned: self.returned,
            duration_ns: self.duration_ns,
            tries: self.tries,
            object: self.object,
            parent: self.parent,
            args: &self.args,
            bits,
        }
    }
}

/// A handshake as it is stored.
#[derive(Debug, Default)]
pub(super) struct StoredHandshake {
    outcome: Outcome,
    connection: u64,
    ports: (u16, u16),
    duration_ns: Option<u64>,
    bits: u16,
    addresses: Option<(Ipv6Addr, Ipv6Addr)>,
}

impl StoredHandshake {
    pub(super) fn read(&mut self, db: &Connection, id: i64) -> Result<(), StoreError> {
        let mut find = db.prepare_cached(include_str!("../../sql/handshake.sql"))?;
        *self = find.query_row([id], |r| {
            let own = |column| outcome::COLUMNS + column;
            Ok(StoredHandshake {
                outcome: Outcome::read(r)?,
                connection: unsigned(r.get(own(0))?),
                ports: (r.get(own(1))?, r.get(own(2))?),
                duration_ns: r.get::<_, Option<i64>>(own(3))?.map(unsigned),
                bits: r.get(own(4))?,
                addresses: address(&text(r, own(5))?).zip(address(&text(r, own(6))?)),
            })
        })?;
        match self.addresses {
            Some(_) => Ok(()),
            None => Err(StoreError::Value { what: "the address of handshake", value: id }),
        }
    }

    pub(super) fn body(&self) -> TlsHandshake<'_> {
        let Outcome { client, version, cipher_suite, group, signature_scheme, .. } = self.outcome;
        let Outcome { resumed, hello_retry, ech, alert, .. } = self.outcome;
        let (local, peer) = self.addresses.unwrap_or((Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED));
        TlsHandshake {
            connection: self.connection,
            client,
            local: Endpoint { address: local, port: self.ports.0 },
            peer: Endpoint { address: peer, port: self.ports.1 },
            version,
            cipher_suite,
            group,
            signature_scheme,
            sni: &self.outcome.sni,
            alpn: &self.outcome.alpn,
            resumed,
            hello_retry,
            ech,
            result: &self.outcome.result,
            alert,
            ja4: &self.outcome.ja4,
            duration_ns: self.duration_ns,
            verify: &self.outcome.verify,
            library: &self.outcome.library,
            offered: &self.outcome.offered,
            certificates: &self.outcome.certificates,
            bits: self.bits,
        }
    }
}

/// A request to the kernel as it is stored.
#[derive(Debug, Default)]
pub(super) struct StoredRequest {
    call: Option<KernelCall>,
    operation: u16,
    version: u16,
    cipher: u16,
    kind: Vec<u8>,
    name: Vec<u8>,
}

impl StoredRequest {
    pub(super) fn read(&mut self, db: &Connection, id: i64) -> Result<(), StoreError> {
        let mut find = db.prepare_cached(include_str!("../../sql/kernel_request.sql"))?;
        let (number, found) = find.query_row([id], |r| {
            let number: u16 = r.get(0)?;
            let request = StoredRequest {
                call: KernelCall::from_number(number),
                operation: r.get(1)?,
                version: r.get(2)?,
                cipher: r.get(3)?,
                kind: text(r, 4)?,
                name: text(r, 5)?,
            };
            Ok((number, request))
        })?;
        *self = found;
        match self.call {
            Some(_) => Ok(()),
            None => Err(StoreError::Value { what: "the kernel's call", value: number.into() }),
        }
    }

    pub(super) fn body(&self, length: u32, result: i64) -> KernelCrypto<'_> {
        KernelCrypto {
            call: self.call.unwrap_or(KernelCall::AlgBind),
            operation: self.operation,
            version: self.version,
            cipher: self.cipher,
            length,
            result,
            kind: &self.kind,
            name: &self.name,
        }
    }
}

/// A string that may be missing: empty then.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<u8>> {
    Ok(bytes(row, column)?.unwrap_or_default())
}

fn address(text: &[u8]) -> Option<Ipv6Addr> {
    Some(match std::str::from_utf8(text).ok()?.parse().ok()? {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    })
}
