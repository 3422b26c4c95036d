//! Options that are secret in one program and ordinary in others: `-p` of mysql, `-u` of curl.
//!
//! Invariants:
//! - The table is the rule.
//! - Options whose *name* tells (`--password`, `-storepass`) need no row: see [`super::names`].

mod table;

pub(super) use table::TOOLS;

/// What a value is, and so what remains of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// All of it is secret.
    Secret,
    /// A key, or the path of one: a path stays.
    KeyOrPath,
    /// A user's name, this byte, and a password.
    UserThen(u8),
    /// OpenSSL's password source: `pass:X` is secret, `file:`, `env:`, `fd:` and `stdin` only tell where it is.
    Source,
    /// OpenSSL's `key:X`, `hexkey:X`; other parameters stay.
    KeyParameter,
    /// Secret if it is quoted, with `'x'` or `$$x$$`: a word in SQL.
    Quoted,
    /// Everything up to the end of the argument.
    Line,
}

/// How an option meets its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In the next argument: `-p X`; of short options also at the end of a cluster: `-sSu X`.
    Next,
    /// In the same argument: `-pX`.
    Glued,
    /// Either.
    Both,
    /// The option is a word without dashes: `password X`.
    Word,
    /// The end of a word without dashes: `//host/:_authToken X`.
    Ending,
    /// Every word that is no option.
    EachWord,
}

/// One option of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) option: &'static str,
    pub(super) form: Form,
    pub(super) kind: Kind,
}

/// Programs with the same options.
#[derive(Debug)]
pub(super) struct Tool {
    /// The names of their files.
    pub(super) names: &'static [&'static str],
    /// The names are subcommands of this program.
    pub(super) of: Option<&'static str>,
    pub(super) rows: &'static [Row],
    /// A command line with every row's secret (it holds `s3cr`), and what is left of it.
    #[cfg_attr(not(test), allow(dead_code, reason = "read by the test that proves each row"))]
    pub(super) example: (&'static str, &'static str),
}

const fn row(option: &'static str, form: Form, kind: Kind) -> Row {
    Row { option, form, kind }
}

/// The program whose words are secret only sometimes.
const ECHO: &str = "echo";

impl Tool {
    /// Whether this only prints its words.
    pub(super) fn echoes(&self) -> bool {
        self.names.contains(&ECHO)
    }

    /// Whether its short options can stand together behind one dash, the last with a value: `-sSu X`.
    pub(super) fn clusters(&self) -> bool {
        self.names.iter().any(|name| ["curl", "htpasswd"].contains(name))
    }
}

/// Options that are secret in every program.
pub(super) const EVERYWHERE: &[Row] = &[row("-pw", Form::Glued, Kind::Secret)];

/// The program of this name, whatever its version (`mysqldump5.7`), or the subcommand of the program so far.
pub(super) fn find(word: &[u8], before: Option<&'static Tool>) -> Option<&'static Tool> {
    let versioned =
        word.iter().rposition(|b| !b.is_ascii_digit() && *b != b'.').map_or(word.len(), |at| at + 1);
    let bare = &word[..versioned];
    let bare = bare.strip_suffix(b"-").unwrap_or(bare);
    TOOLS.iter().find(|tool| {
        tool.names.iter().any(|n| n.as_bytes() == word || n.as_bytes() == bare)
            && match tool.of {
                None => true,
                Some(parents) => before.is_some_and(|b| {
                    b.names.iter().any(|name| parents.split(' ').any(|parent| parent == *name))
                }),
            }
    })
}
