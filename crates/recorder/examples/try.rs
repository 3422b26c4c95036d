//! Loads, attaches, prints.
use crypto_tracer_format::{catalogue::files::builtin_patterns, record::*};
use crypto_tracer_recorder::probes::*;
use libbpf_rs::RingBufferBuilder;
fn main() {
    let t = ladder::tracepoints();
    let mut c = config::Config::new(&builtin_patterns()).unwrap();
    c.own_tgid = std::process::id();
    c.wake_bytes = 65536;
    let only = std::env::args().nth(1);
    let start = std::time::Instant::now();
    let choice = ladder::choose(Fact::ALL, &c, &t, only.as_deref(), true);
    for a in &choice.attempts { println!("{a:?}"); }
    println!("{:?}", start.elapsed());
    let tables = object::Tables::default();
    let l = ladder::attach_all(&choice, &c, &tables, 1 << 20, &t).unwrap();
    let map = l.handle("events").unwrap();
    let mut b = RingBufferBuilder::new();
    b.add(&map, |bytes| {
        match Record::split_first(bytes) {
            Ok((r, rest)) => {
                print!("{:?} {} {} rest {} ", r.kind(), r.header().tgid, String::from_utf8_lossy(r.header().comm_bytes()), rest.len());
                if let Ok(p) = r.payload::<FileOpen>() { print!("{p:?} {:?} {:?}", r.str(p.dir).map(String::from_utf8_lossy), r.str(p.path).map(|p| String::from_utf8_lossy(p).chars().take(80).collect::<String>())); }
                if let Ok(p) = r.payload::<ProcessExit>() { print!("{p:?}"); }
                if let Ok(p) = r.payload::<ProcessFork>() { print!("{p:?}"); }
                if let Ok(p) = r.payload::<ProcessExec>() { print!("{:?} {:?} {}", r.str(p.exe).map(String::from_utf8_lossy), r.str(p.filename).map(String::from_utf8_lossy), p.bits); }
                println!();
            }
            Err(e) => println!("{e}"),
        }
        0
    }).unwrap();
    let rb = b.build().unwrap();
    let secs: u64 = std::env::args().nth(2).map_or(2, |s| s.parse().unwrap());
    let child = std::process::Command::new("sh").args(["-c", "sleep 0.3; cat /etc/ssl/certs/ca-certificates.crt >/dev/null; cat /nope.pem; cd /etc/ssl; cat certs/nix.pem; cat /bin/ls > /dev/null; kill -9 $$"]).spawn();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(secs);
    while std::time::Instant::now() < end { std::thread::sleep(std::time::Duration::from_millis(100)); let _ = rb.consume(); }
    let _ = child.map(|mut c| c.wait());
    println!("{:?}", l.losses());
}
