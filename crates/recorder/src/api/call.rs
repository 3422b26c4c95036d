//! The record of a call, as far as the recorder changes it: in place.
//!
//! Invariant: a record that is too short for a field stays as it is; who reads it will find that.

use crate::objects::Objects;
use crypto_tracer_format::record::{ApiCall, HEADER_FIELDS, Payload, api_bits};

const TIME: usize = place("time_ns");
const BITS: usize = place("bits");
const OBJECTS: [usize; 2] = [place("object"), place("parent")];

/// Where a field of this name stands. A name that there isn't does not compile.
const fn place(name: &str) -> usize {
    let (fields, mut i) = (<ApiCall as Payload>::FIELDS, 0);
    while i < fields.len() {
        if same(fields[i].name, name) {
            return fields[i].offset;
        }
        i += 1;
    }
    i = 0;
    while i < HEADER_FIELDS.len() {
        if same(HEADER_FIELDS[i].0, name) {
            return HEADER_FIELDS[i].1;
        }
        i += 1;
    }
    panic!("no such field")
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

fn field<const N: usize>(record: &mut [u8], at: usize) -> Option<&mut [u8; N]> {
    record.get_mut(at..)?.first_chunk_mut()
}

/// Replaces the addresses of objects by their names.
pub(crate) fn name_objects(record: &mut [u8], objects: &Objects) {
    for at in OBJECTS {
        if let Some(object) = field(record, at) {
            *object = objects.name(u64::from_le_bytes(*object)).to_le_bytes();
        }
    }
}

/// Dates the record.
pub(super) fn date(record: &mut [u8], time_ns: u64) {
    if let Some(time) = field(record, TIME) {
        *time = time_ns.to_le_bytes();
    }
}

/// Whether the call was told of when it was entered, since nobody sees it return.
pub(super) fn was_told(record: &[u8]) -> bool {
    let bits = record.get(BITS..).and_then(|bits| bits.first_chunk());
    bits.is_some_and(|bits| u32::from_le_bytes(*bits) & api_bits::RESULT_UNKNOWN != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_tracer_format::record::{Builder, Header, Record};

    #[test]
    fn what_is_changed_is_that_and_nothing_else() {
        let header = Header { time_ns: 5, tgid: 7, ..Header::default() };
        let payload = ApiCall {
            function: 1,
            bits: api_bits::RESULT_UNKNOWN,
            object: 0xabc,
            n0: -3,
            ..ApiCall::default()
        };
        let mut bytes = Vec::new();
        Builder::new(&mut bytes).finish(&header, &payload).expect("small");
        let objects = Objects::new();
        assert!(was_told(&bytes));
        name_objects(&mut bytes, &objects);
        date(&mut bytes, 6);
        let (record, _) = Record::split_first(&bytes).expect("a record");
        assert_eq!((record.header().time_ns, record.header().tgid), (6, 7));
        // No object stays none.
        let want = ApiCall { object: objects.name(0xabc), parent: 0, ..payload };
        assert_eq!(record.payload::<ApiCall>(), Ok(want));
    }

    #[test]
    fn a_record_that_is_too_short_stays_as_it_is() {
        let objects = Objects::new();
        for len in [0, TIME, BITS, OBJECTS[0] + 7] {
            let mut bytes = vec![0xff; len];
            name_objects(&mut bytes, &objects);
            assert!(bytes.iter().all(|b| *b == 0xff), "{len}");
        }
        assert!(!was_told(&[0xff; BITS + 3]));
    }
}
