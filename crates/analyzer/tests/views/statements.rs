//! `sql`: a user's own questions, and the examples of docs/database.md.

use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::views::Material;

use crate::scene::scene;
use crate::{Folder, View, ingest_into, material};

fn refused(material: &Material, statement: &'static str) -> String {
    View::Sql(statement).write(material, Format::Json).unwrap_err().to_string()
}

#[test]
fn rows_come_as_json_csv_and_table() {
    let folder = Folder::new();
    let material = material(&[folder.file("a.ctrace", &scene().bytes())]);
    let view = View::Sql("SELECT 1 AS n, NULL AS empty, 'a,\"b' AS text, x'00ff' AS blob, 1.5 AS real");
    let written = |format| view.write(&material, format).unwrap().0;
    assert_eq!(
        written(Format::Json),
        "[\n{\"n\":1,\"empty\":null,\"text\":\"a,\\\"b\",\"blob\":\"x'00ff'\",\"real\":1.5}\n]\n"
    );
    let pretty: serde_json::Value = serde_json::from_str(&written(Format::JsonPretty)).unwrap();
    assert_eq!(pretty, serde_json::from_str::<serde_json::Value>(&written(Format::Json)).unwrap());
    assert_eq!(written(Format::Csv), "n,empty,text,blob,real\r\n1,,\"a,\"\"b\",x'00ff',1.5\r\n");
    assert_eq!(
        written(Format::Table).lines().map(str::trim_end).collect::<Vec<_>>(),
        ["   n  empty  text  blob     real", "   1      -  a,\"b  x'00ff'   1.5"]
    );
    let none = View::Sql("SELECT pid FROM processes WHERE pid = -1");
    assert_eq!(none.write(&material, Format::Json).unwrap().0, "[]\n");
    assert_eq!(none.write(&material, Format::Csv).unwrap().0, "pid\r\n");
    let (_, outcome) = View::Sql("SELECT seq FROM events").write(&material, Format::Json).unwrap();
    assert_eq!(outcome.written, 24, "a capture gives every event");
}

#[test]
fn nothing_can_be_changed() {
    let folder = Folder::new();
    let capture = folder.file("a.ctrace", &scene().bytes());
    let database = folder.path("a.db");
    ingest_into(&database, std::slice::from_ref(&capture)).unwrap();
    let before = std::fs::read(&database).unwrap();
    for input in [capture, database.clone()] {
        let material = material(&[input]);
        for statement in [
            "DELETE FROM events",
            "UPDATE hosts SET hostname = 'x' RETURNING id",
            "INSERT INTO users VALUES (1, 1, 'x') RETURNING uid",
            "CREATE TABLE t (a)",
            "CREATE TEMP TABLE t AS SELECT 1",
            "DROP TABLE events",
            "ATTACH '/tmp/x.db' AS x",
            "PRAGMA journal_mode = DELETE",
            "PRAGMA query_only = 0",
            "BEGIN",
            "SELECT load_extension('x')",
        ] {
            let error = refused(&material, statement);
            assert!(error.contains("only read") || error.contains("not authorized"), "{statement}: {error}");
        }
        assert!(refused(&material, "VACUUM INTO 'never.db'").contains("expected one SELECT"));
        assert!(refused(&material, "SELECT 1; SELECT 2").contains("one statement"));
        assert!(refused(&material, "SELEC 1").contains("syntax error"));
        assert!(refused(&material, "").contains("expected one SELECT"));
        assert!(
            View::Sql("PRAGMA table_info(events)").write(&material, Format::Json).unwrap().1.written > 10
        );
    }
    assert!(std::fs::read(&database).unwrap() == before);
}

#[test]
fn the_examples_of_the_documentation_run() {
    let folder = Folder::new();
    let material = material(&[folder.file("a.ctrace", &scene().bytes())]);
    let page = include_str!("../../../../docs/database.md");
    let examples: Vec<&'static str> =
        page.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap().trim()).collect();
    assert!(examples.len() >= 5);
    for example in examples {
        let (text, outcome) = View::Sql(example).write(&material, Format::Table).unwrap();
        assert!(outcome.written > 0, "{example}\n{text}");
    }
}
