//! What a family must be so that it can be recorded, and that nothing but what may be told is told.
//!
//! Invariants:
//! - A number that isn't a size says how wide it is: the rest of a register is garbage, and a whole address never gets
//!   into a capture.
//! - What stands in lists (names of functions, arguments) holds neither spaces nor control characters.

use super::{
    ARGUMENTS, COUNTED_NUMBERS, CatalogueError, Family, Function, ONLY_VALUES, Recorded, Retry, Source,
    Success, Width,
};

/// Longest name of a family, library, symbol or group.
const NAME_BYTES: usize = 255;
/// Longest name of an argument: all of a function's stand in one string of a record.
const ARGUMENT_NAME_BYTES: usize = 64;
/// Names that each of `within`, `any`, `unless` and `prefixes` can list.
const MARKERS: usize = 16;

struct Wrong {
    expected: String,
    got: String,
}

type Checked = Result<(), Wrong>;

fn want(right: bool, expected: impl Into<String>, got: impl Into<String>) -> Checked {
    if right { Ok(()) } else { Err(Wrong { expected: expected.into(), got: got.into() }) }
}

/// What must hold of a file before it is merged: names, and each function once.
pub(super) fn names(file: &str, family: &Family) -> Result<(), CatalogueError> {
    let of_family = |wrong: Wrong| CatalogueError::Family {
        file: file.to_owned(),
        expected: wrong.expected,
        got: wrong.got,
    };
    let printable = |b: u8| b == b' ' || b.is_ascii_graphic();
    let name = &family.family;
    let right = !name.trim().is_empty() && name.len() <= NAME_BYTES && name.bytes().all(printable);
    want(right, "a family's name", format!("{name:?}")).map_err(of_family)?;
    for (i, function) in family.functions.iter().enumerate() {
        want(is_symbol(&function.name), "names of functions without spaces", format!("{:?}", function.name))
            .map_err(of_family)?;
        let again = family.functions[..i].iter().any(|earlier| earlier.name == function.name);
        want(!again, "each function once", format!("{} twice", function.name)).map_err(of_family)?;
    }
    Ok(())
}

/// What must hold of a whole family.
pub(super) fn family(file: &str, family: &Family) -> Result<(), CatalogueError> {
    markers(family).map_err(|wrong| CatalogueError::Family {
        file: file.to_owned(),
        expected: wrong.expected,
        got: wrong.got,
    })?;
    for f in &family.functions {
        let checked = call(family, f).and_then(|()| arguments(f)).and_then(|()| group(family, f));
        checked.map_err(|wrong| CatalogueError::Function {
            file: file.to_owned(),
            function: f.name.clone(),
            expected: wrong.expected,
            got: wrong.got,
        })?;
    }
    Ok(())
}

/// A symbol's name, or a function's of Go: `crypto/tls.(*Conn).clientHandshake`.
fn is_symbol(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES && name.bytes().all(|b| b.is_ascii_graphic())
}

fn markers(family: &Family) -> Checked {
    want(!family.functions.is_empty(), "at least one [[function]]", "none")?;
    let places = [&family.libraries, &family.within, &family.any, &family.prefixes];
    let somewhere = places.iter().any(|place| !place.is_empty());
    let expected = "`libraries`, `within`, `any`, `prefixes` or `go = true`, to know where the functions are";
    want(family.go || somewhere, expected, "none of them")?;
    let expected = "none of `libraries`, `within`, `any` and `prefixes` beside `go = true`";
    want(!(family.go && somewhere), expected, "both")?;
    for stem in &family.libraries {
        let stem_like = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-');
        let right = !stem.is_empty() && stem.len() <= NAME_BYTES && stem.bytes().all(stem_like);
        want(right, "a library's name up to its `.so`, such as \"libssl\"", format!("{stem:?}"))?;
    }
    for prefix in &family.prefixes {
        // Digits and underscores may follow: one that ended otherwise could be a part of a longer word.
        let right = is_symbol(prefix) && prefix.ends_with('_');
        want(right, "a prefix that ends with `_`, such as \"aws_lc_\"", format!("{prefix:?}"))?;
    }
    for list in [&family.within, &family.any, &family.unless, &family.prefixes] {
        want(list.len() <= MARKERS, format!("at most {MARKERS} names in a list"), list.len().to_string())?;
        for name in list {
            want(is_symbol(name), "a symbol's name", format!("{name:?}"))?;
        }
    }
    Ok(())
}

