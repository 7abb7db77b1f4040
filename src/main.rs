//! The `tsmedia` command.

fn main() {}
