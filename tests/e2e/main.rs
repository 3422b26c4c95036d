//! End-to-end tests: record what real programs do, and compare the analysis with what they did, exactly.
//!
//! Every recording is filtered to the processes that its test started. A test that can't load eBPF says what it skipped
//! and why; with CRYPTO_TRACER_REQUIRE_BPF=1 it fails instead.

mod api;
mod api_forks;
mod api_programs;
mod captures;
mod command_line;
mod containers;
mod files;
mod filters;
mod handshakes;
mod kernel;
mod libraries;
mod privacy;
mod processes;
mod support;
mod tls;
mod views;
mod wire;
