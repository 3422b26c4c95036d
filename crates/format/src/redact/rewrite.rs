//! Rewrites a record: every string by its [`Role`], nothing else.
//!
//! Invariants:
//! - What is copied holds no byte that no field names: a record with unused room between its strings is built anew.
//! - A record of a type that this release doesn't know can't be judged and is left out. Of a record of a later version
//!   the fields that this release knows remain, and it says so (`version`, `fixed`).
//! - A string that lies outside its record is left out.
//! - A string that grew past a limit is cut, and the record's flag for that is set where it has one.

use super::Redactor;
use crate::limits;
use crate::record::wire::{WireField, field_at};
use crate::record::{Field, HEADER_SIZE, Kind, Record, Role, StrRef, open_bits, process_bits, tls_bits};
use crate::record::{Payload, TlsHello, TlsMessage, User};
use std::borrow::Cow;

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// Copied as it was.
    Verbatim,
    /// Written with other strings.
    Changed,
    /// Left out: its type isn't known.
    Dropped,
}

/// More strings than any type has.
const STRINGS: usize = 16;

/// Flags that say of a string that it is cut.
const CUT_BITS: &[(Kind, &str, u32)] = &[
    (Kind::FileOpen, "path", open_bits::PATH_CUT),
    (Kind::FileOpen, "dir", open_bits::DIR_CUT),
    (Kind::ProcessExec, "argv", process_bits::ARGV_CUT),
    (Kind::ProcessExec, "exe", process_bits::EXE_CUT),
    (Kind::BaselineProcess, "argv", process_bits::ARGV_CUT),
    (Kind::BaselineProcess, "exe", process_bits::EXE_CUT),
];

impl Redactor {
    /// Appends the record, redacted.
    pub fn rewrite(&self, record: &Record<'_>, out: &mut Vec<u8>) -> Rewritten {
        let Some(kind) = record.kind() else { return Rewritten::Dropped };
        let fields = kind.fields();
        let known = fields.last().map_or(HEADER_SIZE, |f| f.offset + f.size).next_multiple_of(8);
        let fixed_len = record.header().fixed as usize * 8;
        let fixed = &record.bytes()[..fixed_len.min(known).min(record.bytes().len())];

        let mut strings: [(Option<&Field>, Cow<'_, [u8]>); STRINGS] =
            [const { (None, Cow::Borrowed(&[])) }; STRINGS];
        let mut places = [StrRef::default(); STRINGS];
        let mut same = fixed.len() == fixed_len;
        let refs = fields.iter().filter(|f| f.ty == "StrRef" && f.offset + f.size <= fixed.len());
        for ((field, slot), place) in refs.zip(&mut strings).zip(&mut places) {
            let at: StrRef = field_at(fixed, field.offset);
            let text = record.str(at).unwrap_or_else(|_| {
                same = false;
                &[]
            });
            let redacted = self.by_role(record, fields, fixed, field, text);
            // What is only cut is borrowed too.
            same &= matches!(redacted, Cow::Borrowed(_)) && redacted.len() == text.len();
            *place = at;
            *slot = (Some(field), redacted);
        }
        let mut fixed = self.addresses(fields, fixed);
        if kind == Kind::TlsHello && !same {
            // Whoever reads it must not take zeros for what was sent.
            let at = TlsHello::FIELDS.iter().find(|f| f.name == "bits").map_or(0, |f| f.offset);
            let old: u16 = field_at(&fixed, at);
            patch(fixed.to_mut(), at, &(old | tls_bits::STRIPPED));
        }
        same &= matches!(fixed, Cow::Borrowed(_));
        if same && is_tight(record.bytes(), fixed_len, &mut places) {
            out.extend_from_slice(record.bytes());
            return Rewritten::Verbatim;
        }
        build(kind, &fixed, &strings, out);
        Rewritten::Changed
    }

    fn by_role<'a>(
        &self,
        record: &Record<'a>,
        fields: &[Field],
        fixed: &[u8],
        field: &Field,
        text: &'a [u8],
    ) -> Cow<'a, [u8]> {
        match field.role {
            Role::Plain | Role::Text => Cow::Borrowed(text),
            Role::Path | Role::Base => self.path(text),
            Role::Relative => {
                let base = fields.iter().find(|f| f.role == Role::Base);
                let base = base.and_then(|f| record.str(field_at(fixed, f.offset)).ok()).unwrap_or_default();
                self.relative(base, text)
            }
            Role::Argv => self.argv(text),
            Role::User => self.user(User::from_fixed(fixed).id, text),
            Role::Message => self.message(text),
            Role::Locator => self.locator(text),
            Role::HostName => self.host(text),
            Role::Algorithm => self.algorithm(text),
            Role::Hello => self.handshake(&TlsHello::from_fixed(fixed), text),
            Role::Address => Cow::Borrowed(&[]),
        }
    }
}

