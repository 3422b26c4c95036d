//! TLS, calls of libraries and of the kernel: kept whole, given back as they were, and counted right.

use std::path::Path;

use crypto_tracer_analyzer::AnalyzeError;
use crypto_tracer_analyzer::event::{ApiCall, Body, Event};
use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::sink::{Range, Sink, Source};
use crypto_tracer_analyzer::store::{DatabaseSource, IngestOptions, Ingested, ingest};
use crypto_tracer_analyzer::views::{Material, SummaryOptions, TlsColumn, TlsOptions};
use crypto_tracer_format::record::{ApiCall as Call, ApiCount, TlsMessage};
use serde_json::Value;

use crate::scene::wire;
use crate::staged::{CRYPTO, Staged, Who, call, staged};
use crate::testing::{HOST, Recording, at, message, wall, who};
use crate::{Folder, View};

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
    let names = "SELECT registry, number, name FROM tls_names ORDER BY registry, number";
    assert_eq!(
        rows(&database, names),
        [
            "alert 48 unknown_ca",
            "cipher_suite 47 TLS_RSA_WITH_AES_128_CBC_SHA",
            "cipher_suite 4866 TLS_AES_256_GCM_SHA384",
            "group 29 x25519",
            "group 4588 X25519MLKEM768",
            "signature_scheme 1027 ecdsa_secp256r1_sha256",
            "version 771 TLSv1.2",
            "version 772 TLSv1.3",
        ]
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

fn tls(options: TlsOptions) -> Value {
    let material = Material::read_events(&mut staged()).unwrap();
    let mut documents = View::Tls(options).documents(&material);
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// A field of each row, with its count.
fn counted(document: &Value, field: &str) -> Vec<(String, u64)> {
    let rows = document["handshakes"].as_array().unwrap().iter();
    rows.map(|row| (row[field].to_string().replace('"', ""), row["count"].as_u64().unwrap())).collect()
}

#[test]
fn handshakes_can_be_grouped_by_anything_and_none_is_lost() {
    for column in TlsColumn::ALL {
        let document = tls(TlsOptions { group_by: vec![*column], ..TlsOptions::default() });
        assert_eq!(TlsColumn::from_name(column.name()), Some(*column));
        let total: u64 = counted(&document, "count").iter().map(|(_, count)| count).sum();
        assert_eq!(total, 7, "{}", column.name());
    }
    let by = |column| tls(TlsOptions { group_by: vec![column], ..TlsOptions::default() });
    let pairs = |list: &[(&str, u64)]| list.iter().map(|(a, b)| ((*a).to_owned(), *b)).collect::<Vec<_>>();
    assert_eq!(counted(&by(TlsColumn::Version), "version"), pairs(&[("TLSv1.3", 5), ("TLSv1.2", 2)]));
    let groups = by(TlsColumn::Group);
    assert_eq!(counted(&groups, "group"), pairs(&[("x25519", 3), ("null", 2), ("X25519MLKEM768", 2)]));
    assert_eq!(groups["handshakes"][2]["post_quantum"], true);
    assert_eq!(groups["handshakes"][0]["post_quantum"], false);
    assert_eq!(
        counted(&by(TlsColumn::Library), "library"),
        pairs(&[("null", 5), ("OpenSSL 3.0.19 27 Jan 2026", 2)])
    );
    let results = by(TlsColumn::Result);
    assert_eq!(results["handshakes"][1]["alert"], "unknown_ca");
    assert_eq!(results["handshakes"][1]["failures"], 1);
    assert_eq!(
        results["summary"],
        serde_json::json!({
            "handshakes": 7, "successes": 6, "failures": 1, "clients": 4, "servers": 3, "tls13": 5, "outdated": 0,
            "post_quantum": 2, "post_quantum_offered": 5, "not_verified": 2, "verify_failures": 1,
        })
    );
}

#[test]
fn handshakes_can_be_chosen_by_process_and_time() {
    let names = |options| counted(&tls(options), "process");
    let default = TlsOptions::default;
    let of_name = |name: &str| TlsOptions { name: Some(name.to_owned()), ..default() };
    assert_eq!(names(of_name("CUR")).len(), 2);
    assert_eq!(names(TlsOptions { pid: Some(Who::Python.pid()), ..default() }), [("python3".to_owned(), 2)]);
    // Of who is there, no handshake may be left; who isn't there at all is a mistake, as with `profile`.
    assert!(names(TlsOptions { pid: Some(Who::Python.pid()), ..of_name("CUR") }).is_empty());
    let everything = Material::read_events(&mut staged()).unwrap();
    for (options, wanted) in [
        (of_name("apache"), "whose name holds \"apache\""),
        (TlsOptions { pid: Some(4), ..default() }, "with pid 4"),
        (TlsOptions { pid: Some(4), ..of_name("CUR") }, "with pid 4"),
    ] {
        let error = View::Tls(options).write(&everything, Format::Json).unwrap_err().to_string();
        assert!(error.starts_with(&format!("no process {wanted} is in the capture; ")), "{error}");
    }
    // Both ends are included.
    let between = |from, to| TlsOptions {
        since_wall_ns: Some(wall(from)),
        until_wall_ns: Some(wall(to)),
        group_by: vec![TlsColumn::Process],
        ..default()
    };
    assert_eq!(names(between(2100, 3000)), [("curl".to_owned(), 1), ("python3".to_owned(), 1)]);
    assert_eq!(names(between(2101, 2999)), []);
    let sums = Material::read(&mut staged()).unwrap();
    let error = View::Tls(between(0, 1)).write(&sums, Format::Json).unwrap_err();
    assert!(error.to_string().contains("needs every event"), "{error}");
}

#[test]
fn every_view_of_a_database_is_that_of_the_capture() {
    let folder = Folder::new();
    let database = folder.path("a.db");
    put(&staged(), &database);
    let (direct, stored) = (Material::read(&mut staged()).unwrap(), Material::open(&database).unwrap());
    let range = TlsOptions { since_wall_ns: Some(wall(2000)), ..TlsOptions::default() };
    let events = Material::read_events(&mut staged()).unwrap();
    let views = View::all().into_iter().filter(|view| !matches!(view, View::Profile(_)));
    let views = views.chain([View::name("")]).map(|view| (&direct, view));
    for (direct, view) in views.chain([(&events, View::Tls(range))]) {
        assert_eq!(view.documents(&stored), view.documents(direct), "{view:?}");
        assert_eq!(
            view.write(&stored, Format::Table).unwrap().0,
            view.write(direct, Format::Table).unwrap().0
        );
    }
}

#[test]
fn a_profile_tells_what_was_called_and_negotiated() {
    let material = Material::read(&mut staged()).unwrap();
    let curl = View::pid(Who::Curl.pid()).documents(&material).remove(0);
    assert_eq!(
        curl["api_calls"],
        serde_json::json!({"SSL_CTX_new": 1, "SSL_CTX_set_verify": 1, "SSL_connect": 2})
    );
    assert_eq!(curl["statistics"]["api_calls_made"], 4);
    assert_eq!(curl["statistics"]["tls_handshakes"], 2);
    assert_eq!(curl["statistics"]["tls_failures"], 1);
    assert_eq!(curl["api_functions"][2]["failures"], 1);
    assert_eq!(curl["api_functions"][1]["args"][0]["args"]["verify_mode"], "peer");
    let failed = curl["tls"].as_array().unwrap().iter().find(|row| row["result"] == "failure").unwrap();
    assert_eq!(failed["verify"], "unable to get local issuer certificate");
    assert_eq!(failed["peer"], serde_json::json!({"address": "203.0.113.0", "port": 443}));
    let java = View::pid(Who::Java.pid()).documents(&material).remove(0);
    assert_eq!(java["kernel_crypto"][0]["call"], "add_key");
    assert_eq!(java["kernel_crypto"][0]["failures"], 1);
    assert_eq!(java["kernel_crypto"][1]["name"], "sha256");
}

#[test]
fn a_summary_says_what_is_weak_failed_and_unverified() {
    let material = Material::read(&mut staged()).unwrap();
    let summary = View::Summary(SummaryOptions::default()).documents(&material).remove(0);
    let tls = &summary["tls"];
    assert_eq!(tls["failed"][0]["process"], "curl");
    assert_eq!(tls["failed"][0]["alert"], "unknown_ca");
    assert_eq!(tls["not_verified"][0]["process"], "python3");
    assert_eq!(tls["not_verified"][0]["count"], 2);
    let certificate = &tls["certificates"][0];
    assert_eq!(certificate["faults"], serde_json::json!(["expires soon", "weak key"]));
    assert_eq!(certificate["servers"], serde_json::json!(["10.0.0.9:8443"]));
    let weak: Vec<_> =
        summary["api_calls"]["algorithms"].as_array().unwrap().iter().map(|u| &u["weak"]).collect();
    assert_eq!(weak, [true, true]);
    assert_eq!(summary["api_calls"]["settings"][0]["args"]["verify_mode"], "peer");
    assert_eq!(summary["kernel"]["fips"], false);
    assert_eq!(summary["kernel"]["crypto_policy"], "DEFAULT");
    assert_eq!(summary["kernel"]["algorithms"], 1);
    assert_eq!(summary["coverage"]["redaction"], serde_json::json!(["secrets", "network"]));
    assert_eq!(summary["coverage"]["complete"], true);
    assert_eq!(
        summary["coverage"]["left_out"][0]["functions"],
        serde_json::json!(["SSL_CTX_up_ref", "SSL_up_ref"])
    );
}

/// From the bytes on the wire to the document.
#[test]
fn handshakes_of_real_programs_come_through() {
    let folder = Folder::new();
    let (capture, database) = (folder.file("a.ctrace", &wire().bytes()), folder.path("a.db"));
    crate::ingest_into(&database, std::slice::from_ref(&capture)).unwrap();
    let failed = "SELECT connection, result, alert FROM handshakes JOIN tls_handshakes USING (id) WHERE alert IS NOT NULL ORDER BY 1";
    assert_eq!(rows(&database, failed), ["2 failure unknown_ca", "3 failure encrypted"]);
    let material = crate::material(&[capture]);
    let rows = View::Tls(TlsOptions::default()).documents(&material).remove(0)["handshakes"].clone();
    let mut results: Vec<_> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["version"].to_string(), r["result"].to_string()))
        .collect();
    results.sort();
    let want = [("TLSv1.2", "failure"), ("TLSv1.3", "failure"), ("TLSv1.3", "success")];
    assert_eq!(results, want.map(|(version, result)| (format!("\"{version}\""), format!("\"{result}\""))));
    assert_eq!(rows[0]["sni"], "www.example.com");
    assert_eq!(rows[0]["peer"], serde_json::json!({"address": "192.168.1.2", "port": 443}));
    let summary = View::Summary(SummaryOptions::default()).documents(&material).remove(0);
    let failed = summary["tls"]["failed"].as_array().unwrap();
    let mut alerts: Vec<_> = failed.iter().map(|row| row["alert"].as_str().unwrap()).collect();
    alerts.sort_unstable();
    assert_eq!(alerts, ["encrypted", "unknown_ca"]);
    assert_eq!(summary["tls"]["certificates_seen"], 1);
    assert_eq!(summary["api_calls"]["algorithms"][0]["args"]["digest"], "MD5");
    assert_eq!(summary["api_calls"]["algorithms"][0]["weak"], true);
    assert_eq!(summary["kernel"]["fips"], true);
    assert_eq!(summary["kernel"]["requests"][0]["name"], "sha256");
}

