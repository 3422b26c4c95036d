//! The recorder.

pub mod baseline;
