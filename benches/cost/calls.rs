//! Nanoseconds per call: of system calls and functions with a probe, and of others.

use crate::numbers::{differences, median, percent};
use crate::recorder::{Guarded, Recorder};
use crate::{MODES, Mode, Plan, compile};
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// One measurement of every call: its name, and nanoseconds.
type Costs = Vec<(String, f64)>;

/// Measures, and writes the table.
pub fn table(plan: &Plan) -> String {
    let program = compile(plan, "calls");
    let mut all: Vec<Vec<Costs>> = vec![Vec::new(); MODES.len()];
    for round in 0..plan.rounds {
        for turn in 0..MODES.len() {
            let at = (turn + round) % MODES.len();
            all[at].push(measure(plan, &MODES[at], &program));
        }
    }
    let mut out = String::from("| nanoseconds per call |");
    MODES.iter().for_each(|mode| write!(out, " {} |", mode.name).expect("a String"));
    out.push_str(&format!("\n|---|{}\n", "---|".repeat(MODES.len())));
    let names: Vec<&str> = all[0][0].iter().map(|(name, _)| name.as_str()).collect();
    for (row, name) in names.iter().enumerate() {
        let of = |mode: usize| -> Vec<f64> { all[mode].iter().map(|costs| costs[row].1).collect() };
        write!(out, "| {name} | {:.0} |", median(of(0))).expect("a String");
        for mode in 1..MODES.len() {
            let added = median(of(mode).iter().zip(of(0)).map(|(with, without)| with - without).collect());
            let shown = format!("{added:+.0}").replace('-', "−");
            write!(out, " {shown} |").expect("a String");
        }
        out.push('\n');
    }
    let noise: Vec<String> = (1..MODES.len())
        .map(|mode| {
            let of = |mode: usize| -> Vec<f64> { all[mode].iter().map(|costs| costs[0].1).collect() };
            format!("{} {}", MODES[mode].name, percent(differences(&of(mode), &of(0))))
        })
        .collect();
    write!(out, "\nThe first column is what a call takes; the others what is added to it. ")
        .expect("a String");
    writeln!(out, "Median of {} rounds. Of the first row, in percent: {}.", plan.rounds, noise.join("; "))
        .expect("a String");
    out
}

fn measure(plan: &Plan, mode: &Mode, program: &Path) -> Costs {
    let (name, folder) = plan.openssl.variable.split_once('=').expect("a variable");
    let child = Command::new(program)
        .env(name, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut child = Guarded(child);
    let recorder = Recorder::start(plan, mode, &[child.0.id()]);
    let (mut stdin, mut stdout) =
        (child.0.stdin.take().expect("a pipe"), child.0.stdout.take().expect("a pipe"));
    writeln!(stdin, "go").expect("it reads");
    let mut text = String::new();
    stdout.read_to_string(&mut text).expect("it writes");
    recorder.stop();
    let costs = text.lines().filter_map(|line| {
        let (name, ns) = line.split_once('\t')?;
        Some((name.to_owned(), ns.parse().ok()?))
    });
    let costs: Costs = costs.collect();
    assert!(!costs.is_empty(), "calls printed nothing");
    costs
}
