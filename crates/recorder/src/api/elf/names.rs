//! The names that are looked for in files, each with a number.
//!
//! Invariants:
//! - A name with the prefix of a family (`aws_lc_0_35_0_EVP_Digest`) has another number than the plain one: a program may
//!   carry two libraries that were made from one.
//! - Of all versions of a name there is one number: that of the prefix without the version.

use crypto_tracer_format::catalogue::api::{Catalogue, Family};
use std::collections::HashMap;

type Numbers = HashMap<Vec<u8>, u32>;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Names {
    plain: Numbers,
    /// Of each prefix: the prefix, and the names that may stand behind it and a version.
    prefixed: Vec<(Vec<u8>, Numbers)>,
}

impl Names {
    /// The names of a catalogue, and these others.
    pub(super) fn new<'n>(catalogue: &'n Catalogue, others: impl Iterator<Item = &'n str> + Clone) -> Names {
        let mut names = Names::default();
        let mut next = 0..=u32::MAX;
        for family in catalogue.families() {
            let functions = || family.functions.iter().map(|f| f.name.as_str());
            let marks =
                [&family.within, &family.any, &family.unless].into_iter().flatten().map(String::as_str);
            for name in functions().chain(marks).chain(others.clone()) {
                number(&mut names.plain, name, &mut next);
            }
            for prefix in &family.prefixes {
                let at = names.prefixed.iter().position(|(known, _)| known == prefix.as_bytes());
                let at = at.unwrap_or_else(|| {
                    names.prefixed.push((prefix.clone().into_bytes(), Numbers::new()));
                    names.prefixed.len() - 1
                });
                if let Some((_, behind)) = names.prefixed.get_mut(at) {
                    functions().chain(others.clone()).for_each(|name| number(behind, name, &mut next));
                }
            }
        }
        names
    }

    /// The number of a symbol, if it is looked for.
    pub(super) fn of_symbol(&self, symbol: &[u8]) -> Option<u32> {
        self.plain.get(symbol).copied().or_else(|| {
            self.prefixed.iter().find_map(|(prefix, names)| names.get(behind(prefix, symbol)?).copied())
        })
    }

    /// The number of a plain name.
    pub(super) fn plain(&self, name: &str) -> Option<u32> {
        self.plain.get(name.as_bytes()).copied()
    }

    /// The number of a name behind a prefix.
    pub(super) fn prefixed(&self, prefix: &str, name: &str) -> Option<u32> {
        let (_, names) = self.prefixed.iter().find(|(known, _)| known == prefix.as_bytes())?;
        names.get(name.as_bytes()).copied()
    }

    /// The numbers of all names that a family's functions have with a prefix.
    pub(super) fn of_prefixes<'n>(&'n self, family: &'n Family) -> impl Iterator<Item = (&'n str, u32)> {
        family.prefixes.iter().flat_map(move |prefix| {
            let functions = family.functions.iter();
            functions.filter_map(move |f| Some((prefix.as_str(), self.prefixed(prefix, &f.name)?)))
        })
    }
}

fn number(names: &mut Numbers, name: &str, next: &mut impl Iterator<Item = u32>) {
    if !names.contains_key(name.as_bytes())
        && let Some(number) = next.next()
    {
        names.insert(name.as_bytes().to_vec(), number);
    }
}

/// What follows a prefix and the version behind it.
pub(super) fn behind<'s>(prefix: &[u8], symbol: &'s [u8]) -> Option<&'s [u8]> {
    let rest = symbol.strip_prefix(prefix)?;
    let version = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'_').count();
    rest.get(version..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_tracer_format::catalogue::api::CatalogueFile;

    #[test]
    fn a_prefix_and_its_version_are_told_from_the_name() {
        assert_eq!(behind(b"aws_lc_", b"aws_lc_0_35_0_EVP_Digest"), Some(&b"EVP_Digest"[..]));
        assert_eq!(behind(b"aws_lc_", b"aws_lc_EVP_Digest"), Some(&b"EVP_Digest"[..]));
        assert_eq!(behind(b"aws_lc_", b"aws_lc_fips_0_13_1_MD5"), Some(&b"fips_0_13_1_MD5"[..]));
        assert_eq!(behind(b"aws_lc_", b"EVP_Digest"), None);
        assert_eq!(behind(b"aws_lc_", b"aws_lc_0_35_0"), Some(&b""[..]));
    }

    #[test]
    fn a_name_with_a_prefix_is_another_one() {
        let text = "family = 'X'\nprefixes = ['x_', 'x_fips_']\n[[function]]\nname = 'f'\nrecord = 'event'\ntopic = 'key'";
        let catalogue = Catalogue::of(&[CatalogueFile { name: "x.toml", text }]).expect("valid");
        let names = Names::new(&catalogue, std::iter::once("other"));
        let of = |symbol: &str| names.of_symbol(symbol.as_bytes());
        assert_eq!(of("f"), names.plain("f"));
        assert_eq!(of("x_1_2_f"), names.prefixed("x_", "f"));
        assert_eq!(of("x_3_f"), of("x_1_2_f"), "of any version");
        assert_eq!(of("x_fips_1_f"), names.prefixed("x_fips_", "f"));
        assert_eq!(of("x_1_other"), names.prefixed("x_", "other"));
        let all = ["f", "x_f", "x_fips_f", "other", "x_other"].map(of);
        for (i, number) in all.iter().enumerate() {
            assert!(number.is_some() && !all[..i].contains(number), "{all:?}");
        }
        assert_eq!([of("y_f"), of("x_1_"), of("x_"), of("")], [None; 4]);
        let found: Vec<_> = names.of_prefixes(&catalogue.families()[0]).map(|(prefix, _)| prefix).collect();
        assert_eq!(found, ["x_", "x_fips_"]);
    }
}
