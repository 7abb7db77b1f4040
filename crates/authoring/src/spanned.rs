//! Values of an author's file with their places.
//!
//! Trees are merged for profiles and template values, rendered, and finally converted to JSON (for
//! schema and types) and [`Spans`] (for messages). TOML dates become strings then.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::problem::Place;

/// A value with its place; for a table, the place of its header.
#[derive(Debug, Clone)]
pub struct Node {
    /// Value.
    pub value: Value,
    /// Place.
    pub place: Place,
}

/// A value.
#[derive(Debug, Clone)]
pub enum Value {
    /// String.
    String(String),
    /// Integer.
    Integer(i64),
    /// Floating-point number.
    Float(f64),
    /// Boolean.
    Boolean(bool),
    /// Date, time or both, as written.
    Date(String),
    /// Array.
    Array(Vec<Node>),
    /// Table.
    Table(Table),
    /// A template that failed to render; the error was already reported.
    Failed,
}

/// Keys and values in the order of the file.
#[derive(Debug, Clone, Default)]
pub struct Table(pub Vec<TableEntry>);

/// A key of a table, with its value.
#[derive(Debug, Clone)]
pub struct TableEntry {
    /// Name of the key.
    pub name: String,
    /// Place of the key.
    pub key: Place,
    /// Value.
    pub node: Node,
}

impl Table {
    /// Returns the value of a key.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.node)
    }

    /// Returns a key with its value.
    pub fn entry(&self, name: &str) -> Option<&TableEntry> {
        self.0.iter().find(|entry| entry.name == name)
    }

    /// Removes a key, and returns it with its value.
    pub fn remove(&mut self, name: &str) -> Option<TableEntry> {
        let index = self.0.iter().position(|entry| entry.name == name)?;
        Some(self.0.remove(index))
    }
}

impl Node {
    /// Returns the table; `None` for other values.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Returns the string; `None` for other values.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Merges this tree over another: tables are merged key by key; other values of this tree take
    /// precedence.
    pub fn merged_over(self, under: Self) -> Self {
        match (self.value, under.value) {
            (Value::Table(near), Value::Table(mut far)) => {
                for entry in near.0 {
                    match far.0.iter_mut().find(|old| old.name == entry.name) {
                        Some(old) => {
                            // Keep the position of the entry, so that the order of the lower file
                            // decides.
                            let below = std::mem::replace(
                                &mut old.node,
                                Self { value: Value::Failed, place: entry.key.clone() },
                            );
                            *old = TableEntry { node: entry.node.merged_over(below), ..entry };
                        }
                        None => far.0.push(entry),
                    }
                }
                Self { value: Value::Table(far), place: self.place }
            }
            (value, _) => Self { value, place: self.place },
        }
    }

    /// Returns the number of values in the tree, including tables and arrays.
    pub fn n_values(&self) -> usize {
        1 + match &self.value {
            Value::Array(nodes) => nodes.iter().map(Self::n_values).sum(),
            Value::Table(table) => table.0.iter().map(|entry| entry.node.n_values()).sum(),
            _ => 0,
        }
    }

    /// Converts the tree to JSON, and returns the place of each value.
    pub fn flatten(&self) -> (Json, Spans) {
        let mut spans = Spans::default();
        let json = self.json(&mut String::new(), None, &mut spans);
        (json, spans)
    }

    /// Converts the tree to JSON, with `null` for failed values.
    pub fn to_json(&self) -> Json {
        self.flatten().0
    }

    fn json(&self, pointer: &mut String, key: Option<&Place>, spans: &mut Spans) -> Json {
        spans.places.insert(pointer.clone(), EntryPlaces { key: key.cloned(), value: self.place.clone() });
        match &self.value {
            Value::String(text) => Json::from(text.as_str()),
            Value::Integer(number) => Json::from(*number),
            Value::Float(number) => Json::from(*number),
            Value::Boolean(truth) => Json::from(*truth),
            Value::Date(text) => {
                spans.dates.push(pointer.clone());
                Json::from(text.as_str())
            }
            Value::Failed => {
                spans.holes.push(pointer.clone());
                Json::Null
            }
            Value::Array(nodes) => nodes
                .iter()
                .enumerate()
                .map(|(index, node)| {
                    with_pointer(pointer, &index.to_string(), |pointer| node.json(pointer, None, spans))
                })
                .collect(),
            Value::Table(table) => table
                .0
                .iter()
                .map(|TableEntry { name, key, node }| {
                    let json = with_pointer(pointer, &escape(name), |pointer| node.json(pointer, Some(key), spans));
                    (name.clone(), json)
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// Runs `work` with a part appended to the pointer, and restores the pointer afterwards.
fn with_pointer<T>(pointer: &mut String, part: &str, work: impl FnOnce(&mut String) -> T) -> T {
    let len = pointer.len();
    pointer.push('/');
    pointer.push_str(part);
    let result = work(pointer);
    pointer.truncate(len);
    result
}

/// Escapes a key for a JSON pointer (RFC 6901, section 3).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Places of values by JSON pointer.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    places: BTreeMap<String, EntryPlaces>,
    /// Pointers of TOML dates, which are strings in JSON.
    pub dates: Vec<String>,
    /// Pointers of failed values, about which nothing more is reported.
    pub holes: Vec<String>,
}

/// Places of a value and its key.
#[derive(Debug, Clone)]
pub struct EntryPlaces {
    /// Place of the key; `None` for values in lists.
    pub key: Option<Place>,
    /// Place of the value, or of the header of a table.
    pub value: Place,
}

impl Spans {
    /// Returns the places of a value, or of the nearest enclosing table that was written.
    pub fn nearest(&self, pointer: &str) -> Option<&EntryPlaces> {
        let mut pointer = pointer;
        loop {
            if let Some(spot) = self.places.get(pointer) {
                return Some(spot);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// Returns `true` if a value was written.
    pub fn has(&self, pointer: &str) -> bool {
        self.places.contains_key(pointer)
    }

    /// Returns `true` if a value, or one that contains it, failed to render.
    pub fn is_hole(&self, pointer: &str) -> bool {
        self.holes.iter().any(|hole| {
            pointer.strip_prefix(hole.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::toml::parse;
    use super::*;
    use crate::problem::Problems;

    fn tree(text: &str) -> Node {
        let mut problems = Problems::default();
        let source = problems.add_source("test.toml", text);
        let tree = parse(source, text, &mut problems);
        assert!(!problems.has_errors());
        tree
    }

    #[test]
    fn tables_merge_and_lists_are_replaced() {
        let far = tree("a = 1\n[t]\nx = [1, 2]\ny = 2\n[t.deep]\nk = 'far'\n");
        let near = tree("[t]\nx = [3]\ndeep.l = 'near'\n[u]\nz = 1\n");
        assert_eq!(
            near.merged_over(far).to_json(),
            serde_json::json!({ "a": 1, "t": { "x": [3], "y": 2, "deep": { "k": "far", "l": "near" } }, "u": { "z": 1 } })
        );
    }

    #[test]
    fn values_that_nobody_wrote_are_placed_at_the_table_around_them() {
        let text = "[media]\nname = 'x'\n[[package]]\nid = 'a/b'\n";
        let (_, spans) = tree(text).flatten();
        let shown = |pointer: &str| &text[spans.nearest(pointer).unwrap().value.span.clone()];
        assert_eq!(shown("/media/name"), "'x'");
        assert_eq!(shown("/media/label"), "[media]");
        assert_eq!(shown("/package/0/when"), "[[package]]");
        assert_eq!(spans.nearest("/nothing/at/all").unwrap().value.span, 0..0);
    }
}
