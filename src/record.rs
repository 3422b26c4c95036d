//! `record`: from arguments to a recording, from its end to an exit code.

use crate::cli::{RecordArgs, SyncArg};
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crypto_tracer_format::catalogue::Watch;
use crypto_tracer_format::record::Fact;
use crypto_tracer_recorder::{Hooks, OutputError, Progress, RecordError, RecordOptions, Stop, Sync, facts};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// A page: the smallest ring buffer that the kernel makes.
const SMALLEST_BUFFER: u64 = 4096;
/// Below these, segments hold nothing but what each begins with.
const SMALLEST_SEGMENT: u64 = 64 * 1024;
const SHORTEST_SEGMENT: Duration = Duration::from_millis(100);

/// Records.
pub fn run(args: &RecordArgs) -> Result<Exit, Failure> {
    check(args)?;
    let probes = Probes::parse(&args.probes)?;
    let functions = !args.library.is_empty() || !args.catalogue.is_empty();
    if functions && !probes.calls() {
        return Err(Failure::usage(
            "--library and --catalogue say whose functions are watched, but api_call is left out.",
            "Add api_call (or bulk) to --probes, or leave them out.",
        ));
    }
    let options = RecordOptions {
        output: args.output.clone(),
        duration: (!args.duration.is_zero()).then_some(args.duration),
        pids: args.pid.clone(),
        names: args.name.clone(),
        follow_children: args.follow_children,
        uids: args.uid.clone(),
        cgroups: args.cgroup.clone(),
        containers: args.container.clone(),
        facts: probes.facts,
        bulk: probes.bulk,
        libraries: args.library.clone(),
        catalogues: args.catalogue.clone(),
        watch: args.watch.clone(),
        redact: !args.no_redact,
        buffer_bytes: args.buffer,
        level: args.level,
        flush: args.flush,
        sync: match args.sync {
            SyncArg::None => Sync::None,
            SyncArg::FiveSeconds => Sync::FiveSeconds,
            SyncArg::Block => Sync::Block,
        },
        rotate_size: args.rotate_size,
        rotate_time: args.rotate_time,
        keep: args.keep,
        force: args.force,
        recorder: format!("crypto-tracer {}", env!("CARGO_PKG_VERSION")),
        only_probe: None,
    };
    let mut status = Status::new(args);
    let report = crypto_tracer_recorder::record(&options, &mut status).map_err(explain)?;
    status.end(&report.progress);
    Ok(match report.stop {
        Stop::Duration | Stop::Closed => Exit::Success,
        Stop::Interrupted => Exit::Interrupted,
        Stop::Terminated => Exit::Terminated,
    })
}

/// Arguments are looked at before anything else, privileges included. Options that would do nothing are mistakes.
fn check(args: &RecordArgs) -> Result<(), Failure> {
    for pattern in &args.watch {
        Watch::parse(pattern).map_err(|e| Failure::usage(format!("--watch: {e}"), ""))?;
    }
    if args.buffer < SMALLEST_BUFFER {
        return Err(Failure::usage(
            format!("--buffer {} is too small for a record.", args.buffer),
            "Give at least 4K; 1M is the default.",
        ));
    }
    if args.rotate_size.is_some_and(|size| size < SMALLEST_SEGMENT)
        || args.rotate_time.is_some_and(|time| time < SHORTEST_SEGMENT)
    {
        return Err(Failure::usage(
            "A segment so small would hold little more than its own baseline.",
            "Give at least --rotate-size 64K and --rotate-time 100ms.",
        ));
    }
    let rotates = args.rotate_size.is_some() || args.rotate_time.is_some();
    let folder = args.output.is_dir() || args.output.as_os_str().as_encoded_bytes().ends_with(b"/");
    if args.keep.is_some() && !rotates {
        return Err(Failure::usage(
            "--keep says how many segments stay, but nothing says when a new one begins.",
            "Give --rotate-size or --rotate-time too.",
        ));
    }
    if rotates && !folder {
        return Err(Failure::usage(
            format!("Segments rotate in a directory, but {} is none.", args.output.display()),
            "Give a directory: one that exists, or a name that ends with /.",
        ));
    }
    if args.follow_children && args.pid.is_empty() && args.name.is_empty() && args.container.is_empty() {
        return Err(Failure::usage(
            "--follow-children adds the children of chosen processes, but none are chosen.",
            "Give --pid, --name or --container too, or leave it out: without a filter every process is recorded.",
        ));
    }
    Ok(())
}

/// What `--probes` chose.
struct Probes {
    /// The facts; empty: all.
    facts: Vec<Fact>,
    bulk: bool,
}

impl Probes {
    /// Whether calls of functions are recorded.
    fn calls(&self) -> bool {
        self.facts.is_empty() || self.facts.contains(&Fact::ApiCall)
    }

    /// Names of facts choose only these. `bulk` alone is everything and the bulk functions; beside others it is `api_call` with
    /// the bulk functions.
    fn parse(names: &[String]) -> Result<Probes, Failure> {
        let mut probes = Probes { facts: Vec::new(), bulk: false };
        for name in names {
            match name.as_str() {
                "bulk" => probes.bulk = true,
                name => probes.facts.push(facts().find(|fact| fact.name() == name).ok_or_else(|| {
                    let known: Vec<&str> = facts().map(|fact| fact.name()).chain(["bulk"]).collect();
                    Failure::usage(
                        format!("--probes {name} is unknown."),
                        &format!("Known: {}.", known.join(", ")),
                    )
                })?),
            }
        }
        if probes.bulk && !probes.facts.is_empty() && !probes.facts.contains(&Fact::ApiCall) {
            probes.facts.push(Fact::ApiCall);
        }
        Ok(probes)
    }
}

