//! Libraries that are linked into another file: which part of its text is theirs (R5: a call from there is their own).
//!
//! Invariants:
//! - The linker puts a library's parts side by side. So they reach from the first to the last function whose name begins as
//!   those of the catalogue do, in the densest region of such names: a lone namesake far away doesn't count.
//! - Names that begin otherwise belong to the library too, where most of their kind lie in that region.
//! - No more than [`PARTS`] functions are looked at.

use super::image::Image;
use super::symbols::{self, Table};
use crypto_tracer_format::catalogue::api::Family;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// Functions of a file.
const PARTS: usize = 1 << 20;
/// Two functions of a library have less than this between them.
const GAP: u64 = 1024 * 1024;
/// So many functions with the same beginning are a kind.
const KIND: usize = 4;
/// How often the region is made larger by what was learned in it.
const ROUNDS: usize = 8;

/// The part of a name that a library's functions share: up to the first `_`, with it.
fn prefix(name: &[u8]) -> Option<&[u8]> {
    name.iter().position(|&b| b == b'_').filter(|at| *at > 0).map(|at| &name[..=at])
}

/// The addresses of a family's own text.
pub(super) fn text(image: &Image<'_, '_>, family: &Family) -> Option<Range<u64>> {
    let mut kinds: HashMap<Vec<u8>, Vec<Range<u64>>> = HashMap::new();
    let mut parts = 0;
    for table in [Table::Dynamic, Table::All] {
        symbols::walk(image, table, |name, symbol| {
            let Some(prefix) = prefix(name).filter(|_| parts < PARTS) else { return };
            parts += 1;
            let part = symbol.address..symbol.address.saturating_add(symbol.size.max(1));
            match kinds.get_mut(prefix) {
                Some(kind) => kind.push(part),
                None => drop(kinds.insert(prefix.to_vec(), vec![part])),
            }
        });
    }
    region(&kinds, family.functions.iter().filter_map(|f| prefix(f.name.as_bytes())).collect())
}

/// The addresses of what has names that begin with this prefix: all of its copy of the library, and nothing else.
pub(super) fn prefixed_text(image: &Image<'_, '_>, prefix: &[u8]) -> Option<Range<u64>> {
    let mut parts = Vec::new();
    for table in [Table::Dynamic, Table::All] {
        symbols::walk(image, table, |name, symbol| {
            if name.starts_with(prefix) && parts.len() < PARTS {
                parts.push(symbol.address..symbol.address.saturating_add(symbol.size.max(1)));
            }
        });
    }
    densest(parts)
}

fn region<'k>(
    kinds: &'k HashMap<Vec<u8>, Vec<Range<u64>>>,
    mut known: HashSet<&'k [u8]>,
) -> Option<Range<u64>> {
    let mut found = None;
    for _ in 0..ROUNDS {
        let parts = known.iter().filter_map(|kind| kinds.get(*kind)).flatten().cloned().collect();
        let region = densest(parts)?;
        if found.as_ref() == Some(&region) {
            break;
        }
        let mostly_within = |parts: &[Range<u64>]| {
            let within = parts.iter().filter(|part| region.contains(&part.start)).count();
            parts.len() >= KIND && within * 2 > parts.len()
        };
        known.extend(kinds.iter().filter(|(_, parts)| mostly_within(parts)).map(|(kind, _)| kind.as_slice()));
        found = Some(region);
    }
    found
}

/// The region that holds most parts; regions are parted by gaps.
fn densest(mut parts: Vec<Range<u64>>) -> Option<Range<u64>> {
    parts.sort_unstable_by_key(|part| (part.start, part.end));
    parts.dedup();
    let mut best: Option<(usize, Range<u64>)> = None;
    let mut now: Option<(usize, Range<u64>)> = None;
    for part in parts {
        let joined = match now {
            Some((count, region)) if part.start.saturating_sub(region.end) < GAP => {
                (count + 1, region.start..region.end.max(part.end))
            }
            _ => (1, part),
        };
        if best.as_ref().is_none_or(|(count, _)| joined.0 > *count) {
            best = Some(joined.clone());
        }
        now = Some(joined);
    }
    best.map(|(_, region)| region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_share_their_beginning() {
        assert_eq!(prefix(b"SSL_CTX_new"), Some(&b"SSL_"[..]));
        assert_eq!(prefix(b"wolfSSL_new"), Some(&b"wolfSSL_"[..]));
        assert_eq!(prefix(b"_start"), None);
        assert_eq!(prefix(b"main"), None);
    }

    #[test]
    fn a_namesake_far_away_does_not_count() {
        let far = GAP * 10;
        let parts =
            vec![far..far + 8, 0x1000..0x1100, 0x2000..0x2080, 0x1800..0x1900, GAP * 30..GAP * 30 + 1];
        assert_eq!(densest(parts), Some(0x1000..0x2080));
        assert_eq!(densest(vec![]), None);
        assert_eq!(densest(vec![u64::MAX - 1..u64::MAX, 0..1, 1..2]), Some(0..2));
    }

    #[test]
    fn other_names_of_the_library_are_learned() {
        let at = |starts: &[u64]| starts.iter().map(|s| *s..*s + 0x10).collect::<Vec<_>>();
        let kinds = HashMap::from([
            (b"SSL_".to_vec(), at(&[0x1000, 0x5000])),
            // Three of four lie between: the fourth is the library's too.
            (b"BIO_".to_vec(), at(&[0x2000, 0x3000, 0x4000, 0x9000])),
            // Only one of four: another library's.
            (b"uv_".to_vec(), at(&[0x2100, 0xa000, 0xb000, 0xc000])),
            // Too few to be a kind.
            (b"x_".to_vec(), at(&[0x2200, 0x2300, 0xd000])),
        ]);
        assert_eq!(region(&kinds, HashSet::from([&b"SSL_"[..]])), Some(0x1000..0x9010));
        assert_eq!(region(&kinds, HashSet::new()), None);
    }
}
