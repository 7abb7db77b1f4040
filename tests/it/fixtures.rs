//! What tests work with: projects, stand-ins for foreign files, discs and their readers, and machines that start them.

pub mod alone;
pub mod authority;
pub mod boot_programs;
pub mod desk;
pub mod disc;
pub mod language_server;
pub mod qemu;
