//! Secrets in command lines: walks the arguments with the rules of [`super::tools`], [`super::names`],
//! [`super::values`] and [`super::shapes`].
//!
//! Invariants:
//! - Any bytes are taken, the arguments are ended by NUL; their number and order stay, an empty one stays empty.
//! - An argument that holds a command line of its own (`sh -c '…'`, quotes in quotes) is walked by the same rules.
//! - Better one word too many than a secret left: a word after `--password` goes even if it looks like an option, and is
//!   then still read as one.

use super::names::{self, Value};
use super::tools::{self, Form, Kind, Tool};
use super::{REDACTED, shapes, values, words};
use std::borrow::Cow;

/// So deep quotes in quotes are followed.
const DEPTH: usize = 4;

/// Where one of these is in a shell's command line, the words of echo are a password.
const READERS: &[&str] = &[
    "-stdin",
    "-on-stdin",
    "--stdin",
    "chpasswd",
    "sudo -S",
    "-passin stdin",
    "-pass stdin",
    "pinentry",
    "passphrase-fd 0",
];

/// A shell's here-string: its text is what a program reads, often a password.
const HERE: &[u8] = b"<<<";

/// What has been seen so far.
#[derive(Default)]
struct Scan {
    /// The program whose options these are.
    tool: Option<&'static Tool>,
    /// What the next word is.
    pending: Option<Kind>,
    /// The word before was a name of this kind; `=` or `:` may follow.
    name: Option<Value>,
    /// SQL's IDENTIFIED or PASSWORD FOR was seen.
    identified: bool,
    /// What echo prints goes into a program that reads a password.
    piped: bool,
    /// The argument before was `-c`: a command line follows, not a value.
    command: bool,
}

/// A replacement can take a quote away and so show the rules more; they are applied until nothing changes.
const PASSES: usize = 8;

/// Removes the secrets of a command line.
pub(super) fn redact(argv: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(argv);
    for _ in 0..PASSES {
        let next = pass(&out);
        if *next == *out {
            break;
        }
        out = Cow::Owned(next);
    }
    out
}

fn pass(argv: &[u8]) -> Vec<u8> {
    let mut scan = Scan::default();
    let mut out = Vec::with_capacity(argv.len());
    for (i, arg) in argv.split(|&b| b == 0).enumerate() {
        if i > 0 {
            out.push(0);
        }
        match arg {
            // An empty value is a value: what follows isn't.
            b"" => scan.pending = None,
            arg => out.extend_from_slice(&scan.argument(arg)),
        }
    }
    out
}

impl Scan {
    fn argument(&mut self, arg: &[u8]) -> Vec<u8> {
        let arg = shapes::redact(arg);
        let arg = values::elements(&arg);
        let command = std::mem::replace(&mut self.command, ends_in_c(&arg));
        if let Some(kind) = self.pending.take() {
            return self.expected(kind, &arg, 0);
        }
        if !command && let Some(out) = values::named(&arg).or_else(|| self.glued(&arg)) {
            return out;
        }
        self.text(&arg, 0)
    }

    /// A text of one word or more.
    fn text(&mut self, text: &[u8], depth: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        self.piped |= READERS.iter().any(|reader| text.windows(reader.len()).any(|w| w == reader.as_bytes()));
        for range in words::split(text) {
            out.extend_from_slice(&text[at..range.start]);
            at = range.end;
            match self.pending.take() {
                Some(Kind::Line) => {
                    out.extend_from_slice(REDACTED);
                    return out;
                }
                Some(kind) => out.extend_from_slice(&self.expected(kind, &text[range], depth)),
                None => out.extend_from_slice(&self.word(&text[range], depth)),
            }
        }
        out.extend_from_slice(&text[at..]);
        out
    }

    /// A word that the one before announced.
    fn expected(&mut self, kind: Kind, word: &[u8], depth: usize) -> Vec<u8> {
        // "password = x", "password : x", "PASSWORD ( 'x' )", "--password -- x"
        if is_assignment(word) || matches!(word, b"(" | b"--") {
            // A name's value needs no quotes: only in SQL a word PASSWORD may mean nothing.
            let value = is_assignment(word) && kind == Kind::Quoted && self.name.is_some();
            self.pending = Some(if value { Kind::Secret } else { kind });
            return word.to_vec();
        }
        let kept = values::redact_as(kind, word);
        if *kept == *word && word != REDACTED {
            return self.word(word, depth);
        }
        if word.starts_with(b"-") || word.eq_ignore_ascii_case(b"password") {
            self.look(word);
        }
        kept.into_owned()
    }

    fn word(&mut self, word: &[u8], depth: usize) -> Vec<u8> {
        if is_operator(word) {
            // The next command begins, or a text for the one before.
            self.tool = None;
            self.pending = (word == HERE).then_some(Kind::Secret);
            return word.to_vec();
        }
        if let Some(at) = word.windows(HERE.len()).position(|w| w == HERE) {
            let (command, text) = word.split_at(at + HERE.len());
            let mut out = if at > 0 { self.word(&command[..at], depth) } else { Vec::new() };
            self.pending = text.is_empty().then_some(Kind::Secret);
            out.extend_from_slice(HERE);
            out.extend_from_slice(if text.is_empty() { text } else { REDACTED });
            return out;
        }
        if self.identified && matches!(word, [b'b' | b'B', b'y' | b'Y', b'\'' | b'"', ..]) {
            return [&word[..2], b" ", REDACTED].concat();
        }
        if let Some(out) = self.glued(word) {
            return out;
        }
        if let Some(out) = values::named(word) {
            return out;
        }
        let paired = values::pairs(word);
        let paired = values::oracle(&paired);
        let mut out = values::userinfo(&paired).into_owned();
        if depth < DEPTH && out.iter().any(u8::is_ascii_whitespace) {
            out = self.quotes(&out, depth);
        }
        self.look(&out);
        out
    }

