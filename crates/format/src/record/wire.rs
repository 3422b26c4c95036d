//! The one macro that turns a table of fields into a record type.
//!
//! Invariants:
//! - A record is little-endian; its size is a multiple of 8; it starts with [`Header`](super::Header).
//! - Fields lie where C puts them: each at a multiple of its own size. The macro refuses a table in which
//!   C would insert padding, so that padding is always a named field.
//! - A type only ever grows at its end. The header says how long the fixed part is ([`Header::fixed`](super::Header::fixed));
//!   a field beyond it reads as zero, fields beyond those we know are ignored.
//! - Strings follow the fixed part in any order; a [`StrRef`] gives offset and length from the start of the record.
//!
//! From the same table come the Rust struct, its decoder and encoder, the list of fields that the layout test
//! holds against the BTF of the compiled BPF object, the redactor's list of strings, and docs/capture-format.md.

/// Where a string of a record lies, from the record's first byte. Not terminated by NUL. `len` 0: no string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StrRef {
    /// Offset from the first byte of the record, in bytes.
    pub off: u16,
    /// Length in bytes.
    pub len: u16,
}

/// What a field means to code that treats all record types alike: the redactor above all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A number, or fixed bytes: nothing to redact.
    Plain,
    /// A string that holds no personal data (a version, a build id, a probe's name).
    Text,
    /// A path. Absolute, or one that needs no base to be understood.
    Path,
    /// The absolute directory that the [`Role::Relative`] path of the same record starts from; empty if that is absolute.
    Base,
    /// A path as a program gave it: relative to the [`Role::Base`] of the same record, or absolute.
    Relative,
    /// A command line: arguments, each ended by NUL.
    Argv,
    /// A user's name.
    User,
    /// A free text that may hold paths (messages, patterns).
    Message,
    /// The name of an algorithm, or a list of such names, as a program gave it: any text.
    Algorithm,
    /// A path or URI as a program gave it to a library; may hold a PIN.
    Locator,
    /// The name of a host.
    HostName,
    /// Sixteen bytes: an IPv6 address, or an IPv4 address mapped into one.
    Address,
    /// A message of a TLS handshake.
    Hello,
}

/// One line of a record type's table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name, the same in Rust and in C.
    pub name: &'static str,
    /// Type as Rust writes it.
    pub ty: &'static str,
    /// Offset from the record's first byte, in bytes.
    pub offset: usize,
    /// Size in bytes.
    pub size: usize,
    /// What the field means.
    pub role: Role,
    /// The doc comment: one line per element.
    pub doc: &'static [&'static str],
}

/// A type that can be a field. Little-endian.
pub trait WireField: Sized {
    /// Size in bytes.
    const SIZE: usize;
    /// Alignment in C, in bytes.
    const ALIGN: usize;
    /// Reads the field from exactly [`Self::SIZE`] bytes.
    fn get(bytes: &[u8]) -> Self;
    /// Appends the field's bytes.
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! int_field {
    ($($ty:ty),*) => {$(
        impl WireField for $ty {
            const SIZE: usize = size_of::<$ty>();
            const ALIGN: usize = size_of::<$ty>();
            fn get(bytes: &[u8]) -> Self {
                let mut buf = [0; size_of::<$ty>()];
                buf.copy_from_slice(bytes);
                <$ty>::from_le_bytes(buf)
            }
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
int_field!(u8, u16, u32, u64, i32, i64);

impl<const N: usize> WireField for [u8; N] {
    const SIZE: usize = N;
    const ALIGN: usize = 1;
    fn get(bytes: &[u8]) -> Self {
        let mut buf = [0; N];
        buf.copy_from_slice(bytes);
        buf
    }
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl WireField for StrRef {
    const SIZE: usize = 4;
    const ALIGN: usize = 2;
    fn get(bytes: &[u8]) -> Self {
        StrRef { off: u16::get(&bytes[..2]), len: u16::get(&bytes[2..4]) }
    }
    fn put(&self, out: &mut Vec<u8>) {
        self.off.put(out);
        self.len.put(out);
    }
}

/// Reads the field at `offset`, or its zero value where the record's fixed part is too short to hold it.
pub(crate) fn field_at<T: WireField + Default>(fixed: &[u8], offset: usize) -> T {
    fixed.get(offset..offset + T::SIZE).map(T::get).unwrap_or_default()
}

/// Where the next field of size and alignment given starts; fails to compile where C would pad.
pub(crate) const fn place(end: usize, align: usize) -> usize {
    assert!(end.is_multiple_of(align), "C would insert padding here: name it as a field");
    end
}

/// The role of a field: the one written in the table, or [`Role::Plain`].
macro_rules! role {
    () => {
        $crate::record::Role::Plain
    };
    ($role:ident) => {
        $crate::record::Role::$role
    };
}

/// Makes a record type from its table. See the module's text.
macro_rules! wire {
    (
        $(#[$meta:meta])*
        pub struct $name:ident: $kind:ident as $c_name:literal {
            $( $(#[doc = $doc:literal])* $(($role:ident))? $field:ident: $ty:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $ty, )*
        }

        impl $crate::record::Payload for $name {
            const KIND: $crate::record::Kind = $crate::record::Kind::$kind;
            const C_NAME: &'static str = $c_name;
            const FIELDS: &'static [$crate::record::Field] = {
                #[allow(unused_mut)]
                let mut end = $crate::record::HEADER_SIZE;
                &[$({
                    let offset = $crate::record::wire::place(
                        end, <$ty as $crate::record::wire::WireField>::ALIGN);
                    #[allow(unused_assignments)]
                    {
                        end = offset + <$ty as $crate::record::wire::WireField>::SIZE;
                    }
                    $crate::record::Field {
                        name: stringify!($field),
                        ty: stringify!($ty),
                        offset,
                        size: <$ty as $crate::record::wire::WireField>::SIZE,
                        role: $crate::record::wire::role!($($role)?),
                        doc: &[$($doc),*],
                    }
                }),*]
            };

            #[allow(unused_assignments)]
            fn from_fixed(fixed: &[u8]) -> Self {
                // No padding is allowed, so that the running end is each field's offset.
                let mut at = $crate::record::HEADER_SIZE;
                let mut record = Self::default();
                $(
                    record.$field = $crate::record::wire::field_at(fixed, at);
                    at += <$ty as $crate::record::wire::WireField>::SIZE;
                )*
                record
            }

            fn put_fields(&self, out: &mut Vec<u8>) {
                $( $crate::record::wire::WireField::put(&self.$field, out); )*
            }
        }
    };
}
pub(crate) use {role, wire};
