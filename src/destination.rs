//! Where a view is written: standard output, or a file.
//!
//! Invariants:
//! - A file gets its name only when the view is whole: a view that fails leaves what was there.
//! - An input is never the output.
//! - A reader that has seen enough ends the view quietly.

use crate::failure::Failure;
use crypto_tracer_analyzer::AnalyzeError;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Runs `write` on the destination: `None` or `-` is standard output. `Ok(None)`: the reader went away.
///
/// # Errors
/// The destination can't be written, or the view failed: `explain` puts that in words.
pub fn write_to<T>(
    path: Option<&Path>,
    inputs: &[PathBuf],
    write: impl FnOnce(&mut dyn Write) -> Result<T, AnalyzeError>,
    explain: impl Fn(AnalyzeError) -> Failure,
) -> Result<Option<T>, Failure> {
    let finish = |result: Result<T, AnalyzeError>| match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.is_closed_pipe() => Ok(None),
        Err(error) => Err(explain(error)),
    };
    let Some(path) = path.filter(|p| p.as_os_str() != "-") else {
        return finish(run(std::io::stdout().lock(), write));
    };
    if inputs.iter().any(|input| same_file(input, path)) {
        return Err(Failure::usage(
            format!("{} is an input: it would be lost.", path.display()),
            "Choose another file for the output.",
        ));
    }
    let cannot = |e: std::io::Error| {
        Failure::general(
            "Cannot write the output file",
            format!("{}: {e}", path.display()),
            "Check that its folder exists, that you may write there and that there is space, or choose another file.",
        )
    };
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        // A terminal, a pipe, /dev/null: there is nothing to rename.
        let file = File::options().write(true).open(path).map_err(cannot)?;
        return finish(run(file, write));
    }
    let mut partial = OsString::from(path);
    partial.push(".partial");
    let file = File::create(&partial).map_err(cannot)?;
    let done = finish(run(file, write));
    match &done {
        Ok(_) => std::fs::rename(&partial, path).map_err(cannot)?,
        Err(_) => {
            let _ = std::fs::remove_file(&partial);
        }
    }
    done
}

/// Line buffering would cost a system call per event.
fn run<T>(
    out: impl Write,
    write: impl FnOnce(&mut dyn Write) -> Result<T, AnalyzeError>,
) -> Result<T, AnalyzeError> {
    let mut out = BufWriter::new(out);
    let done = write(&mut out)?;
    out.flush().map_err(AnalyzeError::Output)?;
    Ok(done)
}

#[cfg(unix)]
fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