    /// Walks what stands in a word's quotes.
    fn quotes(&mut self, word: &[u8], depth: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(word.len());
        let mut at = 0;
        for inside in words::quoted(word) {
            out.extend_from_slice(&word[at..inside.start]);
            at = inside.end;
            let text = &word[inside];
            match values::named(text) {
                Some(redacted) => out.extend_from_slice(&redacted),
                None => out.extend_from_slice(&self.text(text, depth + 1)),
            }
        }
        out.extend_from_slice(&word[at..]);
        out
    }

    /// An option of the program with its value in the same word, or a word that is a value by its place.
    fn glued(&mut self, word: &[u8]) -> Option<Vec<u8>> {
        if is_operator(word) {
            return None;
        }
        let (open, inner, close) = words::unquote(word);
        let rows = self.tool.map_or(&[][..], |tool| tool.rows);
        // -pwd is a name of its own.
        let everywhere = if inner.starts_with(b"-pwd") { &[][..] } else { tools::EVERYWHERE };
        for row in rows.iter().chain(everywhere) {
            let option = row.option.as_bytes();
            let cut = match row.form {
                Form::Glued | Form::Both if inner.len() > option.len() && inner.starts_with(option) => {
                    option.len()
                }
                Form::EachWord if !inner.starts_with(b"-") => 0,
                _ => continue,
            };
            let value = &inner[cut..];
            let kept = values::redact_as(row.kind, value);
            if *kept != *value {
                return Some([open, &inner[..cut], &*kept, close].concat());
            }
        }
        None
    }

    /// Learns from a word what program this is and what comes next.
    fn look(&mut self, word: &[u8]) {
        let (_, inner, _) = words::unquote(word);
        let name = std::mem::replace(&mut self.name, names::value_of(inner));
        if inner.starts_with(b"-") {
            self.option(inner);
            return;
        }
        let rows = self.tool.map_or(&[][..], |tool| tool.rows);
        let announces = |row: &&tools::Row| match row.form {
            Form::Word => is(inner, row.option),
            Form::Ending => {
                inner.len().checked_sub(row.option.len()).is_some_and(|at| is(&inner[at..], row.option))
            }
            _ => false,
        };
        if let Some(row) = rows.iter().find(announces) {
            self.pending = Some(row.kind);
        } else if is_assignment(inner) {
            self.pending = name.map(Kind::from).or(self.identified.then_some(Kind::Secret));
        } else if is(inner, "password") {
            self.pending = Some(Kind::Quoted);
        } else if is(inner, "bearer") {
            self.pending = Some(Kind::Secret);
        } else if is(inner, "identified") || (is(inner, "for") && name.is_some()) {
            // SET PASSWORD FOR x = 'y'
            self.identified = true;
        } else if self.identified && is(inner, "by") {
            self.pending = Some(Kind::Secret);
        } else if let Some(name) = inner.strip_suffix(b":").or(inner.strip_suffix(b":=")) {
            let (_, name, _) = words::unquote(name.strip_prefix(b"{").unwrap_or(name));
            self.pending = names::value_of(name).map(Kind::from);
        }
        self.program(inner);
    }

    fn option(&mut self, option: &[u8]) {
        let rows = self.tool.map_or(&[][..], |tool| tool.rows);
        let next = rows.iter().filter(|row| matches!(row.form, Form::Next | Form::Both)).find(|row| {
            let name = row.option.as_bytes();
            let cluster = name.len() == 2
                && name.starts_with(b"-")
                && option.get(1..).is_some_and(|o| o.iter().all(u8::is_ascii_alphanumeric))
                && option.ends_with(&name[1..])
                && !option.starts_with(b"--")
                && self.tool.is_some_and(|tool| tool.clusters());
            option == name || cluster
        });
        self.pending = match next {
            Some(row) => Some(row.kind),
            // "--password= x"
            None if option.ends_with(b"=") => names::value_of(&option[..option.len() - 1]).map(Kind::from),
            None if option.contains(&b'=') => None,
            None => names::value_of(option).map(Kind::from),
        };
    }

    fn program(&mut self, word: &[u8]) {
        let ends = matches!(word.last(), Some(b';' | b'|' | b'&'));
        let word = word.strip_suffix(b";").unwrap_or(word);
        let name = word.rsplit(|b| b"/;|&($`".contains(b)).next().unwrap_or(word);
        let found = tools::find(name, self.tool).filter(|tool| self.piped || !tool.echoes());
        if let Some(tool) = found {
            self.tool = Some(tool);
        } else if ends {
            self.tool = None;
        }
    }
}

/// `-c`, `-lc`: a shell's command follows.
fn ends_in_c(arg: &[u8]) -> bool {
    matches!(arg, [b'-', letters @ .., b'c'] if letters.len() < 4 && letters.iter().all(u8::is_ascii_alphabetic))
}

/// A shell's operator.
fn is_operator(word: &[u8]) -> bool {
    word.iter().all(|b| b"|;&<>()".contains(b))
}

fn is_assignment(word: &[u8]) -> bool {
    matches!(word, b"=" | b":" | b":=" | b"=>" | b"==" | b"!=")
}

fn is(word: &[u8], text: &str) -> bool {
    word.eq_ignore_ascii_case(text.as_bytes())
}

#[cfg(test)]
mod tests;
