//! docs/catalogue.md: its tables are made from the code and the catalogue, its example is read as a catalogue file.
//! `UPDATE_GOLDENS=1` writes the tables anew.

use crypto_tracer_format::catalogue::api::{
    ArgumentKind, Callers, Catalogue, CatalogueFile, Family, Function, Recorded, Retry, Success, Topic,
};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn words(all: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let rows = all.map(|(word, about)| format!("| `{word}` | {about} |\n"));
    format!("| word | what |\n|---|---|\n{}", rows.collect::<String>())
}

fn families() -> String {
    let catalogue = Catalogue::builtin().expect("valid");
    let mut out = String::new();
    for family in catalogue.families() {
        writeln!(out, "### {}\n\n{}\n", family.family, found_in(family)).expect("a String");
        for (title, bulk, record) in [
            ("Events", false, Recorded::Event),
            ("Counted", false, Recorded::Count),
            ("Bulk", true, Recorded::Count),
        ] {
            // What is the same as in the family that it is like isn't said twice.
            let like = catalogue.families().iter().find(|other| Some(&other.family) == family.like.as_ref());
            let own = |f: &Function| like.is_none_or(|like| !like.functions.contains(f));
            let chosen = |f: &&Function| f.bulk == bulk && f.record == record && own(f);
            let names: Vec<_> =
                family.functions.iter().filter(chosen).map(|f| format!("`{}`", f.name)).collect();
            if !names.is_empty() {
                writeln!(out, "- {title} ({}): {}.", names.len(), names.join(", ")).expect("a String");
            }
        }
        out.push('\n');
    }
    out
}

fn found_in(family: &Family) -> String {
    let list = |names: &[String]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let mut places = Vec::new();
    if family.go {
        places.push("Programs of Go.".to_owned());
    }
    if !family.libraries.is_empty() {
        places.push(format!("Libraries {}.", list(&family.libraries)));
    }
    if !family.within.is_empty() {
        places.push(format!("Within files that define {}.", list(&family.within)));
    }
    if !family.any.is_empty() {
        places.push(format!("Within files that define one of {}.", list(&family.any)));
    }
    if !family.prefixes.is_empty() {
        places.push(format!(
            "Within files where its functions begin with {} and a version.",
            list(&family.prefixes)
        ));
    }
    if !family.unless.is_empty() {
        places.push(format!("Not where one of {} is.", list(&family.unless)));
    }
    if let Some(like) = &family.like {
        places.push(format!("All functions of {like}; those that differ are listed."));
    }
    places.join(" ")
}

fn generated(section: &str) -> String {
    match section {
        "Callers" => words(Callers::ALL.iter().map(|x| (x.word(), x.about()))),
        "Topic" => words(Topic::ALL.iter().map(|x| (x.word(), x.about()))),
        "ArgumentKind" => words(ArgumentKind::ALL.iter().map(|x| (x.word(), x.about()))),
        "Success" => words(Success::ALL.iter().map(|x| (x.word(), x.about()))),
        "Retry" => words(Retry::ALL.iter().map(|x| (x.word(), x.about()))),
        "Families" => families(),
        other => panic!("the page names a section {other} that nobody makes"),
    }
}

fn page() -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/catalogue.md");
    let page = std::fs::read_to_string(&path).expect("docs/catalogue.md is there");
    (path, page)
}

#[test]
fn the_page_says_what_the_catalogue_says() {
    let (path, page) = page();
    let (mut fresh, mut sections, mut inside) = (String::new(), 0, false);
    for line in page.lines() {
        inside &= line != "<!-- end -->";
        if !inside {
            writeln!(fresh, "{line}").expect("a String");
        }
        if let Some(section) = line.strip_prefix("<!-- generated: ").and_then(|l| l.strip_suffix(" -->")) {
            write!(fresh, "\n{}\n\n", generated(section).trim_end()).expect("a String");
            sections += 1;
            inside = true;
        }
    }
    assert_eq!(sections, 6, "all sections are in the page");
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        std::fs::write(&path, &fresh).expect("written");
    } else {
        assert!(
            page == fresh,
            "docs/catalogue.md differs from the code: run this test with UPDATE_GOLDENS=1"
        );
    }
}

/// The example is a catalogue file, and each of its fields does what the page says.
#[test]
fn the_example_is_a_catalogue_file() {
    let (_, page) = page();
    let example =
        page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).expect("an example").0;
    let file = CatalogueFile { name: "docs/catalogue.md", text: example };
    let builtin = Catalogue::builtin().expect("valid");
    let before = builtin.families().len();
    let catalogue = builtin.with_files(&[file]).expect("the example is valid");
    let family = &catalogue.families()[before];
    assert_eq!((family.family.as_str(), family.functions.len()), ("Example TLS", 5));
    let key = family.functions.iter().find(|f| f.topic == Topic::Key).expect("there");
    assert_eq!(key.describe_args(), "path=file:path n0=bits:bits");
    assert!(key.needs_return());
}

/// What is called for each piece of data is counted, and only where it was asked for.
#[test]
fn bulk_functions_are_counted() {
    let catalogue = Catalogue::builtin().expect("valid");
    for (_, family, function) in catalogue.numbered() {
        let name = format!("{} {}", family.family, function.name);
        assert!(!function.bulk || function.record == Recorded::Count, "{name}");
        assert!(function.bulk || function.topic != Topic::Data, "{name}");
    }
}

/// The page of events and the schema name every topic.
#[test]
fn events_are_described_with_all_topics() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let read = |name| std::fs::read_to_string(docs.join(name)).expect("it is there");
    let (page, schema) = (read("events.md"), read("schema/event.schema.json"));
    let row = page.lines().find(|line| line.starts_with("| `topic` |")).expect("a row");
    let field =
        schema.split_once("\"topic\": {").and_then(|(_, rest)| rest.split_once('}')).expect("a field").0;
    let of_schema: Vec<&str> = field.split(|c: char| c != '_' && !c.is_ascii_lowercase()).collect();
    for topic in Topic::ALL {
        assert!(row.contains(&format!("`{}`", topic.word())), "{} on the page", topic.word());
        assert!(of_schema.contains(&topic.word()), "{} in the schema", topic.word());
    }
}
