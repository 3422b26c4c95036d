//! `analyze`: from arguments to a view of the analyzer, from its outcome to an exit code.

use crate::cli::{AnalyzeArgs, IngestArgs, InputArgs, MonitorArgs, OutputArgs, SqlArgs, TlsArgs, View};
use crate::destination::write_to;
use crate::exit::Exit;
use crate::failure::{Failure, printable};
use crypto_tracer_analyzer::coverage::{Completeness, Coverage};
use crypto_tracer_analyzer::event::EventType;
use crypto_tracer_analyzer::filter::Filter;
use crypto_tracer_analyzer::monitor::{self, MonitorOptions};
use crypto_tracer_analyzer::render::Format;
use crypto_tracer_analyzer::store::{IngestOptions, StoreError, ingest_captures};
use crypto_tracer_analyzer::views::{self, Material, Outcome, ViewError};
use crypto_tracer_analyzer::when::When;
use crypto_tracer_analyzer::{AnalyzeError, open};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Runs a view.
pub fn run(args: AnalyzeArgs) -> Result<Exit, Failure> {
    let view = args.view.unwrap_or(View::Summary(args.summary));
    match view {
        View::Monitor(args) => run_monitor(&args),
        View::Ingest(args) => run_ingest(&args),
        View::Sql(args) => run_sql(args),
        View::Profile(args) => {
            let select = match (args.pid, args.name) {
                (Some(pid), None) => views::Selector::Pid(pid),
                (None, Some(name)) => views::Selector::Name(name),
                _ => return Err(Failure::usage("Both --pid and --name were given.", "Give one of them.")),
            };
            let options = views::ProfileOptions { select, follow_children: args.follow_children };
            document(&args.input, &args.output, |material, format, out| {
                views::profile(material, &options, format, out)
            })
        }
        View::Snapshot(args) => {
            let at = moment("--at", args.at.as_deref())?;
            let span_of = args.input.captures.clone();
            let redact = !args.input.no_redact;
            let output = OutputArgs { output: args.output, format: args.format };
            document(&args.input, &output, |material, format, out| {
                let range = match at {
                    Some(_) => monitor::range(&mut *open(&span_of, redact)?, at, None)?,
                    None => Default::default(),
                };
                let options = views::SnapshotOptions { at_wall_ns: range.since_wall_ns };
                views::snapshot(material, &options, format, out)
            })
        }
        View::Libs(args) => {
            let options = views::LibsOptions { name: args.name };
            document(&args.input, &args.output, |material, format, out| {
                views::libs(material, &options, format, out)
            })
        }
        View::Files(args) => {
            let options = views::FilesOptions { path: args.path };
            document(&args.input, &args.output, |material, format, out| {
                views::files(material, &options, format, out)
            })
        }
        View::Tls(args) => run_tls(&args),
        View::Summary(args) => {
            let options = views::SummaryOptions { top: args.top };
            document(&args.input, &args.output, |material, format, out| {
                views::summary(material, &options, format, out)
            })
        }
    }
}

/// Names of fields that handshakes can be grouped by.
pub fn tls_fields(columns: &[views::TlsColumn]) -> String {
    columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ")
}

fn run_tls(args: &TlsArgs) -> Result<Exit, Failure> {
    let column = |name: &String| {
        views::TlsColumn::from_name(name).ok_or_else(|| {
            let given = args.group_by.join(",");
            let wrong = match name.as_str() {
                "" => "a field is empty".to_owned(),
                name => format!("{name:?} is no field"),
            };
            Failure::usage(
                format!("--group-by takes fields with commas between them, got {given:?}: {wrong}."),
                &format!("Give one or more of: {}.", tls_fields(views::TlsColumn::ALL)),
            )
        })
    };
    let mut options =
        views::TlsOptions { name: args.name.clone(), pid: args.pid, ..views::TlsOptions::default() };
    if !args.group_by.is_empty() {
        options.group_by = args.group_by.iter().map(column).collect::<Result<_, _>>()?;
    }
    let (since, until) =
        (moment("--since", args.since.as_deref())?, moment("--until", args.until.as_deref())?);
    if since.is_some() || until.is_some() {
        let mut source = open(&args.input.captures, !args.input.no_redact).map_err(explain)?;
        let range = monitor::range(&mut *source, since, until).map_err(explain)?;
        (options.since_wall_ns, options.until_wall_ns) = (range.since_wall_ns, range.until_wall_ns);
    }
    document_of(&args.input, &args.output, options.needs_events(), |material, format, out| {
        views::tls(material, &options, format, out)
    })
}

