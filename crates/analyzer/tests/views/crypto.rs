//! TLS, calls of libraries and of the kernel: kept whole, given back as they were, and counted right.

use std::path::Path;

use crypto_tracer_analyzer::AnalyzeError;
use crypto_tracer_analyzer::event::{Body, Event};
use crypto_tracer_analyzer::sink::{Range, Sink, Source};
use crypto_tracer_analyzer::store::{DatabaseSource, IngestOptions, Ingested, ingest};

use crate::Folder;
use crate::staged::{Staged, staged};

/// Writes down what comes.
#[derive(Default)]
struct Listener(Vec<String>);

impl Sink for Listener {
    fn event(&mut self, event: &Event<'_>) -> Result<(), AnalyzeError> {
        let actor = event.actor.map(|a| (a.process.tgid, a.state.name.clone()));
        self.0.push(format!("{} {:?} {actor:?} {:?}", event.time_ns, event.wall_ns, event.body));
        Ok(())
    }
}

fn heard(source: &mut dyn Source) -> Vec<String> {
    let mut listener = Listener::default();
    source.feed(Range::default(), &mut listener).unwrap();
    listener.0
}

fn put(source: &Staged, database: &Path) -> Ingested {
    ingest(&mut source.clone(), &IngestOptions { database: database.into() }).unwrap()
}

fn stored(database: &Path) -> Vec<String> {
    heard(&mut DatabaseSource::open(database).unwrap())
}

/// What a statement gives, a text for each row.
fn rows(database: &Path, statement: &str) -> Vec<String> {
    let db = rusqlite::Connection::open(database).unwrap();
    let mut statement = db.prepare(statement).unwrap();
    let columns = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells = (0..columns).map(|c| match row.get_ref(c).unwrap() {
            rusqlite::types::ValueRef::Null => "-".to_owned(),
            rusqlite::types::ValueRef::Integer(n) => n.to_string(),
            rusqlite::types::ValueRef::Real(n) => n.to_string(),
            rusqlite::types::ValueRef::Text(t) | rusqlite::types::ValueRef::Blob(t) => {
                String::from_utf8_lossy(t).into_owned()
            }
        });
        found.push(cells.collect::<Vec<_>>().join(" "));
    }
    found
}

#[test]
fn a_database_gives_back_what_went_in_field_by_field() {
    let folder = Folder::new();
    let database = folder.path("a.db");
    let mut source = staged();
    let done = put(&source, &database);
    assert_eq!((done.added, done.events), (1, source.events.len() as u64));
    let (got, want) = (stored(&database), heard(&mut source));
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(&want) {
        assert_eq!(got, want);
    }
    assert!(source.events.iter().any(|(_, _, b)| matches!(b, Body::TlsHandshake(_))));
}

#[test]
fn once_more_changes_no_byte_and_a_grown_segment_replaces_what_was_there() {
    let folder = Folder::new();
    let database = folder.path("a.db");
    let whole = staged();
    let events = whole.events.get(..7).unwrap().to_vec();
    let early = Staged { events, closed: false, ..whole.clone() };
    assert_eq!(put(&early, &database).added, 1);
    assert_eq!(put(&whole, &database).replaced, 1);
    let before = std::fs::read(&database).unwrap();
    assert_eq!(put(&whole, &database).known, 1);
    assert!(std::fs::read(&database).unwrap() == before);
    assert_eq!(stored(&database), heard(&mut whole.clone()));
    // What counts is as if it had been read once.
    let other = folder.path("b.db");
    put(&whole, &other);
    for table in ["tls_usage", "api_usage", "kernel_usage", "handshakes"] {
        let statement = match table {
            "handshakes" => "SELECT time, pid, version, result FROM handshakes ORDER BY time".to_owned(),
            _ => format!("SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"),
        };
        let found = rows(&database, &statement);
        assert!(!found.is_empty(), "{table}");
        assert_eq!(found, rows(&other, &statement), "{table}");
    }
    let leftover = "SELECT (SELECT count(*) FROM tls_handshakes), (SELECT count(*) FROM api_calls), (SELECT sum(count) FROM rollups)";
    assert_eq!(rows(&database, leftover), rows(&other, leftover));
}

#[test]
fn what_is_like_is_counted_together() {
    let folder = Folder::new();
    let database = folder.path("a.db");
    put(&staged(), &database);
    let tls =
        "SELECT process, role, peer, server_port, result, count FROM tls_usage ORDER BY pid, first, peer";
    assert_eq!(
        rows(&database, tls),
        [
            "nginx server 2001:db8::1 443 success 1",
            "nginx server 2001:db8::2 443 success 1",
            "nginx server 2001:db8::3 443 success 1",
            "curl client 198.51.100.0 443 success 1",
            "curl client 203.0.113.0 443 failure 1",
            "python3 client 10.0.0.9 8443 success 2",
        ]
    );
    assert_eq!(
        rows(&database, "SELECT count(*) FROM negotiations"),
        ["5"],
        "old, resumed or not, and three more"
    );
    let api = "SELECT process, function, args, count, failures FROM api_usage ORDER BY pid, function";
    assert_eq!(
        rows(&database, api),
        [
            "curl SSL_CTX_new {} 1 0",
            "curl SSL_CTX_set_verify {\"verify_mode\":\"peer\"} 1 0",
            "curl SSL_connect {} 2 1",
            "python3 EVP_DigestFinal_ex {\"digest\":\"MD5\"} 40 0",
            "python3 RSA_generate_key_ex {\"bits\":1024} 1 0",
        ]
    );
    let kernel =
        "SELECT process, call, kind, name, version, errno, count FROM kernel_usage ORDER BY pid, first";
    assert_eq!(
        rows(&database, kernel),
        ["nginx ktls_tx - - 772 0 1", "java af_alg_bind hash sha256 0 0 1", "java add_key user k 0 2 1",]
    );
    let host = "SELECT what, name, value, passed FROM host_crypto ORDER BY what";
    assert_eq!(rows(&database, host), ["algorithm gcm(aes)  1", "crypto_policy  DEFAULT 0", "fips  0 0"]);
    let libraries = "SELECT p.path, l.functions, l.left_out FROM api_libraries l JOIN paths p ON p.id = l.path ORDER BY 1";
    assert_eq!(
        rows(&database, libraries),
        [
            "/usr/lib/x86_64-linux-gnu/libcrypto.so.3 - -",
            "/usr/lib/x86_64-linux-gnu/libssl.so.3 12 SSL_up_ref SSL_CTX_up_ref",
        ]
    );
    let functions = "SELECT function FROM api_functions WHERE recorded = 'event'";
    assert_eq!(rows(&database, functions), ["SSL_connect"]);
}
