//! `sql`: a user's own questions, and the examples of docs/database.md.

use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::views::Material;

use crate::scene::scene;
use crate::staged::staged;
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
fn no_query_takes_more_memory_than_it_may() {
    let folder = Folder::new();
    let material = material(&[folder.file("a.ctrace", &scene().bytes())]);
    assert!(refused(&material, "SELECT zeroblob(300000000)").contains("a value is longer than 16777216"));
    assert!(refused(&material, "SELECT length(hex(zeroblob(9000000)))").contains("a value is longer"));
    let wide = "SELECT zeroblob(8000000) AS a, zeroblob(8000000) AS b, zeroblob(8000000) AS c";
    assert!(refused(&material, wide).contains("a row is longer than 16777216"));
    let (text, _) = View::Sql("SELECT zeroblob(1000000) AS a").write(&material, Format::Csv).unwrap();
    assert_eq!(text.len(), "a\r\nx''\r\n".len() + 2_000_000);
    // A table comes in parts, and none is empty.
    let numbers =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n";
    let (text, outcome) = View::Sql(numbers).write(&material, Format::Table).unwrap();
    assert_eq!((outcome.written, text.lines().count()), (20_000, 20_002));
    let last: Vec<&str> = text.lines().skip(10_000).take(3).map(str::trim).collect();
    assert_eq!(last, ["10000", "i", "10001"]);
}

#[test]
fn json_is_never_ambiguous() {
    let folder = Folder::new();
    let material = material(&[folder.file("a.ctrace", &scene().bytes())]);
    let twice = View::Sql("SELECT 1 AS a, 2 AS b, 3 AS a");
    for format in [Format::Json, Format::JsonPretty] {
        let error = twice.write(&material, format).unwrap_err();
        assert!(error.to_string().contains("two columns are called \"a\""), "{error}");
    }
    assert_eq!(twice.write(&material, Format::Csv).unwrap().0, "a,b,a\r\n1,2,3\r\n");
    let infinite = View::Sql("SELECT 9e999 AS a, -9e999 AS b, 9e999 - 9e999 AS c");
    assert_eq!(
        infinite.write(&material, Format::Json).unwrap().0,
        "[\n{\"a\":\"Infinity\",\"b\":\"-Infinity\",\"c\":null}\n]\n"
    );
    assert_eq!(infinite.write(&material, Format::Csv).unwrap().0, "a,b,c\r\nInfinity,-Infinity,\r\n");
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
    let staged = Material::read_events(&mut staged()).unwrap();
    for example in examples {
        let written =
            [&material, &staged].map(|m| View::Sql(example).write(m, Format::Table).unwrap().1.written);
        assert!(written.iter().any(|rows| *rows > 0), "{example}");
    }
}