/// What is known of a call as a whole.
fn call(family: &Family, f: &Function) -> Checked {
    if let Some(only) = &f.only {
        want(only.arg < ARGUMENTS, "an `only` of arg 0 to 5", only.arg.to_string())?;
        let right = (1..=ONLY_VALUES).contains(&only.values.len());
        want(right, format!("1 to {ONLY_VALUES} values in `only`"), only.values.len().to_string())?;
        let wide = only.values.iter().find(|v| i32::try_from(**v).is_err() && u32::try_from(**v).is_err());
        want(wide.is_none(), "values of 32 bits in `only`", format!("{wide:?}"))?;
    }
    for (name, source) in [("object", &f.object), ("parent", &f.parent)] {
        let whole = source.as_ref().is_none_or(|s| s.width == Width::I64);
        want(whole, format!("an address for `{name}`"), "a part of one")?;
    }
    let has_what_it_needs = f.record == Recorded::Count && !f.args.is_empty();
    let expected = "`record = \"count\"` and `args` beside `only_readable = true`";
    want(!f.only_readable || has_what_it_needs, expected, "not both")?;
    want(f.parent.is_none() || f.object.is_some(), "an `object` beside `parent`", "none")?;
    want(!f.handshake || f.object.is_some(), "an `object` beside `handshake = true`", "none")?;
    if f.retry != Retry::None {
        want(f.object.is_some(), "an `object` beside `retry`, which tells the tries apart", "none")?;
        want(f.success != Success::None, "a `success` beside `retry`", "none")?;
    }
    let late = f.object.as_ref().is_some_and(Source::is_late);
    want(
        !(f.handshake && late),
        "a handshake's `object` among its arguments",
        "what is known when it returned",
    )?;
    want(f.retry == Retry::None || !late, "an `object` that is known at each try", "one when it returned")?;
    if family.go {
        let sources = f.object.iter().chain(&f.parent).chain(f.args.iter().map(|arg| &arg.from));
        let results = sources.filter(|s| s.is_late()).count();
        let expected = "no `result` or `@return` as a source, since Go has no return probes";
        want(results == 0, expected, format!("{results}"))?;
        let right = matches!(f.success, Success::None | Success::Nil);
        want(right, "`success` \"none\" or \"nil\" in Go", format!("{:?}", f.success.word()))?;
    }
    Ok(())
}

fn arguments(f: &Function) -> Checked {
    for (i, arg) in f.args.iter().enumerate() {
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let right = !arg.name.is_empty() && arg.name.len() <= ARGUMENT_NAME_BYTES;
        let right = right && arg.name.bytes().all(letters);
        want(right, "an argument's name of a-z, 0-9 and _", format!("{:?}", arg.name))?;
        let again = f.args[..i].iter().any(|earlier| earlier.name == arg.name);
        want(!again, "each argument's name once", format!("{} twice", arg.name))?;
        let narrow = arg.from.width != Width::I64;
        if arg.kind.is_string() {
            want(!narrow, format!("the address of a string for {}", arg.name), "a number of few bits")?;
            want(
                f.record == Recorded::Event,
                "no strings among the arguments of a counted function",
                format!("{} of type {}", arg.name, arg.kind.word()),
            )?;
        } else {
            let expected = format!(":i32, :u32, :u16 or :u8 at the source of {}", arg.name);
            want(narrow || arg.kind.may_be_wide(), expected, "64 bits")?;
        }
    }
    if let Some((_, arg)) = f.assigned().find(|(slot, _)| slot.is_none()) {
        return want(false, "at most 4 numbers, 1 name, 2 paths and 1 host", format!("{} besides", arg.name));
    }
    let numbers = f.args.iter().filter(|arg| !arg.kind.is_string()).count();
    let counted = f.record == Recorded::Count;
    let most = format!("at most {COUNTED_NUMBERS} numbers of a counted function");
    want(!counted || numbers <= COUNTED_NUMBERS, most, numbers.to_string())
}

