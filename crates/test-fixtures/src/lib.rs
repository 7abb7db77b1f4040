//! Inputs for the tests of tsmedia, shared by unit tests, integration tests and the fuzzer.

// Fixtures fail by panicking.
#![allow(clippy::unwrap_used)]

pub mod archive;
pub mod program;
pub mod signers;

/// Returns `true` for thorough tests (`TSMEDIA_TEST_THOROUGH`, as in CI), which start every
/// machine, damage every byte and make every sequence of edits.
///
/// Other tests pick one of several similar cases.
pub fn is_thorough() -> bool {
    std::env::var_os("TSMEDIA_TEST_THOROUGH").is_some()
}
