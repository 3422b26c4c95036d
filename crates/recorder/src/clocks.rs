//! The clocks, and the records that say what host and what time a capture is of.

use crate::options::RecordOptions;
use crypto_tracer_format::record::{Builder, Clock, Header, Host, Mark, MarkKind};
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of CLOCK_BOOTTIME: the capture's clock.
pub fn now_ns() -> u64 {
    read(ClockId::Boottime)
}

fn read(clock: ClockId) -> u64 {
    let t = clock_gettime(clock);
    (t.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(t.tv_nsec as u64)
}

/// A header for records that no process made.
pub fn header(time_ns: u64) -> Header {
    Header { time_ns, ..Header::default() }
}

/// Appends a clock record: the best of a few readings.
pub fn put_clock(out: &mut Vec<u8>) {
    let reading = || {
        let before = now_ns();
        let (realtime_ns, monotonic_ns) = (read(ClockId::Realtime), read(ClockId::Monotonic));
        let after = now_ns();
        let time_ns = before + after.saturating_sub(before) / 2;
        (time_ns, Clock { realtime_ns, monotonic_ns, uncertainty_ns: after.saturating_sub(before) })
    };
    let best = (0..5).map(|_| reading()).min_by_key(|(_, clock)| clock.uncertainty_ns);
    let (time_ns, clock) = best.unwrap_or_else(reading);
    put(out, time_ns, |_| clock);
}

/// Appends a record whose payload `make` builds.
pub fn put<P: crypto_tracer_format::record::Payload>(
    out: &mut Vec<u8>,
    time_ns: u64,
    make: impl FnOnce(&mut Builder<'_, P>) -> P,
) {
    let mut builder = Builder::new(out);
    let payload = make(&mut builder);
    // Strings are cut to fit, so this can't fail; if it did, `out` is as it was.
    let _ = builder.finish(&header(time_ns), &payload);
}

/// Appends a mark.
pub fn put_mark(out: &mut Vec<u8>, time_ns: u64, mark: MarkKind, text: &str) {
    put(out, time_ns, |b| Mark { mark: mark.number(), reserved: 0, text: b.string(text.as_bytes()) });
}

/// What the host says of itself, read once.
#[derive(Clone, Debug)]
pub struct HostFacts {
    /// Name of the host.
    pub hostname: String,
    /// Kernel release.
    pub release: String,
    machine: String,
    os: String,
    boot_id: String,
    cpus: u32,
}

impl HostFacts {
    /// Reads them. What can't be read is empty.
    pub fn read() -> HostFacts {
        let uname = rustix::system::uname();
        let text = |s: &std::ffi::CStr| s.to_string_lossy().into_owned();
        let os = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let pretty = os.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        HostFacts {
            hostname: text(uname.nodename()),
            release: text(uname.release()),
            machine: text(uname.machine()),
            os: pretty.unwrap_or_default().trim_matches('"').to_owned(),
            boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            cpus: std::thread::available_parallelism().map_or(0, |n| n.get() as u32),
        }
    }

    /// Appends the host record.
    pub fn put(&self, out: &mut Vec<u8>, redaction: u32, options: &RecordOptions) {
        put(out, now_ns(), |b| Host {
            schema_major: 1,
            schema_minor: 1,
            clock_id: 7,
            cpus: self.cpus,
            redaction,
            hostname: b.string(self.hostname.as_bytes()),
            kernel: b.string(self.release.as_bytes()),
            machine: b.string(self.machine.as_bytes()),
            os: b.string(self.os.as_bytes()),
            boot_id: b.string(self.boot_id.as_bytes()),
            recorder: b.string(options.recorder.as_bytes()),
            options: b.string(describe(options).as_bytes()),
            reserved: 0,
        });
    }
}

/// The options in force, as one line.
fn describe(o: &RecordOptions) -> String {
    let mut parts = vec![];
    let mut list = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            parts.push(format!("{name}={}", values.join(",")));
        }
    };
    list("pid", o.pids.iter().map(u32::to_string).collect());
    list("name", o.names.clone());
    list("uid", o.uids.iter().map(u32::to_string).collect());
    list("cgroup", o.cgroups.iter().map(|p| p.display().to_string()).collect());
    list("container", o.containers.clone());
    list("probes", o.facts.iter().map(|f| f.name().to_owned()).collect());
    list("watch", o.watch.clone());
    list("library", o.libraries.iter().map(|p| p.display().to_string()).collect());
    list("catalogue", o.catalogues.iter().map(|p| p.display().to_string()).collect());
    if o.bulk {
        parts.push("bulk".into());
    }
    if o.follow_children {
        parts.push("follow-children".into());
    }
    parts.join(" ")
}
