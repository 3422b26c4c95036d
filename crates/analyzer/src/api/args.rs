//! The arguments of a call, as one JSON object.
//!
//! Invariants:
//! - A number that stands for something is written by its name, and with `_id` at the end of the field as a number.
//! - An argument that could not be read, or was a null pointer, is left out.

use crypto_tracer_format::catalogue::api::{ArgumentKind, Slot};

use super::names;
use crate::json::{put_name, put_number, put_object, put_text};
use crate::tls::registry::VERSIONS;

/// An argument, as the capture describes it.
#[derive(Debug)]
pub struct Argument {
    pub slot: Slot,
    pub name: Box<str>,
    pub kind: Option<ArgumentKind>,
}

/// The values of a call, by slot; redacted.
#[derive(Debug, Default)]
pub struct Values<'a> {
    pub numbers: [i64; 4],
    pub name: &'a [u8],
    pub path: &'a [u8],
    pub path2: &'a [u8],
    pub host: &'a [u8],
    /// Something could not be read: what is 0 or empty isn't known.
    pub is_incomplete: bool,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Number(i64),
    Text(&'a [u8]),
}

impl<'a> Values<'a> {
    /// What is in the slot; `None`: nothing, or not known.
    pub fn get(&self, slot: Slot) -> Option<Value<'a>> {
        let number = |n: i64| (n != 0 || !self.is_incomplete).then_some(Value::Number(n));
        let text = |text: &'a [u8]| (!text.is_empty()).then_some(Value::Text(text));
        let [n0, n1, n2, n3] = self.numbers;
        match slot {
            Slot::N0 => number(n0),
            Slot::N1 => number(n1),
            Slot::N2 => number(n2),
            Slot::N3 => number(n3),
            Slot::Name => text(self.name),
            Slot::Path => text(self.path),
            Slot::Path2 => text(self.path2),
            Slot::Host => text(self.host),
        }
    }
}

/// Appends the object.
pub fn put_args(out: &mut Vec<u8>, args: &[Argument], values: &Values<'_>) {
    let sets_version = sets_version(args, values);
    put_object(out, |out| {
        for arg in args.iter().filter(|arg| sets_version || arg.kind != Some(ArgumentKind::ProtocolVersion)) {
            match values.get(arg.slot) {
                Some(Value::Number(number)) => put_value(out, arg, number),
                Some(Value::Text(text)) => put_text(out, &arg.name, text),
                None => {}
            }
        }
    });
}

/// Appends a field to the object.
pub fn add_text(object: &mut Vec<u8>, name: &str, value: &[u8]) {
    let is_empty = object == b"{}";
    object.pop();
    let start = object.len();
    put_text(object, name, value);
    if is_empty {
        object.remove(start);
    }
    object.push(b'}');
}

/// Whether a call that takes a command (`SSL_CTX_ctrl`) sets a version: with another command the number means nothing.
fn sets_version(args: &[Argument], values: &Values<'_>) -> bool {
    const SET_VERSION: [i64; 2] = [123, 124];
    let command = args.iter().find(|arg| arg.kind == Some(ArgumentKind::OpensslControl));
    match command.and_then(|arg| values.get(arg.slot)) {
        Some(Value::Number(number)) => SET_VERSION.contains(&number),
        _ => true,
    }
}

fn put_value(out: &mut Vec<u8>, arg: &Argument, number: i64) {
    match arg.kind {
        Some(ArgumentKind::Bool) => {
            put_name(out, &arg.name);
            out.extend_from_slice(if number == 0 { b"false" } else { b"true" });
        }
        Some(ArgumentKind::Flags) => {
            // Of a negative number, which C declares as int, its 32 bits.
            let flags = u64::try_from(number).unwrap_or(u64::from(number as u32));
            put_text(out, &arg.name, format!("{flags:#x}").as_bytes());
        }
        Some(ArgumentKind::ProtocolVersion) => {
            put_text(out, &arg.name, version_name(number).as_bytes());
            put_number(out, &format!("{}_id", arg.name), number);
        }
        Some(kind) => match names::of(kind) {
            Some(list) => {
                put_text(out, &arg.name, list.name(number).as_bytes());
                put_number(out, &format!("{}_id", arg.name), number);
            }
            None => put_number(out, &arg.name, number),
        },
        None => put_number(out, &arg.name, number),
    }
}

/// 0 leaves the choice to the library.
fn version_name(number: i64) -> String {
    match u16::try_from(number) {
        Ok(0) => "default".to_owned(),
        Ok(version) => VERSIONS.name(version).into_owned(),
        Err(_) => number.to_string(),
    }
}
