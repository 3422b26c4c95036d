//! Compiles bpf/*.bpf.c and links them into one object. The recorder names this file as its build script, so that the
//! working folder is crates/recorder.

use libbpf_cargo::SkeletonBuilder;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The programs. One object comes of them.
const SOURCES: &[&str] =
    &["maps", "walk", "file_open", "process", "kernel_crypto", "tls_stream", "tls", "api"];

fn main() {
    let bpf = Path::new("../../bpf");
    println!("cargo:rerun-if-changed={}", bpf.display());
    println!("cargo:rerun-if-changed=../../build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let arch = match std::env::var("CARGO_CFG_TARGET_ARCH").expect("cargo sets it").as_str() {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        other => {
            panic!("bpf/file_open.bpf.c knows the system calls of x86_64 and aarch64, not those of {other}")
        }
    };
    let args = ["-I", "../../bpf", &format!("-D__TARGET_ARCH_{arch}"), "-Wall"].map(OsString::from);
    let linked = out.join("crypto_tracer.bpf.o");
    let mut linker = libbpf_rs::Linker::new(&linked).expect("a linker");
    for name in SOURCES {
        let object = out.join(format!("{name}.bpf.o"));
        SkeletonBuilder::new()
            .source(bpf.join(format!("{name}.bpf.c")))
            .obj(&object)
            .clang_args(&args)
            .build()
            .unwrap_or_else(|e| panic!("compiling {name}.bpf.c: {e:#}"));
        linker.add_file(&object).unwrap_or_else(|e| panic!("linking {}: {e}", object.display()));
    }
    linker.link().expect("the object links");
}
