//! Calls of functions, compared with what programs of known calls did. Only private copies of libraries are probed.

mod common;

use common::{Event, Gate, Recorded, bpf_works, record_gate, run};
use crypto_tracer_format::record::{
    ApiCall, ApiCount, ApiFunction, ApiLibrary, Fact, Loss, LossReason, ProbeState, ProbeStatus, api_bits,
    lib_bits,
};
use crypto_tracer_recorder::RecordOptions;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

macro_rules! need_bpf {
    () => {
        if !bpf_works() {
            return;
        }
    };
}

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample");

/// Compiles files of tests/sample in a folder; the output's path.
fn cc(dir: &Path, output: &str, sources: &[&str], args: &[&str]) -> PathBuf {
    let made = Command::new("cc")
        .args(["-O2", "-w", "-I", SAMPLE, "-o", output])
        .args(
            sources
                .iter()
                .map(|s| if Path::new(s).is_absolute() { s.to_string() } else { format!("{SAMPLE}/{s}") }),
        )
        .args(args)
        .current_dir(dir)
        .output()
        .expect("cc runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    dir.join(output)
}

/// A folder with the sample's libraries and a program that is linked with them.
struct Sample {
    dir: tempfile::TempDir,
    libraries: Vec<PathBuf>,
    program: String,
}

impl Sample {
    fn new() -> Sample {
        let dir = tempfile::tempdir().expect("a folder");
        let at = dir.path();
        let shared = ["-shared", "-fPIC", "-L.", "-Wl,-rpath,$ORIGIN"];
        let libraries = vec![
            cc(at, "libsample.so.1", &["library.c"], &shared),
            cc(at, "libsampler.so.1", &["sibling.c"], &[&shared[..], &["-l:libsample.so.1"]].concat()),
        ];
        let link = ["-L.", "-Wl,-rpath,$ORIGIN", "-l:libsampler.so.1", "-l:libsample.so.1", "-lpthread"];
        let program = cc(at, "calls", &["calls.c"], &link).to_str().expect("UTF-8").to_owned();
        Sample { dir, libraries, program }
    }

    fn options(&self, o: &mut RecordOptions) {
        o.facts = vec![Fact::ApiCall];
        o.libraries = self.libraries.clone();
        o.catalogues = vec![PathBuf::from(format!("{SAMPLE}/catalogue.toml"))];
    }

    fn run(&self, change: impl FnOnce(&mut RecordOptions)) -> Recorded {
        run(self.dir.path(), &[&self.program], |o| {
            self.options(o);
            o.force = true;
            change(o);
        })
    }
}

fn names(recorded: &Recorded) -> BTreeMap<u32, String> {
    recorded.all::<ApiFunction>().iter().map(|f| (f.payload.id, f.text(f.payload.name))).collect()
}

/// The calls of a function, in their order.
fn calls_of(recorded: &Recorded, name: &str) -> Vec<Event<ApiCall>> {
    let names = names(recorded);
    let mut all = recorded.all::<ApiCall>();
    all.retain(|c| names.get(&c.payload.function).expect("each function has a record") == name);
    all
}

/// How often each function was called, by its result; with tries.
fn results(recorded: &Recorded, name: &str) -> Vec<(i64, u32)> {
    calls_of(recorded, name).iter().map(|c| (c.payload.result, c.payload.tries)).collect()
}

/// Counted calls that did not fail: by function, process and first number.
fn counts(recorded: &Recorded) -> BTreeMap<(String, u32, i64), u64> {
    counts_of(recorded, false)
}

fn counts_of(recorded: &Recorded, failed: bool) -> BTreeMap<(String, u32, i64), u64> {
    let names = names(recorded);
    let mut counts = BTreeMap::new();
    for c in recorded.all::<ApiCount>() {
        assert!(c.payload.from_ns <= c.payload.to_ns && c.payload.to_ns <= c.header.time_ns);
        assert!(c.header.start_ns != 0);
        if (c.payload.bits & api_bits::FAILED != 0) != failed {
            continue;
        }
        let key = (names[&c.payload.function].clone(), c.header.tgid, c.payload.n0);
        *counts.entry(key).or_default() += c.payload.count;
    }
    counts
}

/// Whether results are seen here: not on kernels where return probes do harm.
fn results_are_seen(recorded: &Recorded) -> bool {
    let statuses = recorded.all::<ProbeStatus>();
    let attached = |s: &&Event<ProbeStatus>| {
        s.payload.fact == Fact::ApiCall.number() && s.payload.state == ProbeState::Attached.number()
    };
    let status = statuses.iter().find(attached).expect("it is attached");
    !status.text(status.payload.reason).contains("not their results")
}

/// The same without results: each call, and each handshake once.
fn check_entries(recorded: &Recorded) {
    let seen = |name| results(recorded, name).len();
    let names = ["sample_new", "sample_new_ex", "sample_free", "sample_handshake", "sample_load"];
    assert_eq!(names.map(seen), [2, 1, 1, 3, 3]);
    assert_eq!(["sample_control", "sample_verify", "sample_call"].map(seen), [1, 1, 6]);
    assert!(recorded.all::<ApiCall>().iter().all(|c| c.payload.bits & api_bits::RESULT_UNKNOWN != 0));
}

/// What the program of known calls did.
fn check_calls(recorded: &Recorded) {
    if !results_are_seen(recorded) {
        return check_entries(recorded);
    }
    assert_eq!(results(recorded, "sample_new"), [(1, 1), (1, 1)]);
    assert_eq!(results(recorded, "sample_new_ex"), [(1, 1)], "once through each door");
    assert_eq!(results(recorded, "sample_free"), [(0, 1)]);
    assert_eq!(results(recorded, "sample_handshake"), [(1, 3), (-1, 2), (-1, 1)]);
    let calls = results(recorded, "sample_call");
    assert_eq!(
        calls,
        [(1, 1); 3],
        "what was left by a jump did not complete; what was entered within itself did"
    );

    let made = ["sample_new", "sample_new_ex"].into_iter().flat_map(|name| calls_of(recorded, name));
    let objects: Vec<u64> = made.map(|c| c.payload.object).collect();
    let handshakes = calls_of(recorded, "sample_handshake");
    let of: Vec<u64> = handshakes.iter().map(|c| c.payload.object).collect();
    assert_eq!(of, [objects[0], objects[2], objects[1]]);
    assert!(handshakes.iter().all(|c| c.payload.entered_ns < c.header.time_ns));
    let freed = calls_of(recorded, "sample_free");
    assert_eq!(freed[0].payload.object, objects[2]);
    assert_eq!(freed[0].payload.bits, api_bits::RESULT_UNKNOWN, "it returns nothing");

    let loads = calls_of(recorded, "sample_load");
    let told: Vec<_> = loads
        .iter()
        .map(|c| {
            let p = &c.payload;
            (c.text(p.path), c.text(p.host), c.text(p.name), p.n0, p.n1, p.result, p.bits)
        })
        .collect();
    let s = str::to_owned;
    let long = format!("/{}", "x".repeat(254));
    let want = [
        (s("/etc/sample/key.pem"), s("host.example.org"), s("AES-256-GCM"), 17, 1, 0, 0),
        (long, s(""), s(""), -1, 17, 0, api_bits::STRING_CUT),
        (s("!no"), s(""), s(""), 0, -1, 5, api_bits::ARGUMENT_UNREADABLE),
    ];
    assert_eq!(told, want);
    let controls = calls_of(recorded, "sample_control");
    assert_eq!(controls.iter().map(|c| c.payload.n0).collect::<Vec<_>>(), [66], "of one command only");
    let verified = calls_of(recorded, "sample_verify");
    assert_eq!(verified.iter().map(|c| c.payload.n0).collect::<Vec<_>>(), [66], "as it was on return");
}

#[test]
fn what_a_program_calls_is_recorded_exactly() {
    need_bpf!();
    let sample = Sample::new();
    let recorded = sample.run(|_| {});
    check_calls(&recorded);
    // Where results aren't seen, the call that fails is counted too.
    let failed = u64::from(!results_are_seen(&recorded));
    let counted = counts(&recorded);
    let parent = recorded.all::<ApiCall>()[0].header.tgid;
    let child = counted.keys().map(|(_, tgid, _)| *tgid).find(|tgid| *tgid != parent).expect("the child's");
    let want = [((parent, 64), 4000), ((parent, 128), 5 + failed), ((parent, 256), 1), ((child, 512), 7)];
    let mut want: BTreeMap<_, u64> =
        want.into_iter().map(|((tgid, bits), n)| (("sample_final".to_owned(), tgid, bits), n)).collect();
    let losses: Vec<(u16, u64)> =
        recorded.all::<Loss>().iter().map(|l| (l.payload.reason, l.payload.count)).collect();
    assert_eq!(losses, []);
    assert_eq!(counted, want, "neither what failed, nor what libraries do among themselves");
    let failures: BTreeMap<_, _> = [(("sample_final".to_owned(), parent, 128), 1)].into();
    let failures = if failed == 0 { failures } else { BTreeMap::new() };
    assert_eq!(counts_of(&recorded, true), failures, "what failed, apart");
    let libraries = recorded.all::<ApiLibrary>();
    let shown: Vec<_> = libraries.iter().map(|l| (l.text(l.payload.path), l.payload.functions)).collect();
    let path = sample.libraries[0].canonicalize().expect("there").to_str().expect("UTF-8").to_owned();
    assert_eq!(shown, [(path, 9)], "the bulk function was not asked for");

    let recorded = sample.run(|o| o.bulk = true);
    check_calls(&recorded);
    let counted = counts(&recorded);
    let parent = recorded.all::<ApiCall>()[0].header.tgid;
    want.insert(("sample_bulk".into(), parent, 0), 1000);
    let by_bits = |counts: &BTreeMap<(String, u32, i64), u64>| {
        counts.iter().map(|((name, _, bits), n)| ((name.clone(), *bits), *n)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(by_bits(&counted), by_bits(&want));
}

#[test]
fn every_way_to_attach_sees_the_same() {
    need_bpf!();
    let sample = Sample::new();
    let probes = crypto_tracer_recorder::doctor().probes;
    let working = probes.iter().filter(|p| p.works && p.attempt.fact == Fact::ApiCall);
    let ways: Vec<&str> = working.map(|p| p.attempt.probe).collect();
    assert!(ways.contains(&"uprobe:numbered"), "it works wherever uprobes do: {ways:?}");
    for way in ways {
        eprintln!("api_call by {way}");
        let recorded = sample.run(|o| o.only_probe = Some(way.into()));
        check_calls(&recorded);
        let finals: u64 = counts(&recorded).values().sum();
        let failed = u64::from(!results_are_seen(&recorded));
        // Who lies behind an address is not known to the last on kernels since 6.1, where it isn't needed.
        let siblings = if way == "uprobe:numbered" { 4 } else { 0 };
        assert!([4013, 4013 + siblings].contains(&(finals - failed)), "{finals}");
    }
}

#[test]
fn filters_are_the_kernels() {
    need_bpf!();
    let sample = Sample::new();
    let recorded = sample.run(|o| o.follow_children = false);
    check_calls(&recorded);
    let bits: Vec<i64> = counts(&recorded).into_keys().map(|(.., bits)| bits).collect();
    assert_eq!(bits, [64, 128, 256], "the child is another process");
    let recorded = sample.run(|o| {
        o.pids = vec![std::process::id()];
        o.follow_children = false;
    });
    assert!(recorded.all::<ApiCall>().is_empty() && recorded.all::<ApiCount>().is_empty());
}

/// A program that is there before the recording and waits for a line: it uses what stands behind dlopen.
const LATE: &str = r#"
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char line[16];
	void *library = argv[2][0] == 'e' ? dlopen(argv[1], RTLD_NOW) : 0;
	if (argv[2][0] == 'e')
		unlink(argv[1]);
	write(1, "\n", 1);
	read(0, line, sizeof(line));
	if (!library) {
		char copied[4096];
		snprintf(copied, sizeof(copied), "%s.new", argv[1]);
		rename(copied, argv[1]);
		library = dlopen(argv[1], RTLD_NOW);
		usleep(700000);
	}
	int (*final)(int, int) = dlsym(library, "sample_final");
	void *(*new)(int) = dlsym(library, "sample_new");
	for (int i = 0; i < 3; i++)
		final(1, 8);
	new(1);
	return 0;
}
"#;

fn late(early: bool) -> Recorded {
    let sample = Sample::new();
    let dir = sample.dir.path();
    let source = dir.join("late.c");
    std::fs::write(&source, LATE).expect("written");
    let program = cc(dir, "late", &[source.to_str().expect("UTF-8")], &["-ldl"]);
    let library = dir.canonicalize().expect("there").join("libsample.so.1");
    if !early {
        std::fs::rename(&library, dir.join("libsample.so.1.new")).expect("renamed");
    }
    let mut child = Command::new(program)
        .arg(&library)
        .arg(if early { "early" } else { "late" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut ready = [0];
    std::io::Read::read_exact(child.stdout.as_mut().expect("a pipe"), &mut ready).expect("it is ready");
    record_gate(Gate::of(child), dir.join("capture.ctrace"), |o| {
        sample.options(o);
        o.libraries = vec![library.clone()];
    })
    .expect("it records")
}

#[test]
fn a_deleted_library_of_a_running_program_is_probed() {
    need_bpf!();
    let recorded = late(true);
    assert_eq!(results(&recorded, "sample_new").len(), 1);
    assert_eq!(counts(&recorded).into_values().collect::<Vec<_>>(), [3]);
    let libraries = recorded.all::<ApiLibrary>();
    assert_eq!(libraries.iter().map(|l| l.payload.bits).collect::<Vec<_>>(), [lib_bits::DELETED]);
}

#[test]
fn a_library_that_appears_later_is_probed_when_it_is_mapped() {
    need_bpf!();
    let recorded = late(false);
    assert_eq!(results(&recorded, "sample_new").len(), 1);
    assert_eq!(counts(&recorded).into_values().collect::<Vec<_>>(), [3]);
    let losses = recorded.all::<Loss>();
    let gaps: Vec<_> =
        losses.iter().filter(|l| l.payload.reason == LossReason::BeforeAttached.number()).collect();
    assert_eq!(gaps.len(), 1, "what may have been missed is said");
    let took = gaps[0].payload.to_ns - gaps[0].payload.from_ns;
    assert!(took < 500_000_000, "{took} ns");
}

#[test]
fn a_static_program_is_its_own_library() {
    need_bpf!();
    let sample = Sample::new();
    let dir = sample.dir.path();
    let program = cc(dir, "static", &["calls.c", "sibling.c", "library.c"], &["-static", "-lpthread"]);
    let recorded = run(dir, &[program.to_str().expect("UTF-8")], |o| {
        sample.options(o);
        o.libraries = vec![program.clone()];
    });
    let seen = results_are_seen(&recorded);
    if seen {
        assert_eq!(results(&recorded, "sample_handshake"), [(1, 3), (-1, 2), (-1, 1)]);
    }
    let finals = counts(&recorded).into_iter().filter(|((name, ..), _)| name == "sample_final");
    let finals: BTreeMap<i64, u64> = finals.map(|((_, _, bits), n)| (bits, n)).collect();
    for (bits, n) in [(64, 4000), (128, 5 + u64::from(!seen)), (256, 1), (512, 7)] {
        assert_eq!(finals.get(&bits), Some(&n), "{finals:?}");
    }
}

/// Copies of OpenSSL's libraries that nobody else maps.
fn private_openssl(dir: &Path) -> Vec<PathBuf> {
    let folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib"];
    ["libssl.so.3", "libcrypto.so.3"]
        .iter()
        .map(|name| {
            let from = folders.iter().map(|f| Path::new(f).join(name)).find(|p| p.exists());
            let to = dir.join(name);
            std::fs::copy(from.unwrap_or_else(|| panic!("{name} is installed")), &to).expect("copied");
            to
        })
        .collect()
}

const HANDSHAKE: &str = r#"
#include <openssl/ssl.h>
int main(void)
{
	SSL_CTX *server = SSL_CTX_new(TLS_server_method()), *client = SSL_CTX_new_ex(0, 0, TLS_client_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	SSL_CTX_use_certificate(server, cert);
	SSL_CTX_use_PrivateKey(server, key);
	for (int round = 0; round < 2; round++) {
		SSL *s = SSL_new(server), *c = SSL_new(client);
		BIO *a, *b;
		int done = 0;
		BIO_new_bio_pair(&a, 0, &b, 0);
		SSL_set_bio(s, a, a);
		SSL_set_bio(c, b, b);
		SSL_set_accept_state(s);
		SSL_set_connect_state(c);
		for (int i = 0; i < 20 && done != 3; i++) {
			if (!(done & 1) && (round ? SSL_do_handshake(c) : SSL_connect(c)) == 1)
				done |= 1;
			if (!(done & 2) && SSL_do_handshake(s) == 1)
				done |= 2;
		}
		if (done != 3)
			return 1;
		SSL_free(s);
		SSL_free(c);
	}
	return 0;
}
"#;

const LINK: &[&str] = &["-Wl,-rpath,$ORIGIN", "-L.", "-l:libssl.so.3", "-l:libcrypto.so.3"];

#[test]
fn a_handshake_that_is_tried_again_is_one_call() {
    need_bpf!();
    let dir = tempfile::tempdir().expect("a folder");
    let libraries = private_openssl(dir.path());
    let program = {
        let c = dir.path().join("handshake.c");
        std::fs::write(&c, HANDSHAKE).expect("written");
        cc(dir.path(), "handshake", &[c.to_str().expect("UTF-8")], LINK)
    };
    let recorded = run(dir.path(), &[program.to_str().expect("UTF-8")], |o| {
        o.facts = vec![Fact::ApiCall];
        o.libraries = libraries;
    });
    if !results_are_seen(&recorded) {
        let handshakes = ["SSL_connect", "SSL_do_handshake"].map(|name| results(&recorded, name).len());
        assert_eq!(handshakes, [1, 3]);
        return;
    }
    let want = [
        ("SSL_CTX_new", 1),
        ("SSL_CTX_new_ex", 1),
        ("SSL_new", 1),
        ("SSL_new", 1),
        ("SSL_connect", 1),
        ("SSL_do_handshake", 1),
        ("SSL_new", 1),
        ("SSL_new", 1),
        ("SSL_do_handshake", 1),
        ("SSL_do_handshake", 1),
    ];
    let names = names(&recorded);
    let mut all = recorded.all::<ApiCall>();
    let of = ["SSL_CTX_new", "SSL_CTX_new_ex", "SSL_new", "SSL_connect", "SSL_do_handshake"];
    all.retain(|c| of.contains(&names[&c.payload.function].as_str()));
    let calls: Vec<_> = all.iter().map(|c| (names[&c.payload.function].clone(), c.payload.result)).collect();
    assert_eq!(calls, want.map(|(name, result)| (name.to_owned(), result)));
    let handshakes: Vec<_> = all.iter().filter(|c| c.payload.tries > 1).collect();
    assert_eq!(handshakes.len(), 4, "each was tried again");
    assert!(handshakes.iter().all(|c| c.payload.entered_ns < c.header.time_ns));
    // A connection is made from a context: the parent names it.
    let (context, connection) = (&all[0].payload, &all[2].payload);
    assert_eq!((connection.parent, connection.object == context.object), (context.object, false));
    assert!(all.iter().all(|c| c.payload.bits == 0 && c.payload.object != 0));
    let libraries = recorded.all::<ApiLibrary>();
    assert_eq!(libraries.len(), 2);
}
