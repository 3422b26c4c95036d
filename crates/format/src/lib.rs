//! The capture: records, what holds them, and what they may not say. Portable: nothing here needs Linux.

pub mod catalogue;
pub mod container;
pub mod limits;
pub mod matching;
pub mod record;
pub mod redact;
pub mod segment;