/// What is said on standard error while recording.
struct Status {
    quiet: bool,
    verbose: bool,
    terminal: bool,
    shown: bool,
}

impl Status {
    fn new(args: &RecordArgs) -> Status {
        let terminal = std::io::stderr().is_terminal();
        Status { quiet: args.quiet, verbose: args.verbose, terminal, shown: false }
    }

    /// A line of its own, below or instead of the progress line.
    fn line(&mut self, text: &str) {
        if std::mem::take(&mut self.shown) {
            eprint!("\r\x1b[K");
        }
        eprintln!("{}", printable(text));
    }

    fn end(&mut self, progress: &Progress) {
        if !self.quiet {
            self.line(&summary(progress));
        }
    }
}

impl Hooks for Status {
    fn ready(&mut self, output: &str) {
        if !self.quiet {
            self.line(&format!("recording to {output}"));
        }
    }

    fn progress(&mut self, progress: &Progress) {
        if self.terminal && !self.quiet {
            eprint!("\r\x1b[K{}", summary(progress));
            let _ = std::io::stderr().flush();
            self.shown = true;
        }
    }

    fn warning(&mut self, text: &str) {
        if !self.quiet {
            self.line(&format!("Warning: {text}"));
        }
    }

    fn detail(&mut self, text: &str) {
        if self.verbose {
            self.line(text);
        }
    }
}

fn summary(p: &Progress) -> String {
    let seconds = p.elapsed.as_secs();
    let lost = if p.lost == 0 { "nothing lost".into() } else { format!("{} LOST", p.lost) };
    format!(
        "{:02}:{:02}:{:02}  {} events, {}, {lost}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        p.events,
        bytes(p.bytes)
    )
}

fn bytes(n: u64) -> String {
    match n {
        0..=9_999 => format!("{n} bytes"),
        10_000..=9_999_999 => format!("{} KB", n / 1000),
        _ => format!("{} MB", n / 1_000_000),
    }
}

/// Lines of `--version`.
pub fn versions() -> String {
    format!(
        "Kernel support: {}+\neBPF: libbpf {}\n",
        crypto_tracer_recorder::OLDEST_KERNEL,
        crypto_tracer_recorder::libbpf_version()
    )
}

/// The four parts of a recorder's error.
fn explain(error: RecordError) -> Failure {
    let detail = error.to_string();
    match error {
        RecordError::Privileges(_) => Failure {
            title: "Insufficient privileges to load eBPF programs".into(),
            detail,
            action: format!("Solutions:\n{}", crypto_tracer_recorder::privileges::solutions(&program())),
            topic: "privileges",
            exit: Exit::Privileges,
        },
        RecordError::Kernel { .. } => Failure {
            title: "Kernel not supported".into(),
            detail,
            action: format!(
                "Solution: use Linux {} or later, with type information (Debian 11, Ubuntu 22.04, RHEL 9 and later have both).\n\
                 Captures of other hosts can be analyzed here all the same.",
                crypto_tracer_recorder::OLDEST_KERNEL
            ),
            topic: "troubleshooting",
            exit: Exit::Kernel,
        },
        RecordError::NothingAttached(_) | RecordError::Bpf(_) => Failure {
            title: "The eBPF programs could not be loaded".into(),
            detail,
            action: "`crypto-tracer doctor` tries every probe and names the remedy for each.".into(),
            topic: "troubleshooting",
            exit: Exit::Load,
        },
        RecordError::Filter { .. } => {
            Failure::usage(detail, "`crypto-tracer record --help` explains the filters.")
        }
        RecordError::Catalogue(_) => Failure {
            topic: "catalogue",
            ..Failure::usage(
                detail,
                "`crypto-tracer docs catalogue` says what a file of functions looks like.",
            )
        },
        RecordError::Output(OutputError::Terminal) => {
            Failure::usage(detail, "Redirect standard output to a file or a pipe, or give -o FILE.")
        }
        RecordError::Output(e) => Failure::general("The capture cannot be written", detail, remedy(&e)),
        RecordError::System { .. } => {
            Failure::general("A system call failed", detail, "`crypto-tracer doctor` may tell more.")
        }
    }
}

/// What can be done about an output that can't be written.
fn remedy(error: &OutputError) -> &'static str {
    match error {
        OutputError::Exists(_) | OutputError::Unfinished(_) => {
            "Choose another name, or give --force to replace it."
        }
        OutputError::Folder { .. } | OutputError::Create { .. } => {
            "Check that the folder exists and that you may write there, or choose another one."
        }
        OutputError::Full { .. } => "Make room, or record into a directory with --rotate-size and --keep.",
        _ => "Check the disk, or choose another place. What was written before stays valid.",
    }
}

/// The path of this program, for commands to copy.
fn program() -> String {
    std::env::current_exe()
        .map_or_else(|_| "/usr/local/bin/crypto-tracer".into(), |p| p.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::{Fact, Probes};

    #[test]
    fn what_probes_choose() {
        use Fact::{ApiCall, TlsHandshake};
        for (given, facts, bulk) in [
            (&[][..], &[][..], false),
            (&["bulk"], &[], true),
            (&["api_call"], &[ApiCall], false),
            (&["tls_handshake", "bulk"], &[TlsHandshake, ApiCall], true),
            (&["bulk", "api_call"], &[ApiCall], true),
        ] {
            let names: Vec<String> = given.iter().map(|name| (*name).to_owned()).collect();
            let Ok(probes) = Probes::parse(&names) else { panic!("{given:?} is refused") };
            assert_eq!((&*probes.facts, probes.bulk), (facts, bulk), "{given:?}");
        }
        assert!(Probes::parse(&["telepathy".to_owned()]).is_err());
    }
}
