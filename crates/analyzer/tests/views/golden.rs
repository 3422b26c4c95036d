//! What people see, and what programs get: held against files that somebody has read.
//! With CRYPTO_TRACER_BLESS=1 the files are written anew; read the difference before committing it.

use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::views::{FilesOptions, LibsOptions, SnapshotOptions, SummaryOptions};

use crate::scene::{NGINX, scene};
use crate::{Folder, View, material};

#[test]
fn every_view_is_as_it_was_read() {
    let folder = Folder::new();
    let material = material(&[folder.file("a.ctrace", &scene().bytes())]);
    for (name, view) in [
        ("profile", View::pid(2100)),
        ("profile-children", View::family(NGINX.pid)),
        ("profile-reused-pid", View::pid(2000)),
        ("snapshot", View::Snapshot(SnapshotOptions::default())),
        ("libs", View::Libs(LibsOptions::default())),
        ("files", View::Files(FilesOptions::default())),
        ("summary", View::Summary(SummaryOptions::default())),
        (
            "sql",
            View::Sql(
                "SELECT pid, process, path, errno, count FROM usage WHERE event_type = 'file_open' ORDER BY path, pid",
            ),
        ),
    ] {
        for (ending, format) in [("json", Format::JsonPretty), ("txt", Format::Table)] {
            let (text, _) = view.write(&material, format).unwrap();
            let path = format!("{}/tests/golden/{name}.{ending}", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("CRYPTO_TRACER_BLESS").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let want = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(text, want, "{name}.{ending}");
        }
    }
}