impl Redactor {
    /// The fixed part, with its addresses redacted in place.
    fn addresses<'a>(&self, fields: &[Field], fixed: &'a [u8]) -> Cow<'a, [u8]> {
        let mut out = Cow::Borrowed(fixed);
        for field in fields.iter().filter(|f| f.role == Role::Address) {
            let Some(address) = fixed.get(field.offset..).and_then(|b| b.first_chunk::<16>()) else { break };
            let kept = self.address(*address);
            if kept != *address {
                patch(out.to_mut(), field.offset, &kept);
            }
        }
        out
    }

    /// The body of a [`TlsHello`], by what it is.
    fn handshake<'a>(&self, hello: &TlsHello, body: &'a [u8]) -> Cow<'a, [u8]> {
        let most = |count: usize| Cow::Borrowed(&body[..body.len().min(count)]);
        match TlsMessage::from_number(hello.message) {
            Some(TlsMessage::ClientHello | TlsMessage::ServerHello) => self.hello(body),
            Some(TlsMessage::Certificate) => self.certificate(body, hello.index),
            Some(TlsMessage::ServerKeyExchange) => most(6),
            Some(TlsMessage::Alert) => most(2),
            _ => Cow::Borrowed(&[]),
        }
    }
}

/// Whether the strings fill the record's string part, but for less than 8 bytes of zeros before, between and after.
fn is_tight(bytes: &[u8], fixed: usize, places: &mut [StrRef; STRINGS]) -> bool {
    places.sort_unstable_by_key(|place| place.off);
    let mut end = fixed;
    let mut gaps = places.iter().filter(|p| p.len > 0).map(|p| {
        let gap = end..p.off as usize;
        end = end.max(p.off as usize + p.len as usize);
        gap
    });
    let padding = |gap: std::ops::Range<usize>| {
        gap.len() < 8
            && bytes.get(gap.start..gap.end.max(gap.start)).is_some_and(|b| b.iter().all(|&b| b == 0))
    };
    let tight = gaps.all(padding);
    tight && padding(end..bytes.len())
}

