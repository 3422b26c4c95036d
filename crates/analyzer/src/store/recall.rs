//! Calls, handshakes and requests to the kernel, back from the database.
//!
//! Invariant: what comes back is what went in, field by field.

use std::net::{IpAddr, Ipv6Addr};

use crypto_tracer_format::record::KernelCall;
use rusqlite::{Connection, Row};

use super::StoreError;
use super::convert::{bytes, unsigned};
use crate::event::{Alert, ApiCall, Endpoint, FileId, KernelCrypto, TlsHandshake};

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
    client: bool,
    version: Option<u16>,
    cipher_suite: Option<u16>,
    group: Option<u16>,
    signature_scheme: Option<u16>,
    resumed: Option<bool>,
    hello_retry: bool,
    ech: bool,
    alert: Option<Alert>,
    connection: u64,
    ports: (u16, u16),
    duration_ns: Option<u64>,
    bits: u16,
    addresses: Option<(Ipv6Addr, Ipv6Addr)>,
    result: String,
    sni: Vec<u8>,
    alpn: Vec<u8>,
    ja4: Vec<u8>,
    verify: Vec<u8>,
    offered: Vec<u8>,
    certificates: Vec<u8>,
}

impl StoredHandshake {
    pub(super) fn read(&mut self, db: &Connection, id: i64) -> Result<(), StoreError> {
        let mut find = db.prepare_cached(include_str!("../../sql/handshake.sql"))?;
        *self = find.query_row([id], |r| {
            Ok(StoredHandshake {
                client: r.get(0)?,
                version: r.get(1)?,
                cipher_suite: r.get(2)?,
                group: r.get(3)?,
                signature_scheme: r.get(4)?,
                resumed: r.get(5)?,
                hello_retry: r.get(6)?,
                ech: r.get(7)?,
                alert: Alert::from_columns(r.get(8)?, r.get(9)?),
                connection: unsigned(r.get(10)?),
                ports: (r.get(11)?, r.get(12)?),
                duration_ns: r.get::<_, Option<i64>>(13)?.map(unsigned),
                bits: r.get(14)?,
                addresses: address(&text(r, 15)?).zip(address(&text(r, 16)?)),
                result: r.get(17)?,
                sni: text(r, 18)?,
                alpn: text(r, 19)?,
                ja4: text(r, 20)?,
                verify: text(r, 21)?,
                offered: text(r, 22)?,
                certificates: text(r, 23)?,
            })
        })?;
        match self.addresses {
            Some(_) => Ok(()),
            None => Err(StoreError::Value { what: "the address of handshake", value: id }),
        }
    }

    pub(super) fn body(&self) -> TlsHandshake<'_> {
        let (local, peer) = self.addresses.unwrap_or((Ipv6Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED));
        TlsHandshake {
            connection: self.connection,
            client: self.client,
            local: Endpoint { address: local, port: self.ports.0 },
            peer: Endpoint { address: peer, port: self.ports.1 },
            version: self.version,
            cipher_suite: self.cipher_suite,
            group: self.group,
            signature_scheme: self.signature_scheme,
            sni: &self.sni,
            alpn: &self.alpn,
            resumed: self.resumed,
            hello_retry: self.hello_retry,
            ech: self.ech,
            result: &self.result,
            alert: self.alert,
            ja4: &self.ja4,
            duration_ns: self.duration_ns,
            verify: &self.verify,
            offered: &self.offered,
            certificates: &self.certificates,
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
