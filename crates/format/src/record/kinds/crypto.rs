//! Cryptography itself: calls of libraries' functions, TLS handshakes, the kernel's, and what the host says of its own.

use crate::record::StrRef;
use crate::record::wire::wire;

wire! {
    /// A completed call of a function that is recorded as events. The header's `time_ns` is when it returned.
    pub struct ApiCall: ApiCall as "ct_api_call" {
        /// Which function: the `id` of an `ApiFunction` of the same segment.
        function: u32,
        /// Which file: the `id` of an `ApiLibrary` of the same segment.
        library: u32,
        /// When it was entered: of a call that was tried again (a non-blocking handshake), the first time.
        entered_ns: u64,
        /// What it returned; see `api_bits`.
        result: i64,
        /// Bits of `api_bits`.
        bits: u32,
        /// How often it was entered until it completed.
        tries: u32,
        /// Names the library's object (a connection, a context) within the process; 0: none. Not an address.
        object: u64,
        /// Names the object that `object` was made from or belongs to; 0: none.
        parent: u64,
        /// First number; the function's `args` say what it is.
        n0: i64,
        /// Second number.
        n1: i64,
        /// Third number.
        n2: i64,
        /// Fourth number.
        n3: i64,
        /// The name of an algorithm, or a list of such names.
        (Algorithm) name: StrRef,
        /// A path or URI of a file or key.
        (Locator) path: StrRef,
        /// Another one.
        (Locator) path2: StrRef,
        /// A host's name.
        (HostName) host: StrRef,
    }
}

wire! {
    /// Completed calls of a function since the last such record of the same process, function, bits and numbers.
    pub struct ApiCount: ApiCount as "ct_api_count" {
        /// Which function: the `id` of an `ApiFunction` of the same segment.
        function: u32,
        /// Which file: the `id` of an `ApiLibrary` of the same segment.
        library: u32,
        /// How many.
        count: u64,
        /// When the first completed; where earlier records count the same: when that count was read. None completed before.
        from_ns: u64,
        /// When the last of them completed.
        to_ns: u64,
        /// First number; the function's `args` say what it is.
        n0: i64,
        /// Second number.
        n1: i64,
        /// Bits of `api_bits`. What failed is counted apart.
        bits: u32,
        /// Always 0.
        reserved: u32,
    }
}

wire! {
    /// What was seen of a TCP connection's TLS handshake. The process is the one that sent or received it.
    pub struct TlsHello: TlsHello as "ct_tls_hello" {
        /// Names the connection within the capture. Not an address.
        connection: u64,
        /// The library's object whose call was under way in this thread, as in `ApiCall`; 0: none.
        object: u64,
        /// A `TlsMessage`.
        message: u16,
        /// A `Direction`; 0: none.
        direction: u16,
        /// Bits of `tls_bits`.
        bits: u16,
        /// Of certificates: 0 for the end entity's, 1 for the next of the chain, and so on.
        index: u16,
        /// The length of the whole message as it was sent, in bytes. Of `Encrypted`: the length field of this direction's first
        /// record of application data, which in TLS 1.3 tells an alert from all else (RFC 8446, 5.2); 0: it began with another
        /// record (up to TLS 1.2), or with none that could be seen.
        length: u32,
        /// Port of this side.
        local_port: u16,
        /// Port of the other side.
        peer_port: u16,
        /// Address of this side: IPv6, or IPv4 as ::ffff:a.b.c.d.
        (Address) local: [u8; 16],
        /// Address of the other side.
        (Address) peer: [u8; 16],
        /// The message, as `TlsMessage` says.
        (Hello) body: StrRef,
        /// Unused, zero.
        reserved: u32,
    }
}

wire! {
    /// Cryptography of the kernel was asked for; seen when the call returned.
    pub struct KernelCrypto: KernelCrypto as "ct_kernel_crypto" {
        /// A `KernelCall`.
        call: u16,
        /// Of keyctl(2), its operation.
        operation: u16,
        /// Of kTLS, the version (0x0303, 0x0304).
        version: u16,
        /// Of kTLS, the cipher (TLS_CIPHER_… of linux/tls.h).
        cipher: u16,
        /// Length of the payload that was given, in bytes. The payload itself is never read.
        length: u32,
        /// Unused, zero.
        reserved: u32,
        /// What the call returned; negative: the error number.
        result: i64,
        /// Type of the algorithm or key.
        (Text) kind: StrRef,
        /// Name of the algorithm, description of the key.
        (Message) name: StrRef,
    }
}

wire! {
    /// What the host says of its cryptography.
    pub struct HostCrypto: HostCrypto as "ct_host_crypto" {
        /// A `HostFact`.
        what: u16,
        /// Of an algorithm: 1 if its self-test passed.
        passed: u16,
        /// Of an algorithm: its priority.
        priority: u32,
        /// Of an algorithm: its name.
        (Text) name: StrRef,
        /// Of an algorithm: the driver.
        (Text) driver: StrRef,
        /// Of an algorithm: the type (skcipher, aead …).
        (Text) kind: StrRef,
        /// Of other facts: what was found.
        (Text) value: StrRef,
    }
}

wire! {
    /// A function that is probed, as the catalogue describes it.
    pub struct ApiFunction: ApiFunction as "ct_api_function" {
        /// Its number in this recording.
        id: u32,
        /// An `ApiRecorded`.
        recorded: u16,
        /// 1: one of the bulk functions, which are recorded only where they were asked for.
        bulk: u16,
        /// The family of libraries that it belongs to.
        (Text) family: StrRef,
        /// Its name.
        (Text) name: StrRef,
        /// What it tells of: a topic of the catalogue.
        (Text) topic: StrRef,
        /// Its arguments: `slot=name:type`, separated by spaces; the slots are the fields of `ApiCall`.
        (Text) args: StrRef,
        /// Which results are success: a rule of the catalogue.
        (Text) success: StrRef,
        /// Unused, zero.
        reserved: u32,
    }
}

wire! {
    /// A file whose functions are probed.
    pub struct ApiLibrary: ApiLibrary as "ct_api_library" {
        /// Its number in this recording.
        id: u32,
        /// Bits of `lib_bits`.
        bits: u32,
        /// Inode number.
        ino: u64,
        /// Device, major number.
        dev_major: u32,
        /// Device, minor number.
        dev_minor: u32,
        /// How many of its functions are probed.
        functions: u32,
        /// The family of libraries.
        (Text) family: StrRef,
        /// The path through which it was first seen.
        (Path) path: StrRef,
        /// The functions that can't be probed, separated by spaces.
        (Text) left_out: StrRef,
    }
}
