//! Which functions are probed where there is room for a few only: what tells most, of whichever file.
//!
//! Invariant: what tells more comes first, whichever file it is in; where they tell the same, files come in their order.

use super::elf::{Probed, Site};
use crypto_tracer_format::catalogue::api::{Catalogue, Recorded, Topic};

/// The sites of each of these files that are probed, `room` of them in all.
pub fn choose(catalogue: &Catalogue, files: &[&Probed], room: usize) -> Vec<Vec<Site>> {
    let mut all: Vec<_> = files
        .iter()
        .enumerate()
        .flat_map(|(file, probed)| probed.sites.iter().map(move |site| (file, probed.family, site)))
        .collect();
    all.sort_by_key(|(file, family, site)| (rank(catalogue, *family, site.function), *file, site.function));
    let mut chosen = vec![Vec::new(); files.len()];
    for (file, _, site) in all.into_iter().take(room) {
        if let Some(of_file) = chosen.get_mut(file) {
            of_file.push(site.clone());
        }
    }
    chosen
}

/// The lower, the more a function tells.
fn rank(catalogue: &Catalogue, family: usize, function: usize) -> (bool, u8) {
    let Some(f) = catalogue.function(family, function) else { return (true, u8::MAX) };
    let topic = match f.topic {
        Topic::Handshake => 0,
        Topic::VerifyResult => 1,
        Topic::Context => 2,
        Topic::VerifyMode => 3,
        Topic::KeyGeneration => 4,
        Topic::KeyDerivation => 5,
        Topic::Certificate | Topic::Key | Topic::Store => 6,
        Topic::Protocol | Topic::Ciphers => 7,
        _ => 8,
    };
    (f.record == Recorded::Count, topic)
}

#[cfg(test)]
mod tests {
    use super::super::elf::{Calling, End};
    use super::*;
    use crypto_tracer_format::catalogue::api::CatalogueFile;

    #[test]
    fn handshakes_come_first_whatever_file_they_are_in() {
        let text = "family = 'X'\nlibraries = ['libx']\n
[[function]]\nname = 'key_1'\nrecord = 'event'\ntopic = 'key'
[[function]]\nname = 'key_2'\nrecord = 'event'\ntopic = 'key'
[[function]]\nname = 'shake'\nrecord = 'event'\ntopic = 'handshake'
[[function]]\nname = 'count'\nrecord = 'count'\ntopic = 'handshake'";
        let catalogue = Catalogue::of(&[CatalogueFile { name: "x", text }]).expect("valid");
        let file = |functions: &[usize]| Probed {
            family: 0,
            text: 0..1,
            within: false,
            calling: Calling::C,
            sites: functions
                .iter()
                .map(|&function| Site {
                    function,
                    symbol: 0,
                    address: 0,
                    offset: 0,
                    sp_delta: 0,
                    cheap: true,
                    package: None,
                    end: End::Return,
                })
                .collect(),
            left_out: Vec::new(),
        };
        let (keys, tls) = (file(&[0, 1]), file(&[3, 2]));
        let chosen = |room| -> Vec<Vec<usize>> {
            let chosen = choose(&catalogue, &[&keys, &tls], room);
            chosen.iter().map(|sites| sites.iter().map(|site| site.function).collect()).collect()
        };
        assert_eq!(chosen(0), [vec![], vec![]]);
        assert_eq!(chosen(1), [vec![], vec![2]]);
        assert_eq!(chosen(2), [vec![0], vec![2]]);
        assert_eq!(chosen(9), [vec![0, 1], vec![2, 3]]);
    }
}