#[test]
fn what_lies_about_counts_spoils_no_sum() {
    let mut source = staged();
    let lie = ApiCall { count: Some(u64::MAX), ..call("EVP_DigestFinal_ex", "algorithm", CRYPTO, "{}") };
    source.events.extend((0..9).map(|n| (6000 + n, Who::Java, Body::ApiCall(lie))));
    let material = Material::read(&mut source).unwrap();
    for view in View::all().into_iter().skip(2).chain([View::name("")]) {
        view.documents(&material);
        view.write(&material, Format::Table).unwrap();
    }
    let folder = Folder::new();
    let database = folder.path("a.db");
    put(&source, &database);
    assert_eq!(stored(&database), heard(&mut source), "each event as it came");
}

/// The kernel counts calls; a record says from when to when.
#[test]
fn counted_calls_were_made_when_they_were_counted() {
    let client = who(77, b"curl");
    let mut r = Recording::begin(HOST);
    r.counted_function(1, "EVP_CIPHER_CTX_free", "")
        .api_library(1, "/usr/lib/libcrypto.so.3")
        .exit(50, client, 0, 0);
    let done =
        ApiCount { function: 1, library: 1, count: 3, from_ns: at(20), to_ns: at(40), ..ApiCount::default() };
    r.counted(900, client, done);
    let folder = Folder::new();
    let material = crate::material(&[folder.file("a.ctrace", &r.bytes())]);
    let function = View::pid(77).documents(&material).remove(0)["api_functions"][0].clone();
    let stamp = |ms| serde_json::json!(crypto_tracer_analyzer::json::time::timestamp(wall(ms)));
    assert_eq!(
        [&function["count"], &function["first"], &function["last"]],
        [&3.into(), &stamp(20), &stamp(40)]
    );
}

