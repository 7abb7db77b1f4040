//! From what a manifest says to what a medium is: finds every source and says what each file holds.

pub mod boot;
