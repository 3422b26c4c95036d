//! Calls of functions of libraries: which files have them, where, and how they are probed.

pub mod elf;
