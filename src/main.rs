//! The command line: parse, dispatch, exit code. What happens is in the crates.

#[cfg(feature = "analyze")]
mod analyze;
mod cli;
#[cfg(feature = "analyze")]
mod destination;
mod docs;
#[cfg(feature = "record")]
mod doctor;
mod exit;
mod failure;
#[cfg(feature = "record")]
mod record;

use clap::Parser;
use cli::{Cli, Command};
use exit::Exit;
use failure::Failure;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return refuse(&e),
    };
    match run(cli) {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(failure.exit.code())
        }
    }
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    if cli.version {
        return print(&version());
    }
    let Some(command) = cli.command else {
        return Err(Failure::usage(
            "No command was given.",
            "Begin with `crypto-tracer record` or `crypto-tracer analyze`; `crypto-tracer --help` lists all commands.",
        ));
    };
    match command {
        #[cfg(feature = "record")]
        Command::Record(args) => record::run(&args),
        #[cfg(feature = "record")]
        Command::Doctor(args) => doctor::run(&args),
        #[cfg(feature = "analyze")]
        Command::Analyze(args) => analyze::run(*args),
        Command::Version => print(&version()),
        Command::Docs { topic: None } => print(&docs::list()),
        Command::Docs { topic: Some(topic) } => match docs::text(&topic) {
            Some(text) => print(text),
            None => Err(Failure::usage(format!("There is no topic `{topic}`."), docs::list().trim_end())),
        },
    }
}

/// To standard output. A reader that has seen enough is no error.
fn print(text: &str) -> Result<Exit, Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::general("Cannot write to standard output", e.to_string(), "Check where it leads."))
        }
        _ => Ok(Exit::Success),
    }
}

/// What clap says: help on standard output, errors in our four parts.
fn refuse(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand};
    if error.kind() == DisplayHelp {
        let mut text = error.to_string();
        if !text.contains("Usage: crypto-tracer record") && !text.contains("Usage: crypto-tracer analyze") {
            text.push('\n');
            text.push_str(&exit::help());
        }
        return match print(&text) {
            Ok(exit) => ExitCode::from(exit.code()),
            Err(failure) => {
                eprintln!("{failure}");
                ExitCode::from(failure.exit.code())
            }
        };
    }
    let text = error.to_string();
    // `error: WHAT` [tip:, Usage: …] `For more information, try '--help'.`
    let text = text.trim_start_matches("error: ").trim_end();
    let text = text.strip_suffix("For more information, try '--help'.").unwrap_or(text).trim_end();
    let (detail, usage) = match text.split_once("\n\nUsage:") {
        Some((detail, usage)) => (detail.trim_end(), format!("Usage:{usage}")),
        None => (text, String::new()),
    };
    let detail = if error.kind() == DisplayHelpOnMissingArgumentOrSubcommand {
        "No command was given."
    } else {
        detail
    };
    let action = format!("{usage}\n\nThe same command with --help explains every option.");
    let action = action.trim_start();
    let failure = Failure::usage(detail.replace("\n\n", "\n"), action);
    eprintln!("{failure}");
    ExitCode::from(failure.exit.code())
}

/// SRS REQ-CLI-004.
fn version() -> String {
    let mut text = format!("crypto-tracer version {}\n", env!("CARGO_PKG_VERSION"));
    // Set by the Makefile to the commit's day, so that builds stay reproducible.
    if let Some(day) = option_env!("CRYPTO_TRACER_BUILT") {
        text.push_str(&format!("Built: {day}\n"));
    }
    #[cfg(feature = "record")]
    text.push_str(&record::versions());
    text.push_str("License: MIT OR Apache-2.0\n");
    text
}
