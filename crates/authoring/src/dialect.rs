//! Kinds of files written by authors.

use std::fmt::Debug;

use serde_json::Value as Json;

use crate::problem::Problem;
use crate::rule::Rule;

use super::doc::Doc;
use super::schema::CompiledSchema;

/// A kind of file written by authors: its schema, and texts for messages that the schema can't
/// supply.
pub trait Dialect: Debug {
    /// Returns the name of such files in messages, such as `the manifest`.
    fn name(&self) -> &'static str;

    /// Returns the JSON Schema of rendered files.
    fn schema(&self) -> &'static CompiledSchema;

    /// Returns `true` for JSON files, which changes the syntax used in help.
    fn is_json(&self) -> bool {
        false
    }

    /// Returns the rule about the value at a JSON pointer, which replaces a plain error.
    fn rule(&self, _pointer: &str) -> Option<Rule> {
        None
    }

    /// Returns `true` if the value at a JSON pointer may be a TOML date. Elsewhere, dates are
    /// strings without quotes.
    fn takes_date(&self, _pointer: &str) -> bool {
        false
    }

    /// Returns the JSON pointers of nested tables that misplaced keys may belong to.
    fn nested_tables(&self) -> &'static [&'static str] {
        &[]
    }

    /// Returns the problem of a top-level key that belongs in another kind of file.
    fn foreign_key(&self, _doc: Doc<'_>, _key: &str) -> Option<Problem> {
        None
    }

    /// Returns help for a wrong value (`null` for a missing one) that the schema can't derive.
    /// `name` is the dotted name of the key.
    fn advice(&self, _name: &str, _value: &Json) -> Option<String> {
        None
    }
}