/// A view that makes documents of sums.
fn document(
    input: &InputArgs,
    output: &OutputArgs,
    view: impl FnOnce(&Material, Format, &mut dyn Write) -> Result<Outcome, AnalyzeError>,
) -> Result<Exit, Failure> {
    document_of(input, output, false, view)
}

/// A view that makes documents. `events`: as in [`material`].
fn document_of(
    input: &InputArgs,
    output: &OutputArgs,
    events: bool,
    view: impl FnOnce(&Material, Format, &mut dyn Write) -> Result<Outcome, AnalyzeError>,
) -> Result<Exit, Failure> {
    let material = material(&input.captures, !input.no_redact, events)?;
    let default = if output.output.is_none() && std::io::stdout().is_terminal() { "table" } else { "json" };
    let format = format(output.format.as_deref().unwrap_or(default));
    let coverage = material.coverage().clone();
    write_to(output.output.as_deref(), &input.captures, |out| view(&material, format, out), explain)?;
    Ok(conclude(&coverage, input.quiet))
}

/// `events`: each of them is needed, not only what sums them up.
fn material(captures: &[PathBuf], redact: bool, events: bool) -> Result<Material, Failure> {
    Material::of(captures, redact, events).map_err(explain)
}

fn run_monitor(args: &MonitorArgs) -> Result<Exit, Failure> {
    let types = args
        .types
        .iter()
        .map(|name| {
            EventType::from_name(name).ok_or_else(|| {
                let known: Vec<&str> = EventType::ALL.iter().map(|t| t.name()).collect();
                Failure::usage(format!("--type {name} is unknown."), &format!("Types: {}.", known.join(", ")))
            })
        })
        .collect::<Result<_, _>>()?;
    let format = monitor::Format::from_name(&args.format).unwrap_or_default();
    let options = MonitorOptions {
        format,
        filter: Filter {
            pids: args.pid.clone(),
            names: args.name.clone(),
            libraries: args.library.clone(),
            files: args.file.clone(),
            types,
            uids: args.uid.clone(),
            containers: args.container.clone(),
            ..Filter::default()
        },
        since: moment("--since", args.since.as_deref())?,
        until: moment("--until", args.until.as_deref())?,
    };
    let mut source = open(&args.input.captures, !args.input.no_redact).map_err(explain)?;
    let outcome = write_to(
        args.output.as_deref(),
        &args.input.captures,
        |out| monitor::monitor(&mut *source, &options, out),
        explain,
    )?;
    Ok(match outcome.and_then(|outcome| outcome.coverage) {
        Some(coverage) => conclude(&coverage, args.input.quiet),
        None => Exit::Success,
    })
}

fn run_ingest(args: &IngestArgs) -> Result<Exit, Failure> {
    let options = IngestOptions { database: args.db.clone() };
    let done = ingest_captures(&args.input.captures, !args.input.no_redact, &options).map_err(explain)?;
    if !args.input.quiet {
        eprintln!(
            "{}: {} segments added, {} brought up to date, {} known already; {} events read",
            args.db.display(),
            done.added,
            done.replaced,
            done.known,
            done.events
        );
    }
    Ok(conclude(&done.coverage, args.input.quiet))
}

fn run_sql(args: SqlArgs) -> Result<Exit, Failure> {
    let mut captures: Vec<PathBuf> = args.captures_and_query.iter().map(PathBuf::from).collect();
    let statement = captures.pop().unwrap_or_default();
    let Some(statement) = statement.to_str() else {
        return Err(Failure::usage("The query is not UTF-8.", "Give it as text."));
    };
    let options = views::SqlOptions { statement: statement.into() };
    let material = material(&captures, !args.no_redact, true)?;
    let default = if args.output.is_none() && std::io::stdout().is_terminal() { "table" } else { "csv" };
    let format = format(args.format.as_deref().unwrap_or(default));
    write_to(args.output.as_deref(), &captures, |out| views::sql(&material, &options, format, out), explain)?;
    Ok(conclude(material.coverage(), args.quiet))
}

