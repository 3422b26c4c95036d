//! What people see, and what programs get: held against files that somebody has read.
//! With CRYPTO_TRACER_BLESS=1 the files are written anew; read the difference before committing it.

use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::views::{
    FilesOptions, LibsOptions, Material, SnapshotOptions, SummaryOptions, TlsColumn, TlsOptions,
};

use crate::scene::{NGINX, scene};
use crate::staged::staged;
use crate::{Folder, View, material};

#[test]
fn every_view_is_as_it_was_read() {
    let folder = Folder::new();
    let scene = material(&[folder.file("a.ctrace", &scene().bytes())]);
    let staged = Material::read(&mut staged()).unwrap();
    let by_version =
        TlsOptions { group_by: vec![TlsColumn::Version, TlsColumn::Group], ..TlsOptions::default() };
    let whole = TlsOptions { group_by: TlsColumn::ALL.to_vec(), ..TlsOptions::default() };
    for (name, material, view) in [
        ("tls", &staged, View::Tls(TlsOptions::default())),
        ("tls-by-version", &staged, View::Tls(by_version)),
        ("tls-by-all", &staged, View::Tls(whole)),
        ("tls-profile", &staged, View::name("python")),
        ("tls-summary", &staged, View::Summary(SummaryOptions::default())),
        ("tls-libs", &staged, View::Libs(LibsOptions::default())),
        ("profile", &scene, View::pid(2100)),
        ("profile-children", &scene, View::family(NGINX.pid)),
        ("profile-reused-pid", &scene, View::pid(2000)),
        ("snapshot", &scene, View::Snapshot(SnapshotOptions::default())),
        ("libs", &scene, View::Libs(LibsOptions::default())),
        ("files", &scene, View::Files(FilesOptions::default())),
        ("summary", &scene, View::Summary(SummaryOptions::default())),
        (
            "sql",
            &scene,
            View::Sql(
                "SELECT pid, process, path, errno, count FROM usage WHERE event_type = 'file_open' ORDER BY path, pid",
            ),
        ),
    ] {
        for (ending, format) in [("json", Format::JsonPretty), ("txt", Format::Table)] {
            let (text, _) = view.write(material, format).unwrap();
            let path = format!("{}/tests/golden/{name}.{ending}", env!("CARGO_MANIFEST_DIR"));
            if std::env::var_os("CRYPTO_TRACER_BLESS").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let want = std::fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(text, want, "{name}.{ending}");
        }
    }
}
