//! Reads catalogue files and puts them together.
//!
//! Invariants:
//! - A [`Catalogue`] holds at most [`FUNCTIONS`] functions, each family once, each function once per family.
//! - A file is taken as a whole or refused with the reason; nothing in it is passed over in silence.
//! - A later file of the same family adds to it; a function of the same name takes the place of the earlier one.
//! - A family that is like another has the functions that this one had when its own file was read.

use super::{Family, Function, builtin, check};

/// Functions of all families together.
const FUNCTIONS: usize = 4096;
/// Size of a file in bytes.
const FILE_BYTES: usize = 1024 * 1024;

/// A catalogue file.
#[derive(Clone, Copy, Debug)]
pub struct CatalogueFile<'a> {
    /// What errors call it: a file name.
    pub name: &'a str,
    /// What it says.
    pub text: &'a str,
}

/// Why a catalogue can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It isn't TOML, or has fields and words that a catalogue doesn't have.
    #[error("{file}{place}: {what}")]
    Syntax {
        /// The file.
        file: String,
        /// The line and the function, as far as they are known, each after a comma.
        place: String,
        /// What was expected and what came.
        what: String,
    },
    /// Something of the family as a whole.
    #[error("{file}: expected {expected}, but got {got}")]
    Family {
        /// The file.
        file: String,
        /// What would be right.
        expected: String,
        /// What is there.
        got: String,
    },
    /// Something of one function.
    #[error("{file}: function {function}: expected {expected}, but got {got}")]
    Function {
        /// The file.
        file: String,
        /// The function.
        function: String,
        /// What would be right.
        expected: String,
        /// What is there.
        got: String,
    },
}

/// Families and their functions, ready to be probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    families: Vec<Family>,
}

impl Catalogue {
    /// The families that are compiled in.
    pub fn builtin() -> Result<Catalogue, CatalogueError> {
        Catalogue::of(builtin::FILES)
    }

