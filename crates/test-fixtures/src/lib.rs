//! Inputs made for the tests of tsmedia: unit tests, integration tests and the fuzzer share them.

// Panics are how a fixture fails.
#![allow(clippy::unwrap_used)]

pub mod archive;
pub mod program;
pub mod signers;

/// Returns whether tests are thorough (`TSMEDIA_TEST_THOROUGH`, as in CI): then every machine is started, every byte is
/// damaged, and every sequence of edits is made. Otherwise one of those that are alike stands for the others.
pub fn is_thorough() -> bool {
    std::env::var_os("TSMEDIA_TEST_THOROUGH").is_some()
}
