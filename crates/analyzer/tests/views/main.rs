//! The views over whole captures: from a capture and from a database of it come the same bytes, valid by the published
//! schemas, and as people have read and approved them (tests/golden).

#[path = "../../src/testing/mod.rs"]
mod testing;

mod crypto;
mod database;
mod documents;
mod golden;
mod hostile;
mod scene;
mod snapshots;
mod staged;
mod statements;

use std::path::{Path, PathBuf};

use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::store::{IngestOptions, Ingested, ingest};
use crypto_tracer_analyzer::views::{
    self, FilesOptions, LibsOptions, Material, Outcome, ProfileOptions, Selector, SnapshotOptions,
    SqlOptions, SummaryOptions, TlsOptions,
};
use crypto_tracer_analyzer::{AnalyzeError, open};
use serde_json::Value;

/// A folder with captures.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// A view with its options.
#[derive(Clone, Debug)]
enum View {
    Profile(ProfileOptions),
    Snapshot(SnapshotOptions),
    Libs(LibsOptions),
    Files(FilesOptions),
    Summary(SummaryOptions),
    Tls(TlsOptions),
    Sql(&'static str),
}

impl View {
    fn pid(pid: u32) -> View {
        View::Profile(ProfileOptions { select: Selector::Pid(pid), follow_children: false })
    }

    fn name(name: &str) -> View {
        View::Profile(ProfileOptions { select: Selector::Name(name.to_owned()), follow_children: false })
    }

    fn family(pid: u32) -> View {
        View::Profile(ProfileOptions { select: Selector::Pid(pid), follow_children: true })
    }

    fn all() -> Vec<View> {
        vec![
            View::family(scene::NGINX.pid),
            View::name(""),
            View::Snapshot(SnapshotOptions::default()),
            View::Libs(LibsOptions::default()),
            View::Files(FilesOptions::default()),
            View::Summary(SummaryOptions::default()),
            View::Tls(TlsOptions::default()),
        ]
    }

    fn schema(&self) -> &'static str {
        match self {
            View::Profile(_) => include_str!("../../../../docs/schema/profile.schema.json"),
            View::Snapshot(_) => include_str!("../../../../docs/schema/snapshot.schema.json"),
            View::Libs(_) => include_str!("../../../../docs/schema/libs.schema.json"),
            View::Files(_) => include_str!("../../../../docs/schema/files.schema.json"),
            View::Summary(_) => include_str!("../../../../docs/schema/summary.schema.json"),
            View::Tls(_) => include_str!("../../../../docs/schema/tls.schema.json"),
            View::Sql(_) => "true",
        }
    }

    fn write(&self, material: &Material, format: Format) -> Result<(String, Outcome), AnalyzeError> {
        let mut out = Vec::new();
        let outcome = match self {
            View::Profile(o) => views::profile(material, o, format, &mut out),
            View::Snapshot(o) => views::snapshot(material, o, format, &mut out),
            View::Libs(o) => views::libs(material, o, format, &mut out),
            View::Files(o) => views::files(material, o, format, &mut out),
            View::Summary(o) => views::summary(material, o, format, &mut out),
            View::Tls(o) => views::tls(material, o, format, &mut out),
            View::Sql(statement) => {
                let options = SqlOptions { statement: (*statement).to_owned() };
                views::sql(material, &options, format, &mut out)
            }
        }?;
        Ok((String::from_utf8(out).unwrap(), outcome))
    }

    fn validator(&self) -> jsonschema::Validator {
        let schema = serde_json::from_str(self.schema()).unwrap();
        jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
    }

    /// The documents, each held against the schema.
    fn documents(&self, material: &Material) -> Vec<Value> {
        let schema = self.validator();
        let (text, outcome) = self.write(material, Format::Json).unwrap();
        let documents: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(outcome.written, documents.len() as u64);
        for document in &documents {
            if let Err(error) = schema.validate(document) {
                panic!("{error}\nat {}\n{document:#}", error.instance_path());
            }
        }
        let pretty = self.write(material, Format::JsonPretty).unwrap().0;
        let pretty: Vec<Value> =
            serde_json::Deserializer::from_str(&pretty).into_iter().map(Result::unwrap).collect();
        assert_eq!(pretty, documents);
        documents
    }
}

fn material(inputs: &[PathBuf]) -> Material {
    Material::of(inputs, false, true).unwrap()
}

fn ingest_into(database: &Path, inputs: &[PathBuf]) -> Result<Ingested, AnalyzeError> {
    ingest(&mut *open(inputs, false)?, &IngestOptions { database: database.into() })
}
