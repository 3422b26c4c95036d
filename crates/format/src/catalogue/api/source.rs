//! Where a value of a call is found: a register, then pointers to follow.
//!
//! Invariant: at most [`DEREFERENCES`] pointers are followed, each with an offset of at most 65,535.

use serde::Deserialize;

/// Pointers that can be followed from an argument to what is kept.
pub const DEREFERENCES: usize = 4;

/// Arguments that are passed in registers.
pub const ARGUMENTS: u8 = 6;

/// Where a value is found: `arg0` to `arg5` or `result`, then pointers to follow: `arg0[8][0]:i32` reads a pointer 8 bytes
/// into what the first argument points to, and a 32-bit number at the start of what that points to. With `@return` behind
/// it, it is read when the function returned: what an argument points to is then what the function put there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Source {
    /// The argument's position, from 0; `None`: the result.
    pub arg: Option<u8>,
    /// Byte offsets: each is added to a pointer before it is followed.
    pub follow: Vec<u16>,
    /// What is read at the end.
    pub width: Width,
    /// It is read when the function returned (of the result, always).
    pub late: bool,
}

/// Width and sign of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// 64 bits.
    #[default]
    I64,
    /// 32 bits, signed.
    I32,
    /// 32 bits, not signed.
    U32,
    /// 16 bits, not signed.
    U16,
    /// 8 bits, not signed.
    U8,
}

/// Why a text is not a [`Source`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "expected arg0 … arg5 or result, then [offset] at most {DEREFERENCES} times, then perhaps :i32, :u32, :u16 or :u8, then perhaps @return; but got {0:?}"
)]
pub struct SourceError(String);

impl TryFrom<String> for Source {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Source, SourceError> {
        Source::parse(&text).ok_or(SourceError(text))
    }
}

impl Source {
    fn parse(text: &str) -> Option<Source> {
        let (text, late) = match text.strip_suffix("@return") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let (place, width) = match text.split_once(':') {
            None => (text, Width::I64),
            Some((place, "i32")) => (place, Width::I32),
            Some((place, "u32")) => (place, Width::U32),
            Some((place, "u16")) => (place, Width::U16),
            Some((place, "u8")) => (place, Width::U8),
            Some(_) => return None,
        };
        let (base, mut rest) = place.split_at(place.find('[').unwrap_or(place.len()));
        let arg = match base.strip_prefix("arg") {
            Some(n) => Some(n.parse::<u8>().ok().filter(|n| *n < ARGUMENTS && base.len() == 4)?),
            None if base == "result" => None,
            None => return None,
        };
        let mut follow = Vec::new();
        while !rest.is_empty() {
            let (offset, after) = rest.strip_prefix('[')?.split_once(']')?;
            follow.push(offset.parse().ok().filter(|_| offset.bytes().all(|b| b.is_ascii_digit()))?);
            rest = after;
        }
        (follow.len() <= DEREFERENCES).then_some(Source { arg, follow, width, late })
    }

    /// Whether it is there only when the function returned.
    pub fn is_late(&self) -> bool {
        self.late || self.is_result()
    }

    /// Whether it is the result, or found through it.
    pub fn is_result(&self) -> bool {
        self.arg.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_or_refused() {
        let read = |text: &str| Source::try_from(text.to_owned()).ok();
        let source =
            |arg, follow: &[u16], width| Some(Source { arg, follow: follow.to_vec(), width, late: false });
        assert_eq!(read("arg1"), source(Some(1), &[], Width::I64));
        assert_eq!(read("result"), source(None, &[], Width::I64));
        assert_eq!(read("arg0[8][0]:i32"), source(Some(0), &[8, 0], Width::I32));
        let late = read("arg1[0]:u32@return").expect("valid");
        assert_eq!(Some(Source { late: false, ..late.clone() }), read("arg1[0]:u32"));
        assert!(late.is_late() && !late.is_result());
        assert!(read("result").is_some_and(|s| s.is_late()));
        for wrong in [
            "",
            "@return",
            "arg1@exit",
            "arg1@return:u32",
            "arg",
            "arg6",
            "arg01",
            "arg+1",
            "arg1[",
            "arg1[x]",
            "arg1[+8]",
            "arg1:i31",
            "ret",
            "arg0[0][0][0][0][0]",
            "arg0[70000]",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
