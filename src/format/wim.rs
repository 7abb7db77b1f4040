//! WIM files, read through wimlib.
