//! What tests work with: projects, stand-ins for foreign files, discs and their readers, and machines that start them.

pub mod alone;
pub mod archive;
pub mod authority;
pub mod boot_programs;
pub mod desk;
pub mod disc;
#[allow(dead_code, reason = "the unit tests use the rest")]
#[path = "../../src/format/pe/made.rs"]
pub mod program;
pub mod qemu;
#[allow(dead_code, reason = "the unit tests use the rest")]
#[path = "../../src/format/authenticode/made.rs"]
pub mod signers;
