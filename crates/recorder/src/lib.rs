//! The recorder.

pub mod baseline;
pub mod probes;
