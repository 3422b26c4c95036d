//! `doctor`: what was found, for people or for programs.

use crate::cli::{DoctorArgs, DoctorFormat};
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crypto_tracer_recorder::{DoctorReport, doctor, facts};
use serde_json::{Value, json};

/// Looks, and prints.
pub fn run(args: &DoctorArgs) -> Result<Exit, Failure> {
    let report = doctor();
    match args.format {
        DoctorFormat::Text => crate::print(&text(&report))?,
        DoctorFormat::Json => crate::print(&format!("{:#}\n", document(&report)))?,
    };
    Ok(verdict(&report))
}

/// For scripts: what `record` would end with, or that a fact has no probe.
fn verdict(report: &DoctorReport) -> Exit {
    let fails = |name: &str| report.findings.iter().any(|f| f.name == name && !f.ok);
    if fails("kernel") || fails("BTF") {
        Exit::Kernel
    } else if fails("privileges") {
        Exit::Privileges
    } else if !report.all_facts_work() {
        Exit::Load
    } else {
        Exit::Success
    }
}

/// docs/schema/doctor.schema.json.
fn document(report: &DoctorReport) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|f| {
            let mut value = json!({"name": f.name, "value": f.value, "ok": f.ok});
            if !f.ok {
                value["remedy"] = json!(f.remedy);
            }
            value
        })
        .collect();
    let facts: Vec<Value> = facts()
        .map(|fact| {
            let probes: Vec<Value> = report
                .probes
                .iter()
                .filter(|p| p.attempt.fact == fact)
                .map(|p| {
                    let mut value =
                        json!({"probe": p.attempt.probe, "works": p.works, "state": p.attempt.state.name()});
                    if p.attempt.errno != 0 {
                        value["errno"] = json!(p.attempt.errno);
                    }
                    if !p.attempt.reason.is_empty() {
                        value["reason"] = json!(p.attempt.reason);
                    }
                    value
                })
                .collect();
            json!({"fact": fact.name(), "works": report.fact_works(fact), "probes": probes})
        })
        .collect();
    json!({"doctor_version": "1.0", "all_facts_work": report.all_facts_work(), "findings": findings, "facts": facts})
}

fn text(report: &DoctorReport) -> String {
    let mut out = String::new();
    for f in &report.findings {
        out.push_str(&format!("{} {:<12} {}\n", tick(f.ok), f.name, printable(&f.value)));
        if !f.ok {
            out.push_str(&format!("                 → {}\n", printable(&f.remedy)));
        }
    }
    for fact in facts() {
        out.push_str(&format!("\n{} {}\n", tick(report.fact_works(fact)), fact.name()));
        let mut chosen = false;
        for p in report.probes.iter().filter(|p| p.attempt.fact == fact) {
            let used = p.works && !chosen;
            chosen |= p.works;
            let state = if used { "in use" } else { p.attempt.state.name() };
            out.push_str(&format!("    {:<36} {state}\n", p.attempt.probe));
            // Of one that is in use, what it can't do.
            if (used || !p.works) && !p.attempt.reason.is_empty() {
                out.push_str(&format!("      {}\n", printable(&p.attempt.reason)));
            }
        }
    }
    out.push_str(if report.all_facts_work() {
        "\nEverything can be recorded.\n"
    } else {
        "\nNot everything can be recorded: see above.\n"
    });
    out
}

fn tick(ok: bool) -> &'static str {
    if ok { "ok  " } else { "NO  " }
}