    /// Only what these files say.
    pub fn of(files: &[CatalogueFile<'_>]) -> Result<Catalogue, CatalogueError> {
        Catalogue { families: Vec::new() }.with_files(files)
    }

    /// This catalogue with what these files say besides, in their order.
    pub fn with_files(mut self, files: &[CatalogueFile<'_>]) -> Result<Catalogue, CatalogueError> {
        for file in files {
            self.add(file)?;
        }
        Ok(self)
    }

    fn add(&mut self, file: &CatalogueFile<'_>) -> Result<(), CatalogueError> {
        let refuse = |expected: &str, got: String| CatalogueError::Family {
            file: file.name.to_owned(),
            expected: expected.to_owned(),
            got,
        };
        if file.text.len() > FILE_BYTES {
            return Err(refuse("a file of at most 1 MiB", format!("{} bytes", file.text.len())));
        }
        let new: Family = toml::from_str(file.text).map_err(|e| syntax(file, &e))?;
        check::names(file.name, &new)?;
        let new = match &new.like {
            None => new,
            Some(like) => match self.families.iter().find(|known| known.family == *like) {
                Some(known) => like_another(&known.functions, new),
                None => {
                    return Err(refuse("`like` to be a family that was read before", format!("{like:?}")));
                }
            },
        };
        let (place, merged) = match self.families.iter().position(|known| known.family == new.family) {
            Some(place) => (place, merge(&self.families[place], new)),
            None => (self.families.len(), new),
        };
        check::family(file.name, &merged)?;
        let others: usize = self.families.iter().map(|known| known.functions.len()).sum();
        let known_before = self.families.get(place).map_or(0, |known| known.functions.len());
        let total = others - known_before + merged.functions.len();
        if total > FUNCTIONS {
            return Err(refuse("at most 4096 functions in all families together", total.to_string()));
        }
        match self.families.get_mut(place) {
            Some(known) => *known = merged,
            None => self.families.push(merged),
        }
        Ok(())
    }

    /// All families.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// A function by the positions of its family and of itself within that.
    pub fn function(&self, family: usize, function: usize) -> Option<&Function> {
        self.families.get(family)?.functions.get(function)
    }

    /// All functions with their numbers in a recording (`ApiFunction::id`), which count from 0 through all families.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Family, &Function)> {
        let all = self.families.iter().flat_map(|family| family.functions.iter().map(move |f| (family, f)));
        (0u32..).zip(all).map(|(id, (family, function))| (id, family, function))
    }

    /// The number of a function by the positions of its family and of itself within that.
    pub fn number(&self, family: usize, function: usize) -> Option<u32> {
        self.function(family, function)?;
        let before: usize = self.families.iter().take(family).map(|f| f.functions.len()).sum();
        u32::try_from(before + function).ok()
    }
}

fn merge(known: &Family, new: Family) -> Family {
    let mut merged = known.clone();
    for stem in new.libraries {
        if !merged.libraries.contains(&stem) {
            merged.libraries.push(stem);
        }
    }
    if !new.within.is_empty() {
        merged.within = new.within;
    }
    if !new.any.is_empty() {
        merged.any = new.any;
    }
    if !new.unless.is_empty() {
        merged.unless = new.unless;
    }
    for prefix in new.prefixes {
        if !merged.prefixes.contains(&prefix) {
            merged.prefixes.push(prefix);
        }
    }
    merged.go |= new.go;
    put(&mut merged.functions, new.functions);
    merged
}

/// The family with another one's functions before its own.
fn like_another(known: &[Function], new: Family) -> Family {
    let mut functions = known.to_vec();
    put(&mut functions, new.functions);
    Family { functions, ..new }
}

/// Puts functions in the place of those of the same name, or at the end.
fn put(functions: &mut Vec<Function>, new: Vec<Function>) {
    for function in new {
        match functions.iter_mut().find(|f| f.name == function.name) {
            Some(place) => *place = function,
            None => functions.push(function),
        }
    }
}

/// What the parser found wrong, with the line and the function that it is in.
fn syntax(file: &CatalogueFile<'_>, error: &toml::de::Error) -> CatalogueError {
    let mut place = String::new();
    if let Some(before) = error.span().and_then(|span| file.text.get(..span.start)) {
        let row = before.rfind('\n').map_or(0, |end| end + 1);
        place = format!(", line {}", before.matches('\n').count() + 1);
        if let Some(function) = file.text.get(row..).and_then(|after| function_at(&before[..row], after)) {
            place.push_str(&format!(", function {function}"));
        }
    }
    CatalogueError::Syntax { file: file.name.to_owned(), place, what: error.message().replace('\n', ", ") }
}

/// The name in the table that a row stands in: the row itself, where it is one in braces, or what follows `[[function]]`.
fn function_at<'a>(before: &'a str, row_and_after: &'a str) -> Option<&'a str> {
    const HEADER: &str = "[[function]]";
    let name = |line: &'a str| {
        let value = line.trim_start().strip_prefix("name")?.trim_start().strip_prefix('=')?.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        value.strip_prefix(quote)?.split(quote).next()
    };
    let row = row_and_after.lines().next()?.trim_start();
    if let Some(inside) = row.strip_prefix('{') {
        return name(inside);
    }
    let upwards = match row.starts_with(HEADER) {
        true => "",
        false => before.rsplit_once(HEADER)?.1,
    };
    let downwards = row_and_after.strip_prefix(HEADER).unwrap_or(row_and_after).split("\n[[").next()?;
    upwards.lines().chain(downwards.lines()).find_map(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compiled_in_is_valid() {
        let catalogue = Catalogue::builtin().expect("valid");
        assert_eq!(catalogue.families().len(), builtin::FILES.len(), "each file is a family of its own");
        let names: Vec<_> = catalogue.families().iter().map(|f| f.family.as_str()).collect();
        for name in [
            "OpenSSL",
            "BoringSSL",
            "AWS-LC",
            "GnuTLS",
            "NSS",
            "libsodium",
            "mbedTLS",
            "wolfSSL",
            "libgcrypt",
            "Go",
        ] {
            assert!(names.contains(&name), "{name} of {names:?}");
        }
    }

    /// What the recorder and the documents call a family is what `--library` of the analyzer finds.
    #[test]
    fn families_are_those_of_the_libraries() {
        use crate::catalogue::libraries::FAMILIES;
        for family in
            Catalogue::builtin().expect("valid").families().iter().filter(|f| !f.libraries.is_empty())
        {
            let known = FAMILIES.iter().find(|f| f.name == family.family);
            let known = known.unwrap_or_else(|| panic!("{} is no family of libraries", family.family));
            for stem in &family.libraries {
                assert!(known.stems.contains(&stem.as_str()), "{stem} isn't recorded as a library");
            }
        }
    }

    const BASE: &str = r#"
        family = "X"
        libraries = ["libx"]
        [[function]]
        name = "a"
        record = "event"
        topic = "key"
        [[function]]
        name = "b"
        record = "event"
        topic = "key"
    "#;

    #[test]
    fn a_file_adds_to_a_family_and_takes_places() {
        let more = r#"
            family = "X"
            libraries = ["liby", "libx"]
            within = ["a"]
            [[function]]
            name = "b"
            record = "count"
            topic = "random"
            [[function]]
            name = "c"
            record = "event"
            topic = "key"
        "#;
        let other = r#"
            family = "Y"
            libraries = ["libz"]
            [[function]]
            name = "a"
            record = "event"
            topic = "key"
        "#;
        let file = |name, text| CatalogueFile { name, text };
        let files = [file("1", BASE), file("2", other), file("3", more)];
        let all = Catalogue::of(&files[..1]).and_then(|c| c.with_files(&files[1..])).expect("valid");
        let x = &all.families()[0];
        assert_eq!(x.libraries, ["libx", "liby"]);
        assert_eq!(x.within, ["a"]);
        let names: Vec<_> = x.functions.iter().map(|f| (f.name.as_str(), f.record.word())).collect();
        assert_eq!(names, [("a", "event"), ("b", "count"), ("c", "event")]);
        let numbered: Vec<_> =
            all.numbered().map(|(id, family, f)| (id, family.family.as_str(), f.name.as_str())).collect();
        assert_eq!(numbered, [(0, "X", "a"), (1, "X", "b"), (2, "X", "c"), (3, "Y", "a")]);
        assert_eq!(all.number(1, 0), Some(3));
        assert_eq!(all.number(1, 1), None);
        assert_eq!(all.function(0, 2).map(|f| f.name.as_str()), Some("c"));
    }

    /// The list of a library that a fork was made from isn't written twice.
    #[test]
    fn a_fork_has_the_functions_of_another_and_its_own() {
        let fork = r#"
            family = "Fork"
            like = "X"
            any = ["fork_version"]
            prefixes = ["fork_"]
            [[function]]
            name = "b"
            record = "count"
            topic = "random"
            [[function]]
            name = "fork_version"
            record = "event"
            topic = "library"
        "#;
        let file = |name, text| CatalogueFile { name, text };
        let all = Catalogue::of(&[file("1", BASE), file("2", fork)]).expect("valid");
        let names = |family: usize| {
            let functions = &all.families()[family].functions;
            functions.iter().map(|f| (f.name.as_str(), f.record.word())).collect::<Vec<_>>()
        };
        assert_eq!(names(0), [("a", "event"), ("b", "event")]);
        assert_eq!(names(1), [("a", "event"), ("b", "count"), ("fork_version", "event")]);
        assert!(all.families()[1].libraries.is_empty(), "it has names of files of its own");
        let said = Catalogue::of(&[file("fork.toml", fork)]).expect_err("refused").to_string();
        assert!(said.contains("fork.toml: expected `like` to be a family that was read before"), "{said}");
    }

    #[test]
    fn the_line_and_the_function_of_a_mistake_are_told() {
        let said = |functions: &str| {
            let text = format!("family = \"X\"\nlibraries = [\"libx\"]\n{functions}");
            let file = CatalogueFile { name: "mine.toml", text: &text };
            Catalogue::of(&[file]).expect_err("refused").to_string()
        };
        let good = "[[function]]\nname = \"good\"\nrecord = \"event\"\ntopic = \"key\"\n";
        let expected = "unknown variant `buffer`, expected one of `number`";
        for (functions, place) in [
            // As tables: above its name, below it, between two others.
            (
                "[[function]]\nname = \"bad\"\nrecord = \"event\"\ntopic = \"key\"\nargs = [{ name = \"a\", from = \"arg0\", type = \"buffer\" }]\nGOOD",
                "line 7",
            ),
            (
                "GOOD[[function]]\nargs = [\n  { name = \"a\", from = \"arg0\", type = \"buffer\" },\n]\nname = 'bad'\nrecord = \"event\"\ntopic = \"key\"\nGOOD",
                "",
            ),
            // As rows.
            (
                "function = [\n  { name = \"good\", record = \"event\", topic = \"key\" },\n  { name = \"bad\", record = \"event\", topic = \"key\", args = [{ name = \"a\", from = \"arg0\", type = \"buffer\" }] },\n]",
                "line 5",
            ),
        ] {
            let said = said(&functions.replace("GOOD", good));
            assert!(said.contains(expected), "{said}");
            let named = said.starts_with(&format!("mine.toml, {place}")) && said.contains(", function bad: ");
            assert!(named || place.is_empty(), "{said}");
            assert!(!said.contains("function good"), "{said}");
            assert_eq!(said.matches("mine.toml").count(), 1, "{said}");
            assert!(!said.contains('\n'), "{said}");
        }
        let said = said("[[function]]\nname = \"bad\"\ntopic = \"key\"\n");
        assert!(said.contains("function bad: missing field `record`"), "{said}");
    }

    #[test]
    fn a_file_that_is_no_catalogue_is_refused_with_its_name() {
        let wrong = |text: &str| {
            Catalogue::of(&[CatalogueFile { name: "mine.toml", text }]).expect_err("refused").to_string()
        };
        assert!(wrong("family = ").starts_with("mine.toml, line 1: "), "{}", wrong("family = "));
        assert!(wrong("").contains("missing field `family`"));
        assert!(wrong("family = 'X'\ncolour = 1").starts_with("mine.toml, line 2: unknown field `colour`"));
        assert!(wrong(&BASE.replace("\"key\"", "\"plaintext\"")).contains("unknown variant `plaintext`"));
        assert!(wrong(&"#".repeat(FILE_BYTES + 1)).contains("at most 1 MiB"));
        let many: String = (0..=FUNCTIONS)
            .map(|i| format!("[[function]]\nname = \"f{i}\"\nrecord = \"event\"\ntopic = \"key\"\n"))
            .collect();
        let many = format!("family = \"X\"\nlibraries = [\"libx\"]\n{many}");
        assert!(wrong(&many).contains("at most 4096 functions"));
    }
}