/// A program with a library within it, whose handshakes run through functions that aren't probed: what it called of it tells.
#[test]
fn a_handshake_of_a_program_with_a_library_within_it() {
    let node = who(77, b"node");
    for (topic, want) in [("context", "OpenSSL within node"), ("random", "null")] {
        let mut r = Recording::begin(HOST);
        r.function(1, "SSL_CTX_new", topic, "", "pointer").api_library(1, "/usr/bin/node");
        r.call(5, node, |_| Call { function: 1, library: 1, result: 1, ..Call::default() });
        r.tls(10, node, 7, TlsMessage::ClientHello, true, &message!("tls13_client_hello"));
        let folder = Folder::new();
        let material = crate::material(&[folder.file("a.ctrace", &r.bytes())]);
        let options = TlsOptions { group_by: vec![TlsColumn::Library], ..TlsOptions::default() };
        let document = View::Tls(options).documents(&material).remove(0);
        assert_eq!(counted(&document, "library"), [(want.to_owned(), 1)]);
    }
}

/// `openssl s_client` shakes hands within SSL_write: what it found of the server belongs to no handshake, and is told.
#[test]
fn verifications_of_handshakes_that_are_not_known_are_in_the_summary() {
    let client = who(77, b"openssl");
    let mut r = Recording::begin(HOST);
    r.function(1, "X509_STORE_CTX_set_default", "verify_result", "name=purpose:algorithm", "one")
        .function(2, "X509_verify_cert", "verify_result", "", "one")
        .function(
            3,
            "SSL_get_verify_result",
            "verify_result",
            "n0=verify_result:openssl_verify_result",
            "zero",
        )
        .api_library(1, "/usr/lib/libssl.so.3");
    for (ms, object, purpose, result) in [(1, 8, "ssl_server", 0), (3, 9, "default", 0)] {
        r.call(ms, client, |b| Call {
            function: 1,
            library: 1,
            object,
            result: 1,
            name: b.string(purpose.as_bytes()),
            ..Call::default()
        });
        r.call(ms + 1, client, |_| Call { function: 2, library: 1, object, result, ..Call::default() });
    }
    for (ms, n0) in [(6, 0), (7, 0), (8, 18)] {
        r.call(ms, client, |_| Call {
            function: 3,
            library: 1,
            object: 5,
            result: n0,
            n0,
            ..Call::default()
        });
    }
    let folder = Folder::new();
    let material = crate::material(&[folder.file("a.ctrace", &r.bytes())]);
    let view = View::Summary(SummaryOptions { top: 2 });
    let verifications = view.documents(&material).remove(0)["api_calls"]["verifications"].clone();
    let mut told: Vec<_> = verifications
        .as_array()
        .unwrap()
        .iter()
        .map(|v| {
            (
                v["functions"][0].as_str().unwrap(),
                v["args"].to_string(),
                v["count"].clone(),
                v["failures"].clone(),
            )
        })
        .collect();
    let row = |function, args: &str| (function, args.to_owned(), Value::from(1), Value::from(1));
    let want = [
        row(
            "SSL_get_verify_result",
            r#"{"verify_result":"X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT","verify_result_id":18}"#,
        ),
        row("X509_verify_cert", r#"{"purpose":"ssl_server"}"#),
        row("X509_verify_cert", r#"{"purpose":"default"}"#),
    ];
    told.sort_by_key(|row| row.1.len());
    told.reverse();
    assert_eq!(told, want, "all that failed, and no more than that");
    let text = view.write(&material, Format::Table).unwrap().0;
    assert!(text.contains("verify_result=X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"), "{text}");
}
