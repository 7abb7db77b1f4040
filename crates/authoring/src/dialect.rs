//! Kinds of files that authors write.

use std::fmt::Debug;

use serde_json::Value as Json;

use crate::problem::Problem;
use crate::rule::Rule;

use super::doc::Doc;

/// A kind of file that authors write: its schema, and what messages about it say beyond the schema.
pub trait Dialect: Debug {
    /// Name of such a file in messages: `the manifest`.
    fn name(&self) -> &'static str;

    /// JSON Schema of a rendered file.
    fn schema(&self) -> Json;

    /// Returns `true` for files in JSON, in whose syntax help is then written.
    fn is_json(&self) -> bool {
        false
    }

    /// Rule that says what the value at a JSON pointer must be.
    fn rule(&self, _pointer: &str) -> Option<Rule> {
        None
    }

    /// Returns `true` where a TOML date is a value of its own; elsewhere it is text that lacks its quotes.
    fn takes_date(&self, _pointer: &str) -> bool {
        false
    }

    /// JSON pointers of tables in tables that a misplaced key may belong to.
    fn nested_tables(&self) -> &'static [&'static str] {
        &[]
    }

    /// Problem with a top-level key that belongs in another kind of file.
    fn foreign_key(&self, _doc: Doc<'_>, _key: &str) -> Option<Problem> {
        None
    }

    /// Help text for a value that is wrong (`null` for one that is missing), where the schema alone can't tell it.
    /// `name` is the key with those around it, separated by dots.
    fn advice(&self, _name: &str, _value: &Json) -> Option<String> {
        None
    }
}
