//! Which field of a record keeps which argument, and the text that tells a reader of the capture.
//!
//! Invariants:
//! - Slots follow from the order of the arguments alone: the first number is `n0`, the second `n1`; the first path is
//!   `path`, the second `path2`.
//! - The text is `slot=name:type`, separated by spaces. A reader passes over what it can't read: a later release may say more.

use super::{Argument, ArgumentKind, Function};

/// A field of `ApiCall` (of `ApiCount`: `N0` and `N1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// First number.
    N0,
    /// Second number.
    N1,
    /// Third number.
    N2,
    /// Fourth number.
    N3,
    /// The name of an algorithm, or a list of such names.
    Name,
    /// A path or URI.
    Path,
    /// Another one.
    Path2,
    /// A host's name.
    Host,
}

impl Slot {
    /// All of them.
    pub const ALL: [Slot; 8] =
        [Slot::N0, Slot::N1, Slot::N2, Slot::N3, Slot::Name, Slot::Path, Slot::Path2, Slot::Host];

    /// The field's name.
    pub fn name(self) -> &'static str {
        match self {
            Slot::N0 => "n0",
            Slot::N1 => "n1",
            Slot::N2 => "n2",
            Slot::N3 => "n3",
            Slot::Name => "name",
            Slot::Path => "path",
            Slot::Path2 => "path2",
            Slot::Host => "host",
        }
    }

    fn of_name(name: &str) -> Option<Slot> {
        Slot::ALL.into_iter().find(|slot| slot.name() == name)
    }

    /// The slots that arguments of a kind can go to, in the order in which they are filled.
    pub(super) fn of_kind(kind: ArgumentKind) -> &'static [Slot] {
        match kind {
            ArgumentKind::Algorithm | ArgumentKind::AlgorithmList => &[Slot::Name],
            ArgumentKind::Path => &[Slot::Path, Slot::Path2],
            ArgumentKind::Host => &[Slot::Host],
            _ => &[Slot::N0, Slot::N1, Slot::N2, Slot::N3],
        }
    }
}

/// What a reader of a capture knows of an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedArgument<'a> {
    /// Where it is kept.
    pub slot: Slot,
    /// Its name in documents.
    pub name: &'a str,
    /// What it is; `None`: a kind that this release doesn't know, a number or a string by its slot.
    pub kind: Option<ArgumentKind>,
}

impl<'a> NamedArgument<'a> {
    /// Reads the text of [`Function::describe_args`]. What can't be read is passed over.
    pub fn parse_all(text: &'a str) -> impl Iterator<Item = NamedArgument<'a>> {
        text.split(' ').filter_map(|item| {
            let (slot, rest) = item.split_once('=')?;
            let (name, kind) = rest.split_once(':')?;
            Some(NamedArgument { slot: Slot::of_name(slot)?, name, kind: ArgumentKind::of_word(kind) })
        })
    }
}

impl Function {
    /// The arguments with their slots; `None` instead of a slot where none is left, which no valid catalogue has.
    pub(super) fn assigned(&self) -> impl Iterator<Item = (Option<Slot>, &Argument)> {
        let mut taken: Vec<Slot> = Vec::new();
        self.args.iter().map(move |arg| {
            let slot = Slot::of_kind(arg.kind).iter().copied().find(|slot| !taken.contains(slot));
            taken.extend(slot);
            (slot, arg)
        })
    }

    /// The arguments with their slots.
    pub fn slots(&self) -> impl Iterator<Item = (Slot, &Argument)> {
        self.assigned().filter_map(|(slot, arg)| Some((slot?, arg)))
    }

    /// The text of `ApiFunction::args`.
    pub fn describe_args(&self) -> String {
        let items: Vec<String> = self
            .slots()
            .map(|(slot, arg)| format!("{}={}:{}", slot.name(), arg.name, arg.kind.word()))
            .collect();
        items.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Catalogue, CatalogueFile};
    use super::*;

    const FUNCTION: &str = r#"
        family = "X"
        libraries = ["libx"]
        [[function]]
        name = "x_load"
        record = "event"
        topic = "key"
        args = [
            { name = "ca_file", from = "arg1", type = "path" },
            { name = "mode", from = "arg2:i32", type = "openssl_verify_mode" },
            { name = "ca_dir", from = "arg3", type = "path" },
            { name = "bits", from = "arg4", type = "bits" },
            { name = "cipher", from = "arg0[8]", type = "algorithm" },
        ]
    "#;

    #[test]
    fn the_text_tells_what_the_catalogue_says() {
        let file = CatalogueFile { name: "x.toml", text: FUNCTION };
        let catalogue = Catalogue::of(&[file]).expect("valid");
        let text = catalogue.families()[0].functions[0].describe_args();
        assert_eq!(
            text,
            "path=ca_file:path n0=mode:openssl_verify_mode path2=ca_dir:path n1=bits:bits name=cipher:algorithm"
        );
        let read: Vec<_> = NamedArgument::parse_all(&text).collect();
        assert_eq!(read.len(), 5);
        assert_eq!(
            read[1],
            NamedArgument { slot: Slot::N0, name: "mode", kind: Some(ArgumentKind::OpensslVerifyMode) }
        );
        assert_eq!(read[2].slot, Slot::Path2);
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        let read: Vec<_> = NamedArgument::parse_all("n0=a:colour n9=b:number x =: n1=c n2=d:bool").collect();
        assert_eq!(read.iter().map(|a| a.name).collect::<Vec<_>>(), ["a", "d"]);
        assert_eq!(read[0].kind, None);
        assert_eq!(NamedArgument::parse_all("").count(), 0);
    }
}
