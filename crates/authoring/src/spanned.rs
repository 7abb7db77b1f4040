//! The values of an author's file, each with the place where it was written.
//!
//! A tree is laid over another one for profiles and template values, rendered, and in the end taken apart into
//! JSON (for the schema and the types) and [`Spans`] (for complaints). TOML dates are text from here on.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::problem::Place;

/// A value with its place: the value itself, or the header of a table.
#[derive(Debug, Clone)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it was written.
    pub place: Place,
}

/// What was written.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date, a time or both, as it was written.
    Date(String),
    /// A list.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
    /// A template that failed to render; the error was already reported.
    Failed,
}

/// Keys and values in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub struct Table(pub Vec<Entry>);

/// One key of a table and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// Where the key was written.
    pub key: Place,
    /// The value.
    pub node: Node,
}

impl Table {
    /// Value of a key.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.node)
    }

    /// Key and value.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }

    /// Removes a key, and returns it with its value.
    pub fn remove(&mut self, name: &str) -> Option<Entry> {
        let index = self.0.iter().position(|entry| entry.name == name)?;
        Some(self.0.remove(index))
    }
}

impl Node {
    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// This tree with another one laid under it: tables merge key by key, everything else is replaced by the
    /// nearer one, which is this.
    pub fn over(self, under: Self) -> Self {
        match (self.value, under.value) {
            (Value::Table(near), Value::Table(mut far)) => {
                for entry in near.0 {
                    match far.0.iter_mut().find(|old| old.name == entry.name) {
                        Some(old) => {
                            let below = std::mem::replace(
                                &mut old.node,
                                Self { value: Value::Failed, place: entry.key.clone() },
                            );
                            *old = Entry { node: entry.node.over(below), ..entry };
                        }
                        None => far.0.push(entry),
                    }
                }
                Self { value: Value::Table(far), place: self.place }
            }
            (value, _) => Self { value, place: self.place },
        }
    }

    /// Number of values in the tree, tables and arrays included.
    pub fn n_values(&self) -> usize {
        1 + match &self.value {
            Value::Array(nodes) => nodes.iter().map(Self::n_values).sum(),
            Value::Table(table) => table.0.iter().map(|entry| entry.node.n_values()).sum(),
            _ => 0,
        }
    }

    /// The value as JSON, and where each part of it was written.
    pub fn flatten(&self) -> (Json, Spans) {
        let mut spans = Spans::default();
        let json = self.json(&mut String::new(), None, &mut spans);
        (json, spans)
    }

    /// The value as JSON alone; failed parts are left out of tables.
    pub fn to_json(&self) -> Json {
        self.flatten().0
    }

    fn json(&self, pointer: &mut String, key: Option<&Place>, spans: &mut Spans) -> Json {
        spans.places.insert(pointer.clone(), Spot { key: key.cloned(), value: self.place.clone() });
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
                .map(|(index, node)| below(pointer, &index.to_string(), |pointer| node.json(pointer, None, spans)))
                .collect(),
            Value::Table(table) => table
                .0
                .iter()
                .map(|Entry { name, key, node }| {
                    let json = below(pointer, &escape(name), |pointer| node.json(pointer, Some(key), spans));
                    (name.clone(), json)
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// Runs `work` with the pointer of a part, and gives the pointer back as it was.
fn below<T>(pointer: &mut String, part: &str, work: impl FnOnce(&mut String) -> T) -> T {
    let len = pointer.len();
    pointer.push('/');
    pointer.push_str(part);
    let result = work(pointer);
    pointer.truncate(len);
    result
}

/// A key as part of a JSON pointer (RFC 6901, section 3).
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Where each value was written, by JSON pointer.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    places: BTreeMap<String, Spot>,
    /// The values that are TOML dates; JSON has only text for them.
    pub dates: Vec<String>,
    /// The values that came to nothing: nothing further is said about them.
    pub holes: Vec<String>,
}

/// Where a value and its key were written.
#[derive(Debug, Clone)]
pub struct Spot {
    /// The key; values of lists have none.
    pub key: Option<Place>,
    /// The value, or the header of the table.
    pub value: Place,
}

impl Spans {
    /// The spot of a value, or that of the nearest table around it that was written.
    pub fn nearest(&self, pointer: &str) -> Option<&Spot> {
        let mut pointer = pointer;
        loop {
            if let Some(spot) = self.places.get(pointer) {
                return Some(spot);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }

    /// Whether a value was written at all.
    pub fn has(&self, pointer: &str) -> bool {
        self.places.contains_key(pointer)
    }

    /// Whether a value, or one around it, came to nothing.
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
            near.over(far).to_json(),
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
