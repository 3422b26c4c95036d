//! The recorder.

pub mod baseline;
pub mod output;
pub mod privileges;
pub mod probes;