/// One call is recorded for a chain of them: so all must be recorded alike, and tell success alike.
fn group(family: &Family, f: &Function) -> Checked {
    let Some(group) = &f.group else { return Ok(()) };
    want(is_symbol(group), "a group's name without spaces", format!("{group:?}"))?;
    let mut same = family.functions.iter().filter(|other| other.group == f.group);
    let told =
        |f: &Function| format!("record {}, success {}, bulk {}", f.record.word(), f.success.word(), f.bulk);
    match same.find(|other| (other.record, other.success, other.bulk) != (f.record, f.success, f.bulk)) {
        None => Ok(()),
        Some(other) => {
            let expected = format!("the same as {} of the same group ({})", other.name, told(other));
            want(false, expected, told(f))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Catalogue, CatalogueFile};

    /// What is said of a family of one function, with these lines in it.
    fn said_of(head: &str, function: &str) -> String {
        let text = format!("{head}\n[[function]]\nname = \"f\"\ntopic = \"key\"\n{function}");
        match Catalogue::of(&[CatalogueFile { name: "x.toml", text: &text }]) {
            Ok(_) => "valid".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    fn said(function: &str) -> String {
        said_of("family = \"X\"\nlibraries = [\"libx\"]", function)
    }

    #[test]
    fn what_can_be_recorded_is_taken() {
        for function in [
            "record = 'event'",
            "record = 'count'\nbulk = true\nargs = [{ name = 'len', from = 'arg1', type = 'bytes' }]",
            "record = 'event'\nonly = { arg = 1, values = [123, 124, -1, 4294967295] }",
            "record = 'event'\nsuccess = 'one'\nretry = 'failure'\nobject = 'arg0'\nhandshake = true",
            "record = 'event'\nobject = 'result'\nparent = 'arg0[8]'\nsuccess = 'pointer'",
            "record = 'event'\ngroup = 'g'",
        ] {
            assert_eq!(said(function), "valid", "{function}");
        }
        let go = "family = 'Go'\ngo = true";
        assert_eq!(said_of(go, "record = 'event'\nobject = 'arg0'\nsuccess = 'nil'"), "valid");
    }

    #[test]
    fn what_cannot_be_recorded_is_refused() {
        let number = |n: usize| format!("{{ name = 'a{n}', from = 'arg{n}:i32', type = 'number' }}");
        let numbers = |n: usize| (0..n).map(number).collect::<Vec<_>>().join(", ");
        for (function, expected) in [
            (format!("record = 'event'\nargs = [{}]", numbers(5)), "at most 4 numbers"),
            (format!("record = 'count'\nargs = [{}]", numbers(3)), "at most 2 numbers"),
            ("record = 'event'\nargs = [{ name = 'p', from = 'arg0', type = 'number' }]".into(), ":i32, :u32"),
            ("record = 'event'\nargs = [{ name = 'p', from = 'arg0:u8', type = 'path' }]".into(), "the address of a string"),
            ("record = 'count'\nargs = [{ name = 'p', from = 'arg0', type = 'path' }]".into(), "no strings"),
            ("record = 'event'\nargs = [{ name = 'P', from = 'arg0', type = 'path' }]".into(), "a-z, 0-9 and _"),
            (
                "record = 'event'\nargs = [{ name = 'a', from = 'arg0', type = 'host' }, { name = 'b', from = 'arg1', type = 'host' }]".into(),
                "1 host, but got b besides",
            ),
            (
                "record = 'event'\nargs = [{ name = 'a', from = 'arg0', type = 'path' }, { name = 'a', from = 'arg1', type = 'path' }]".into(),
                "each argument's name once, but got a twice",
            ),
            ("record = 'event'\nargs = [{ name = 'a', from = 'arg9', type = 'path' }]".into(), "expected arg0 … arg5"),
            ("record = 'event'\nargs = [{ name = 'a', from = 'arg0', type = 'buffer' }]".into(), "unknown variant `buffer`"),
            ("record = 'event'\nonly = { arg = 6, values = [1] }".into(), "arg 0 to 5"),
            ("record = 'event'\nonly = { arg = 0, values = [] }".into(), "1 to 4 values"),
            ("record = 'event'\nonly = { arg = 0, values = [1, 2, 3, 4, 5] }".into(), "1 to 4 values"),
            ("record = 'event'\nonly = { arg = 0, values = [5000000000] }".into(), "values of 32 bits"),
            ("record = 'event'\nobject = 'arg0:u32'".into(), "an address for `object`"),
            ("record = 'count'\nonly_readable = true".into(), "`args` beside `only_readable = true`"),
            (format!("record = 'event'\nonly_readable = true\nargs = [{}]", number(0)), "beside `only_readable = true`"),
            ("record = 'event'\nparent = 'arg0'".into(), "an `object` beside `parent`"),
            ("record = 'event'\nhandshake = true".into(), "an `object` beside `handshake = true`"),
            ("record = 'event'\nhandshake = true\nobject = 'result'".into(), "among its arguments"),
            ("record = 'event'\nretry = 'failure'\nsuccess = 'one'".into(), "an `object` beside `retry`"),
            ("record = 'event'\nretry = 'failure'\nobject = 'arg0'".into(), "a `success` beside `retry`"),
            ("record = 'event'\ngroup = 'a b'".into(), "a group's name"),
            ("record = 'sometimes'".into(), "unknown variant `sometimes`"),
        ] {
            let said = said(&function);
            assert!(said.starts_with("x.toml") && said.contains(expected), "{function}\n{said}");
        }
    }

    #[test]
    fn families_that_cannot_be_found_are_refused() {
        let function = "record = 'event'";
        for (head, expected) in [
            ("family = ' '\nlibraries = ['libx']", "a family's name"),
            ("family = 'X'", "`libraries`, `within`, `any`, `prefixes` or `go = true`"),
            ("family = 'X'\nlibraries = ['libx.so.3']", "a library's name up to its `.so`"),
            ("family = 'X'\nlibraries = ['*']", "a library's name up to its `.so`"),
            ("family = 'X'\nwithin = ['a b']", "a symbol's name"),
            ("family = 'X'\nprefixes = ['x']", "a prefix that ends with `_`"),
            ("family = 'X'\nany = ['a b']", "a symbol's name"),
            ("family = 'X'\ngo = true\nlibraries = ['libx']", "none of `libraries`, `within`, `any`"),
        ] {
            let said = said_of(head, function);
            assert!(said.contains(expected), "{head}\n{said}");
        }
        let none = CatalogueFile { name: "x.toml", text: "family = 'X'\nlibraries = ['libx']" };
        assert!(Catalogue::of(&[none]).expect_err("empty").to_string().contains("at least one"));
    }

    #[test]
    fn go_has_no_results() {
        let go = "family = 'Go'\ngo = true";
        for (function, expected) in [
            ("record = 'event'\nobject = 'result'", "no `result` or `@return` as a source"),
            (
                "record = 'event'\nargs = [{ name = 'a', from = 'arg0[8]:i32@return', type = 'bits' }]",
                "`@return`",
            ),
            ("record = 'event'\nargs = [{ name = 'a', from = 'result:i32', type = 'bits' }]", "no `result`"),
            ("record = 'event'\nsuccess = 'one'", "`success` \"none\" or \"nil\""),
        ] {
            let said = said_of(go, function);
            assert!(said.contains(expected), "{function}\n{said}");
        }
    }

    #[test]
    fn a_group_is_recorded_alike() {
        let two = |second: &str| {
            said(&format!(
                "record = 'event'\nsuccess = 'one'\ngroup = 'g'\n[[function]]\nname = \"g\"\ntopic = \"key\"\ngroup = 'g'\n{second}"
            ))
        };
        assert_eq!(two("record = 'event'\nsuccess = 'one'"), "valid");
        assert!(two("record = 'count'\nsuccess = 'one'").contains("the same as g of the same group"));
        assert!(two("record = 'event'\nsuccess = 'zero'").contains("success zero"));
        assert!(two("record = 'event'\nsuccess = 'one'\nbulk = true").contains("bulk true"));
        let twice = said("record = 'event'\n[[function]]\nname = \"f\"\ntopic = \"key\"\nrecord = 'event'");
        assert!(twice.contains("each function once"), "{twice}");
    }
}
