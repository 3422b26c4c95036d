//! The views of a real capture, held against outputs that a person has read. UPDATE_GOLDENS=1 writes them anew.

use std::path::{Path, PathBuf};
use std::process::Command;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Golden file, schema of its JSON, arguments of `analyze`.
const GOLDENS: &[(&str, Option<&str>, &[&str])] = &[
    ("tls.monitor.json", Some("event"), &["monitor", "tls.ctrace"]),
    ("tls.monitor.txt", None, &["monitor", "tls.ctrace", "--format", "table"]),
    ("tls.summary.json", Some("summary"), &["summary", "tls.ctrace", "--format", "json-pretty"]),
    ("tls.summary.txt", None, &["summary", "tls.ctrace", "--format", "table"]),
    (
        "tls.snapshot.json",
        Some("snapshot"),
        &["snapshot", "tls.ctrace", "--format", "json-pretty", "--at", "+1s"],
    ),
    ("tls.snapshot.txt", None, &["snapshot", "tls.ctrace", "--format", "summary", "--at", "+1s"]),
    ("tls.libs.json", Some("libs"), &["libs", "tls.ctrace", "--format", "json-pretty"]),
    ("tls.libs.txt", None, &["libs", "tls.ctrace", "--format", "table"]),
    ("tls.files.json", Some("files"), &["files", "tls.ctrace", "--format", "json-pretty"]),
    ("tls.files.txt", None, &["files", "tls.ctrace", "--format", "table"]),
    ("tls.tls.json", Some("tls"), &["tls", "tls.ctrace", "--format", "json-pretty"]),
    ("tls.tls.txt", None, &["tls", "tls.ctrace", "--format", "table"]),
    ("tls.profile.json", None, &["profile", "tls.ctrace", "--name", "curl", "--format", "json-pretty"]),
    ("tls.profile.txt", None, &["profile", "tls.ctrace", "--name", "curl", "--format", "table"]),
];

fn analyze(args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_crypto-tracer"))
        .arg("analyze")
        .args(args)
        .current_dir(fixture(""))
        .env("COLUMNS", "110")
        .output()
        .expect("crypto-tracer starts");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("output is UTF-8")
}

#[test]
fn the_views_say_what_they_said() {
    let update = std::env::var_os("UPDATE_GOLDENS").is_some();
    let mut differing = vec![];
    for (golden, schema, args) in GOLDENS {
        let got = analyze(args);
        if let Some(schema) = schema {
            validate(schema, &got);
        }
        let path = fixture(golden);
        if update {
            std::fs::write(&path, &got).expect("the golden file can be written");
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&got) {
            differing.push(format!("{golden}: crypto-tracer analyze {}", args.join(" ")));
        }
    }
    assert!(differing.is_empty(), "differ from their golden files: {differing:#?}");
}

fn validate(schema: &str, json: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/{schema}.schema.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let schema_value: serde_json::Value = serde_json::from_str(&text).expect("the schema is JSON");
    let validator =
        jsonschema::options().should_validate_formats(true).build(&schema_value).expect("a valid schema");
    for value in serde_json::Deserializer::from_str(json).into_iter::<serde_json::Value>() {
        let value = value.expect("JSON");
        let errors: Vec<String> = validator.iter_errors(&value).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{schema}: {errors:?}\n{value:#}");
    }
}

#[test]
fn the_capture_holds_no_secret_of_the_workload() {
    let stream =
        Command::new("zstd").arg("-dc").arg(fixture("tls.ctrace")).output().expect("zstd is installed");
    assert!(stream.status.success());
    for secret in ["correct-horse", "battery-staple"] {
        let found = stream.stdout.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{secret} is in the capture");
    }
    let all = analyze(&["monitor", "tls.ctrace", "--no-redact"]);
    assert!(all.contains("[REDACTED]"), "the workload did hand secrets to curl");
}

#[test]
fn the_capture_holds_no_cgroup_of_the_recording_machine() {
    let paths = analyze(&["sql", "tls.ctrace", "SELECT DISTINCT path FROM cgroups", "--format", "csv"]);
    assert_eq!(paths, "path\r\n/\r\n");
}

/// The commands of ```console blocks that analyze the fixture, with the output that stands below each.
fn shown(markdown: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    for block in markdown.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        let (command, output) = block.split_once('\n').unwrap_or((block, ""));
        if let Some(command) = command.strip_prefix("$ crypto-tracer analyze ") {
            found.push((command.to_owned(), output.to_owned()));
        }
    }
    found
}

#[test]
fn documents_show_what_the_commands_print() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compared = 0;
    for file in ["README.md", "docs/user-guide.md"] {
        let mut text = std::fs::read_to_string(root.join(file)).expect("the document is there");
        for (command, output) in shown(&text) {
            let args: Vec<&str> = command.split(' ').map(|a| a.trim_matches('\'')).collect();
            // On a terminal, which a reader has and a test has not, documents are tables.
            let mut args: Vec<&str> = args;
            if args[0] != "monitor" && !args.contains(&"--format") {
                args.extend(["--format", "table"]);
            }
            let printed = analyze(&args);
            if std::env::var_os("UPDATE_GOLDENS").is_some() {
                let line = format!("$ crypto-tracer analyze {command}\n");
                text = text.replace(&format!("{line}{output}```"), &format!("{line}{printed}```"));
            } else {
                assert_eq!(printed, output, "{file}: crypto-tracer analyze {command}");
            }
            compared += 1;
        }
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            std::fs::write(root.join(file), text).expect("written");
        }
    }
    assert!(compared >= 2, "the README shows real output");
}
