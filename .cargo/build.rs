//! Keeps cargo from compiling wimlib, and so nearly everything, anew at every call.
//!
//! The build script of `wimlib-sys` has cargo watch a header that it writes itself, which is always newer than the
//! moment at which it was started. Here, behind it, the header is dated back.

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
        // It is not there for other builds. Where it can't be dated, all there is to lose is time.
        if File::options().write(true).open(&header).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH)).is_ok()
        {
            println!("cargo::rerun-if-changed={}", header.display());
        }
    }
}
