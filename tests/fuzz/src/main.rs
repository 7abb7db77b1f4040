//! Fuzz targets for every reader of bytes from outside, in one program.
//!
//! `TSMEDIA_FUZZ` names the target. Without it the names of all targets are printed; with `TSMEDIA_FUZZ_SEEDS` as well,
//! valid files are written to that folder for the fuzzer to start from. `tests/fuzz/run` does all of that.

#![no_main]

mod policies;
mod queries;
mod seeds;
mod targets;

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

use targets::{TARGETS, Target};

static TARGET: OnceLock<&Target> = OnceLock::new();

fn begin() {
    let Ok(name) = std::env::var("TSMEDIA_FUZZ") else {
        TARGETS.iter().for_each(|target| println!("{}", target.name));
        std::process::exit(0);
    };
    let target = TARGETS.iter().find(|target| target.name == name);
    let target = target.unwrap_or_else(|| panic!("there is no target `{name}`"));
    if let Ok(folder) = std::env::var("TSMEDIA_FUZZ_SEEDS") {
        for (n, seed) in (target.seeds)().into_iter().enumerate() {
            // A seed that its own reader refuses tests nothing.
            assert!((target.read)(&seed), "seed {n} of `{name}` is refused");
            std::fs::write(Path::new(&folder).join(format!("seed-{n}")), seed).expect("the folder of seeds");
        }
        std::process::exit(0);
    }
    let _ = TARGET.set(target);
}

fuzz_target!(init: begin(), |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.read)(data);
    }
});
