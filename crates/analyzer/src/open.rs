//! From the arguments of a command to a source.

use std::path::PathBuf;

use crypto_tracer_format::redact::{Policy, Redactor};

use crate::AnalyzeError;
use crate::input::Inputs;
use crate::pipeline::Captures;
use crate::sink::Source;
use crate::store::{DatabaseSource, is_database};

/// Opens what was named: captures (files, directories, `-`) or one database. `redact`: make paths and names anonymous,
/// also where the recorder did not. Secrets in command lines go always. A database shows what was ingested.
///
/// # Errors
/// What isn't there, or can't be opened, or doesn't go together.
pub fn open(arguments: &[PathBuf], redact: bool) -> Result<Box<dyn Source>, AnalyzeError> {
    match arguments {
        [path] if is_database(path) => Ok(Box::new(DatabaseSource::open(path)?)),
        _ => match arguments.iter().find(|path| is_database(path)) {
            Some(path) => Err(AnalyzeError::Mixed(path.clone())),
            None => {
                let redactor = Redactor::new(Policy { paths: redact, users: redact, network: redact });
                Ok(Box::new(Captures::new(Inputs::find(arguments)?, redactor)))
            }
        },
    }
}