/// The argument's values are checked by clap; `summary` is what the SRS calls a snapshot's table.
fn format(name: &str) -> Format {
    match name {
        "json" => Format::Json,
        "json-pretty" => Format::JsonPretty,
        "csv" => Format::Csv,
        _ => Format::Table,
    }
}

fn moment(option: &'static str, text: Option<&str>) -> Result<Option<When>, Failure> {
    text.map(|text| When::parse(option, text)).transpose().map_err(explain)
}

/// Says on standard error what is missing, and gives the exit code.
fn conclude(coverage: &Coverage, quiet: bool) -> Exit {
    let completeness = coverage.completeness();
    if !quiet {
        for line in coverage.warnings() {
            eprintln!("Warning: {}", printable(&line));
        }
    }
    match completeness {
        Completeness::Whole => Exit::Success,
        Completeness::Damaged => Exit::Damaged,
        Completeness::Nothing => Exit::General,
    }
}

/// What can be done about a database.
fn remedy(error: &StoreError) -> &'static str {
    match error {
        StoreError::Foreign { .. } | StoreError::Version { .. } | StoreError::Schema { .. } => {
            "Only databases that this release's `analyze ingest` made can be read: make it anew from the captures."
        }
        StoreError::Damaged { .. } => "Make it anew from the captures.",
        StoreError::Busy(_) => "Wait until the other ingest has ended.",
        StoreError::Interrupted(_) | StoreError::NotACapture(_) => "",
        _ => "Check that the folder exists, that you may write there, and that there is space on the disk.",
    }
}

/// The four parts of an analyzer's error.
fn explain(error: AnalyzeError) -> Failure {
    use AnalyzeError as E;
    let detail = error.to_string();
    match error {
        E::Input { source, .. } => Failure::general(
            "Cannot read the capture",
            detail,
            match source.kind() {
                std::io::ErrorKind::NotFound => {
                    "Check the name. A recording that was not closed is called NAME.partial."
                }
                std::io::ErrorKind::PermissionDenied => {
                    "Captures belong to who recorded them: sudo chown $USER FILE."
                }
                _ => "Check the file and the disk that it is on.",
            },
        ),
        E::Nothing(_) | E::Unreadable { .. } => Failure::general(
            "Nothing could be read",
            detail,
            "Check that these are captures of `crypto-tracer record`, whole or cut, or a database of `analyze ingest`.",
        ),
        E::NotSeekable { .. } => {
            Failure::usage(detail, "Save the stream to a file first, or give an absolute time.")
        }
        E::Mixed(_) | E::NoInput => Failure::usage(detail, "Give captures, or one database."),
        E::EmptyDirectory(_) => Failure::general(
            "No capture in this folder",
            detail,
            "Give the folder that `crypto-tracer record -o FOLDER` wrote to.",
        ),
        E::Option { .. } => Failure::usage(detail, "See --help for what each option takes."),
        E::Output(_) => Failure::general(
            "Cannot write the output",
            detail,
            "Check the space on the disk, or choose another place.",
        ),
        E::Store(store) => Failure::general("The database could not be used", detail, remedy(&store)),
        E::View(view) => match view {
            ViewError::NoProcess { .. } => Failure::general(
                "No such process in the capture",
                detail,
                "`crypto-tracer analyze monitor CAPTURE --type process_exec,process_exit` lists the processes.",
            ),
            ViewError::NotCaptured { .. } => Failure::general(
                "That time was not captured",
                detail,
                "Give a time inside of what was captured.",
            ),
            ViewError::NeedsEvents => Failure::usage(detail, "Leave out --since and --until."),
            ViewError::Sql(_) => Failure {
                topic: "database",
                ..Failure::usage(
                    detail,
                    "One statement that only reads; `crypto-tracer docs database` shows the tables.",
                )
            },
            ViewError::Format { .. } => Failure::usage(detail, "See --help for the formats."),
        },
    }
}
