//! What a recording tells of libraries' functions, of TLS, and of the kernel's cryptography.

use crypto_tracer_format::record::{
    ApiCall, ApiCount, ApiFunction, ApiLibrary, ApiRecorded, Builder, Direction, HostCrypto, HostFact,
    KernelCall, KernelCrypto, TlsHello, TlsMessage,
};

use super::{Recording, Who, at, message};

impl Recording {
    /// A function of OpenSSL that is probed, with its arguments and its rule of success as a catalogue has them.
    pub fn function(&mut self, id: u32, name: &str, topic: &str, args: &str, success: &str) -> &mut Self {
        self.watched_function(ApiRecorded::Event, id, name, topic, args, success)
    }

    /// A function whose calls are counted.
    pub fn counted_function(&mut self, id: u32, name: &str, args: &str) -> &mut Self {
        self.watched_function(ApiRecorded::Count, id, name, "algorithm", args, "none")
    }

    fn watched_function(
        &mut self,
        recorded: ApiRecorded,
        id: u32,
        name: &str,
        topic: &str,
        args: &str,
        success: &str,
    ) -> &mut Self {
        self.record(Self::nobody(0), |b: &mut Builder<'_, ApiFunction>| ApiFunction {
            id,
            recorded: recorded.number(),
            bulk: 0,
            family: b.string(b"OpenSSL"),
            name: b.string(name.as_bytes()),
            topic: b.string(topic.as_bytes()),
            args: b.string(args.as_bytes()),
            success: b.string(success.as_bytes()),
            reserved: 0,
        })
    }

    /// A file whose functions are probed; the inode is made of the path's length, as of its mapping.
    pub fn api_library(&mut self, id: u32, path: &str) -> &mut Self {
        self.api_library_without(id, path, "")
    }

    /// A file some of whose functions can't be probed.
    pub fn api_library_without(&mut self, id: u32, path: &str, left_out: &str) -> &mut Self {
        self.record(Self::nobody(0), |b: &mut Builder<'_, ApiLibrary>| ApiLibrary {
            id,
            ino: 1000 + path.len() as u64,
            dev_major: 8,
            dev_minor: 1,
            functions: 3,
            family: b.string(b"OpenSSL"),
            path: b.string(path.as_bytes()),
            left_out: b.string(left_out.as_bytes()),
            ..ApiLibrary::default()
        })
    }

    /// A completed call; `fill` gives its fields and strings.
    pub fn call(
        &mut self,
        ms: u64,
        who: Who,
        fill: impl FnOnce(&mut Builder<'_, ApiCall>) -> ApiCall,
    ) -> &mut Self {
        self.record(who.header(at(ms)), fill)
    }

    /// Calls that the kernel counted; none failed.
    pub fn count(
        &mut self,
        ms: u64,
        who: Who,
        function: u32,
        library: u32,
        count: u64,
        n0: i64,
    ) -> &mut Self {
        let done =
            ApiCount { function, library, count, from_ns: at(ms), to_ns: at(ms), n0, ..ApiCount::default() };
        self.counted(ms, who, done)
    }

    /// Calls whose counter was read then.
    pub fn counted(&mut self, ms: u64, who: Who, done: ApiCount) -> &mut Self {
        self.record(who.header(at(ms)), |_: &mut Builder<'_, ApiCount>| done)
    }

    /// A message of a TLS handshake, of `from` on port 40000 with 192.168.1.2 on port 443.
    pub fn tls(
        &mut self,
        ms: u64,
        from: Who,
        connection: u64,
        message: TlsMessage,
        sent: bool,
        body: &[u8],
    ) -> &mut Self {
        self.tls_of(ms, from, connection, 0, message, sent, body)
    }

    /// The same, while a call of a library about an object is under way.
    #[allow(clippy::too_many_arguments, reason = "each is a field of the record")]
    pub fn tls_of(
        &mut self,
        ms: u64,
        from: Who,
        connection: u64,
        object: u64,
        message: TlsMessage,
        sent: bool,
        body: &[u8],
    ) -> &mut Self {
        let mapped = |last| std::net::Ipv4Addr::new(192, 168, 1, last).to_ipv6_mapped().octets();
        let direction = if sent { Direction::Sent } else { Direction::Received };
        self.record(from.header(at(ms)), |b: &mut Builder<'_, TlsHello>| TlsHello {
            connection,
            object,
            message: message.number(),
            direction: direction.number(),
            length: body.len() as u32,
            local_port: 40000,
            peer_port: 443,
            local: mapped(1),
            peer: mapped(2),
            body: b.string(body),
            ..TlsHello::default()
        })
    }

    /// Two handshakes of a client, 10 to 33 ms after the beginning: one in TLS 1.3 that succeeds, one in TLS 1.2 that the
    /// client breaks off.
    pub fn two_handshakes(&mut self, client: Who) -> &mut Self {
        self.tls(10, client, 1, TlsMessage::ClientHello, true, &message!("tls13_client_hello"))
            .tls(20, client, 1, TlsMessage::ServerHello, false, &message!("tls13_server_hello"))
            .tls(21, client, 1, TlsMessage::Encrypted, false, b"")
            .tls(22, client, 1, TlsMessage::Encrypted, true, b"")
            .tls(30, client, 2, TlsMessage::ClientHello, true, &message!("tls12_client_hello"))
            .tls(31, client, 2, TlsMessage::ServerHello, false, &message!("tls12_server_hello"))
            .tls(32, client, 2, TlsMessage::Certificate, false, &message!("certificate_rsa"))
            .tls(33, client, 2, TlsMessage::Alert, true, &[2, 48])
    }

    /// A request to the kernel.
    pub fn kernel(
        &mut self,
        ms: u64,
        who: Who,
        call: KernelCall,
        kind: &str,
        name: &str,
        result: i64,
    ) -> &mut Self {
        self.record(who.header(at(ms)), |b: &mut Builder<'_, KernelCrypto>| KernelCrypto {
            call: call.number(),
            operation: 11,
            version: 0x0304,
            cipher: 52,
            length: 0,
            reserved: 0,
            result,
            kind: b.string(kind.as_bytes()),
            name: b.string(name.as_bytes()),
        })
    }

    /// What the host says of its cryptography.
    pub fn host_crypto(&mut self, what: HostFact, name: &str, value: &str) -> &mut Self {
        self.record(Self::nobody(0), |b: &mut Builder<'_, HostCrypto>| HostCrypto {
            what: what.number(),
            passed: 1,
            priority: 100,
            name: b.string(name.as_bytes()),
            driver: b.string(b""),
            kind: b.string(b""),
            value: b.string(value.as_bytes()),
        })
    }
}
