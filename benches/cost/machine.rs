//! The machine that is measured, in a few words.

use std::fs::read_to_string;

/// Processors, kernel, and what else keeps the machine busy.
pub fn describe() -> String {
    let cpuinfo = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.split(':').next().is_some_and(|n| n.trim() == name));
        line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.trim().to_owned())
    };
    let model = field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let is_virtual = field("flags").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor"));
    let cpus = std::thread::available_parallelism().map_or(1, |n| n.get());
    let release = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|l| l.parse().ok()).unwrap_or_default();
    let mut text = format!(
        "Measured on {model}{}, {cpus} processors, Linux {}, crypto-tracer {}.",
        if is_virtual { " (virtual machine)" } else { "" },
        release.trim(),
        env!("CARGO_PKG_VERSION"),
    );
    if load > 0.5 {
        text.push_str(&format!(" Other programs kept the machine busy: load {load:.1} when it began."));
    }
    text
}