/// Writes the fixed part with new places for the strings, then these.
fn build(kind: Kind, fixed: &[u8], strings: &[(Option<&Field>, Cow<'_, [u8]>); STRINGS], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(fixed);
    for (field, text) in strings {
        let Some(field) = field else { break };
        let off = out.len() - start;
        let room = limits::STRING_BYTES.min(limits::RECORD_BYTES.saturating_sub(off + 8));
        let cut = &text[..text.len().min(room)];
        let place = match cut.is_empty() {
            true => StrRef::default(),
            false => StrRef { off: off as u16, len: cut.len() as u16 },
        };
        out.extend_from_slice(cut);
        patch(&mut out[start..], field.offset, &place);
        if cut.len() < text.len()
            && let Some((.., bit)) = CUT_BITS.iter().find(|(k, name, _)| *k == kind && *name == field.name)
            && let Some(bits) = kind.fields().iter().find(|f| f.name == "bits")
        {
            let old: u32 = field_at(fixed, bits.offset);
            let now: u32 = field_at(&out[start..], bits.offset);
            patch(&mut out[start..], bits.offset, &(old | now | bit));
        }
    }
    let size = (out.len() - start).next_multiple_of(8);
    out.resize(start + size, 0);
    // Header: version at 2, fixed at 3, size at 4.
    let version = fixed.get(2).copied().unwrap_or_default().min(kind.version());
    patch(&mut out[start..], 2, &version);
    patch(&mut out[start..], 3, &((fixed.len() / 8) as u8));
    patch(&mut out[start..], 4, &(size as u32));
}

fn patch<T: WireField>(record: &mut [u8], offset: usize, value: &T) {
    let mut bytes = Vec::with_capacity(T::SIZE);
    value.put(&mut bytes);
    if let Some(place) = record.get_mut(offset..offset + bytes.len()) {
        place.copy_from_slice(&bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;
    use crate::record::{
        ApiCall, BaselineProcess, Builder, FileOpen, Header, LibLoad, ProcessExec, ProcessFork, Records, User,
    };
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            time_ns: 7,
            tgid: 8,
            tid: 9,
            uid: 1000,
            start_ns: 10,
            comm: *b"app\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ..Header::default()
        }
    }

    fn open(dir: &[u8], path: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut b = Builder::new(&mut out);
        let (dir, path) = (b.string(dir), b.string(path));
        b.finish(&header(), &FileOpen { result: -13, flags: 1, dir, path, ..FileOpen::default() })
            .expect("small");
        out
    }

    fn rewrite(bytes: &[u8]) -> (Rewritten, Vec<u8>) {
        let (record, _) = Record::split_first(bytes).expect("a record");
        let mut out = b"before".to_vec();
        let what = Redactor::new(Policy::default()).rewrite(&record, &mut out);
        (what, out.split_off(6))
    }

    fn one<P: Payload>(bytes: &[u8]) -> (Record<'_>, P) {
        let (record, rest) = Record::split_first(bytes).expect("a record");
        assert!(rest.is_empty());
        (record, record.payload().expect("its type"))
    }

    #[test]
    fn nothing_to_redact_is_a_copy() {
        let bytes = open(b"/etc/ssl", b"certs/x.pem");
        assert_eq!(rewrite(&bytes), (Rewritten::Verbatim, bytes));
    }

    #[test]
    fn paths_go_by_their_role_and_numbers_stay() {
        let bytes = open(b"/home/alice/src", b"../../bob/x.pem");
        let (what, out) = rewrite(&bytes);
        assert_eq!(what, Rewritten::Changed);
        let (record, p) = one::<FileOpen>(&out);
        assert_eq!(record.str(p.dir), Ok(&b"/home/USER/src"[..]));
        assert_eq!(record.str(p.path), Ok(&b"../../USER/x.pem"[..]));
        assert_eq!((p.result, p.flags, p.bits), (-13, 1, 0));
        let (before, _) = one::<FileOpen>(&bytes);
        assert_eq!(Header { size: before.header().size, ..*record.header() }, *before.header());
        assert_eq!(rewrite(&out).0, Rewritten::Verbatim, "once is enough");
    }

    #[test]
    fn command_lines_go_too() {
        let mut bytes = Vec::new();
        let mut b = Builder::new(&mut bytes);
        let (exe, argv) = (b.string(b"/usr/bin/mysql"), b.string(b"mysql\0-ps3cr\0/home/bob/x\0"));
        b.finish(&header(), &ProcessExec { exe, argv, ppid: 3, ..ProcessExec::default() }).expect("small");
        let (_, out) = rewrite(&bytes);
        let (record, p) = one::<ProcessExec>(&out);
        assert_eq!(record.str(p.argv), Ok(&b"mysql\0-p[REDACTED]\0/home/USER/x\0"[..]));
        assert_eq!((record.str(p.exe), p.ppid), (Ok(&b"/usr/bin/mysql"[..]), 3));
    }

    #[test]
    fn persons_lose_their_names_and_services_keep_them() {
        for (id, want) in [(0, "alice"), (999, "alice"), (1000, "USER"), (65534, "alice"), (70000, "USER")] {
            let mut bytes = Vec::new();
            let mut b = Builder::new(&mut bytes);
            let name = b.string(b"alice");
            b.finish(&header(), &User { id, name }).expect("small");
            let (_, out) = rewrite(&bytes);
            let (record, p) = one::<User>(&out);
            assert_eq!(record.str(p.name), Ok(want.as_bytes()), "{id}");
        }
    }

    #[test]
    fn bytes_that_no_field_names_are_left_out() {
        let mut bytes = open(b"", b"/etc/x.pem");
        let end = bytes.len();
        bytes.extend_from_slice(b"leftover of another record......");
        let size = bytes.len() as u32;
        bytes[4..8].copy_from_slice(&size.to_le_bytes());
        let (what, out) = rewrite(&bytes);
        assert_eq!(what, Rewritten::Changed);
        assert_eq!(out.len(), end);
        assert_eq!(out, open(b"", b"/etc/x.pem"));
    }

    #[test]
    fn unknown_types_are_left_out_and_unknown_fields_too() {
        let mut bytes = open(b"", b"/etc/x.pem");
        bytes[0] = 200;
        assert_eq!(rewrite(&bytes), (Rewritten::Dropped, Vec::new()));

        // A fork of a later release: 8 bytes more in its fixed part.
        let mut bytes = Vec::new();
        Builder::new(&mut bytes)
            .finish(&header(), &ProcessFork { ppid: 5, ..ProcessFork::default() })
            .expect("small");
        let old = bytes.clone();
        bytes.extend_from_slice(b"unknown!");
        (bytes[2], bytes[3], bytes[4]) = (2, bytes[3] + 1, bytes[4] + 8);
        assert_eq!(rewrite(&bytes), (Rewritten::Changed, old));
    }

    #[test]
    fn a_string_outside_its_record_is_left_out() {
        let mut bytes = open(b"", b"/etc/x.pem");
        let at = FileOpen::FIELDS.iter().find(|f| f.name == "path").expect("it has one").offset;
        bytes[at + 2..at + 4].copy_from_slice(&4000u16.to_le_bytes());
        let (what, out) = rewrite(&bytes);
        let (record, p) = one::<FileOpen>(&out);
        assert_eq!((what, record.str(p.path)), (Rewritten::Changed, Ok(&b""[..])));
    }

    #[test]
    fn a_path_that_grew_too_long_is_cut_and_says_so() {
        let path = [b"/root/".as_slice(), &[b'x'; 4089]].concat();
        let (_, out) = rewrite(&open(b"", &path));
        let (record, p) = one::<FileOpen>(&out);
        assert_eq!(record.str(p.path).map(<[u8]>::len), Ok(limits::STRING_BYTES));
        assert_eq!(p.bits, open_bits::PATH_CUT);
    }

    #[test]
    fn handshakes_lose_whom_they_are_with() {
        let certificate = b"no certificate: nothing of it may stay";
        for (message, body, want) in [
            (TlsMessage::Certificate, &certificate[..], &b""[..]),
            (TlsMessage::Alert, b"\x02\x28and more", b"\x02\x28"),
            (TlsMessage::ServerKeyExchange, b"\x03\0\x1d\x20\x08\x04and more", b"\x03\0\x1d\x20\x08\x04"),
            (TlsMessage::Encrypted, b"anything", b""),
            (TlsMessage::Encrypted, b"", b""),
        ] {
            let (local, peer) = ([0; 16], *b"\x20\x01\x05\x03\xba\x3e\0\0\0\x02\0\0\0\0\0\x30");
            let mut bytes = Vec::new();
            let mut b = Builder::new(&mut bytes);
            let payload = TlsHello {
                message: message.number(),
                bits: 1,
                body: b.string(body),
                local,
                peer,
                ..TlsHello::default()
            };
            b.finish(&header(), &payload).expect("small");
            let (what, out) = rewrite(&bytes);
            let (record, p) = one::<TlsHello>(&out);
            assert_eq!((what, record.str(p.body)), (Rewritten::Changed, Ok(want)));
            assert_eq!(p.bits, if body.is_empty() { 1 } else { 1 | tls_bits::STRIPPED });
            assert_eq!(p.peer, *b"\x20\x01\x05\x03\xba\x3e\0\0\0\0\0\0\0\0\0\0");
            assert_eq!(p.local, local);
            assert_eq!(rewrite(&out).0, Rewritten::Verbatim, "once is enough");
        }
    }

    #[test]
    fn no_type_has_more_strings_than_are_looked_at() {
        for kind in Kind::ALL {
            assert!(kind.fields().iter().filter(|f| f.ty == "StrRef").count() <= STRINGS, "{kind:?}");
        }
    }

    #[test]
    fn without_redaction_of_paths_secrets_still_go() {
        let mut bytes = Vec::new();
        let mut b = Builder::new(&mut bytes);
        let (exe, argv) = (b.string(b"/home/bob/x"), b.string(b"/home/bob/x\0--token=s3cr\0"));
        b.finish(&header(), &BaselineProcess { exe, argv, ..BaselineProcess::default() }).expect("small");
        let (record, _) = Record::split_first(&bytes).expect("a record");
        let mut out = Vec::new();
        Redactor::new(Policy { paths: false, users: false, network: false }).rewrite(&record, &mut out);
        let (record, p) = one::<BaselineProcess>(&out);
        assert_eq!(record.str(p.exe), Ok(&b"/home/bob/x"[..]));
        assert_eq!(record.str(p.argv), Ok(&b"/home/bob/x\0--token=[REDACTED]\0"[..]));
    }

    #[test]
    fn names_given_to_libraries_are_known_ones() {
        let mut bytes = Vec::new();
        let mut b = Builder::new(&mut bytes);
        let name = b.string(b"AES-256-GCM:hunter2");
        let path = b.string(b"pkcs11:token=a?pin-value=1234");
        b.finish(&header(), &ApiCall { name, path, n0: 3, ..ApiCall::default() }).expect("small");
        // Whatever the policy is.
        for redactor in
            [Redactor::default(), Redactor::new(Policy { paths: false, users: false, network: false })]
        {
            let (record, _) = Record::split_first(&bytes).expect("a record");
            let mut out = Vec::new();
            assert_eq!(redactor.rewrite(&record, &mut out), Rewritten::Changed);
            let (record, call) = one::<ApiCall>(&out);
            assert_eq!(record.str(call.name), Ok(&b"AES-256-GCM:other"[..]));
            assert_eq!(record.str(call.path), Ok(&b"pkcs11:token=a"[..]));
            assert_eq!(call.n0, 3);
        }
    }

    proptest! {
        #[test]
        fn any_record_stays_a_record(kind in 0u16..40, fixed in 8u8..24, body in prop::collection::vec(any::<u8>(), 128..400)) {
            let mut bytes = open(b"", b"");
            bytes.truncate(HEADER_SIZE);
            bytes.extend_from_slice(&body);
            bytes.resize(bytes.len() / 8 * 8, 0);
            let size = bytes.len() as u32;
            bytes[0..2].copy_from_slice(&kind.to_le_bytes());
            bytes[3] = fixed;
            bytes[4..8].copy_from_slice(&size.to_le_bytes());
            let (what, out) = rewrite(&bytes);
            prop_assert_eq!(what == Rewritten::Dropped, out.is_empty());
            prop_assert!(Records::new(&out).all(|r| r.is_ok()));
        }

        #[test]
        fn a_library_path_is_redacted_once(path in "(/(home|root|etc|bob|\\.\\.|a_b|volumes|docker)){0,6}") {
            let mut bytes = Vec::new();
            let mut b = Builder::new(&mut bytes);
            let path = b.string(path.as_bytes());
            b.finish(&header(), &LibLoad { path, ino: 5, ..LibLoad::default() }).expect("small");
            let (_, once) = rewrite(&bytes);
            prop_assert_eq!(rewrite(&once), (Rewritten::Verbatim, once));
        }
    }
}
