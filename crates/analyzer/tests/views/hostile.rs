//! Records in which anything may be wrong: answers or errors, valid documents, and the same from a database. No frames protect these.

use crypto_tracer_analyzer::monitor::{MonitorOptions, monitor};
use crypto_tracer_analyzer::open;
use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::views::Material;

use crate::scene::scene;
use crate::{Folder, View, ingest_into};

#[test]
fn records_with_any_byte_changed_give_valid_documents() {
    let folder = Folder::new();
    let validators: Vec<(_, _)> = View::all().into_iter().map(|view| (view.validator(), view)).collect();
    let records = scene().blocks().concat();
    let (mut tried, mut written) = (0, 0);
    for (round, at) in (0..records.len()).step_by(31).enumerate() {
        tried += validators.len();
        let mut bent = records.clone();
        bent[at] ^= [0xff, 0x01, 0x80][round % 3];
        let capture = folder.file("bent.zst", &zstd::encode_all(&bent[..], 1).unwrap());
        let inputs = std::slice::from_ref(&capture);
        let Ok(material) = Material::of(inputs, round % 2 == 0, false) else { continue };
        for (schema, view) in &validators {
            let Ok((text, _)) = view.write(&material, Format::Json) else { continue };
            written += 1;
            for line in text.lines() {
                let document = serde_json::from_str(line).unwrap();
                if let Err(error) = schema.validate(&document) {
                    panic!("byte {at}: {error} at {}\n{document:#}", error.instance_path());
                }
            }
            view.write(&material, Format::Table).unwrap();
        }
        if round % 8 == 0 {
            let database = folder.path("bent.db");
            let _ = std::fs::remove_file(&database);
            ingest_into(&database, inputs).unwrap();
            let events = |input| {
                let mut out = Vec::new();
                monitor(&mut *open(&[input], false).unwrap(), &MonitorOptions::default(), &mut out).unwrap();
                String::from_utf8(out).unwrap()
            };
            assert_eq!(events(database), events(capture), "byte {at}");
        }
    }
    assert!(written * 10 > tried * 7, "most of what was bent still says something: {written} of {tried}");
}
