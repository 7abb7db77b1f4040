//! Fixtures of tests: projects, stand-ins for proprietary files, discs with their readers, and virtual machines.

pub mod alone;
pub mod authority;
pub mod boot_programs;
pub mod disc;
pub mod git;
pub mod json_output;
pub mod language_server;
pub mod qemu;
pub mod reference_tables;
pub mod registry;
pub mod repository;
pub mod sandbox;
