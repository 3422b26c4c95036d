//! Stand-in.
use crypto_tracer_format::catalogue::api::Catalogue;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// A function in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Position in the family.
    pub function: usize,
    /// As in the file.
    pub address: u64,
    /// Offset in the file.
    pub offset: u64,
    /// Return probe here.
    pub returns: bool,
    /// Go: return instructions.
    pub left: Vec<u64>,
}

/// What a file offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// Position of the family.
    pub family: usize,
    /// Go.
    pub go: bool,
    /// Text.
    pub text: (u64, u64),
    /// Sites.
    pub sites: Vec<Site>,
    /// Left out.
    pub left_out: Vec<String>,
}

/// Looks.
pub fn inspect(file: &File, path: &[u8], catalogue: &Catalogue, bulk: bool) -> Option<Offer> {
    let base = crypto_tracer_format::catalogue::files::basename(path);
    let family = catalogue.families().iter().position(|f| {
        f.libraries.iter().any(|stem| {
            base.strip_prefix(stem.as_bytes()).is_some_and(|r| r.starts_with(b".so") || r.starts_with(b"-"))
        })
    })?;
    let f = &catalogue.families()[family];
    let mut header = [0; 64];
    file.read_exact_at(&mut header, 0).ok()?;
    let u = |b: &[u8], at: usize, n: usize| {
        b.get(at..at + n).map_or(0, |b| b.iter().rev().fold(0u64, |a, b| a << 8 | u64::from(*b)))
    };
    let sh = u(&header, 40, 8);
    let count = u(&header, 60, 2);
    let mut sections = vec![0; count as usize * 64];
    file.read_exact_at(&mut sections, sh).ok()?;
    let part = |s: &[u8]| {
        let mut v = vec![0; u(s, 32, 8) as usize];
        file.read_exact_at(&mut v, u(s, 24, 8)).ok()?;
        Some(v)
    };
    let mut text = (u64::MAX, 0);
    for s in sections.chunks_exact(64) {
        if u(s, 8, 8) & 4 != 0 {
            text = (text.0.min(u(s, 16, 8)), text.1.max(u(s, 16, 8) + u(s, 32, 8)));
        }
    }
    let mut offer = Offer { family, text, ..Offer::default() };
    for s in sections.chunks_exact(64).filter(|s| u(s, 4, 4) == 11) {
        let names = part(sections.chunks_exact(64).nth(u(s, 40, 4) as usize)?)?;
        for symbol in part(s)?.chunks_exact(24) {
            let name = &names[u(symbol, 0, 4) as usize..];
            let name = &name[..name.iter().position(|b| *b == 0)?];
            let Some(function) = f.functions.iter().position(|x| x.name.as_bytes() == name) else { continue };
            if f.functions[function].bulk && !bulk {
                continue;
            }
            let mut address = u(symbol, 8, 8);
            let Some(sec) =
                sections.chunks_exact(64).nth(u(symbol, 6, 2) as usize).filter(|_| u(symbol, 6, 2) > 0)
            else {
                continue;
            };
            let delta = u(sec, 24, 8).wrapping_sub(u(sec, 16, 8));
            let mut first = [0; 4];
            file.read_exact_at(&mut first, address.wrapping_add(delta)).ok()?;
            if first == [0xf3, 0x0f, 0x1e, 0xfa] {
                address += 4;
            }
            offer.sites.push(Site {
                function,
                address,
                offset: address.wrapping_add(delta),
                returns: true,
                left: Vec::new(),
            });
        }
    }
    let group = |i: usize| f.functions[i].group.clone();
    let last = |site: &Site| {
        group(site.function).is_none()
            || !offer
                .sites
                .iter()
                .any(|o| o.function > site.function && group(o.function) == group(site.function))
    };
    let returns: Vec<bool> = offer.sites.iter().map(last).collect();
    for (site, r) in offer.sites.iter_mut().zip(returns) {
        site.returns = r;
    }
    Some(offer)
}
