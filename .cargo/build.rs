//! Keeps cargo from rebuilding wimlib, and nearly everything else, on every call.
//!
//! The build script of `wimlib-sys` makes cargo watch a header that it writes itself. The header is always newer than the
//! start of that build script, so cargo would run it again. This script runs after it and sets the header's time back.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::SystemTime;

fn main() {
    println!("cargo::rerun-if-changed=.cargo/build.rs");
    let own = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let Some(scripts) = own.ancestors().nth(2).and_then(|folder| fs::read_dir(folder).ok()) else { return };
    for script in scripts.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("wimlib-sys-")) {
        let header = script.path().join("out/include/wimlib.h");
        // The header does not exist for other builds. If setting the time fails, builds are only slower.
        if File::options().write(true).open(&header).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)).is_ok()
        {
            println!("cargo::rerun-if-changed={}", header.display());
        }
    }
}
