//! What counts as cryptography: file names and libraries. Data, from which the kernel's filters, the scan of /proc,
//! the analyzer's types and the docs are made.

pub mod api;
pub mod files;
pub mod libraries;
pub mod watch;

pub use files::{FileType, Pattern};
pub use libraries::Family;
pub use watch::Watch;
