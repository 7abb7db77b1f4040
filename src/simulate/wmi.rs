//! Results of WMI queries and instances of WMI classes in fact files.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::problem::{Place, Problem, Problems};
use crate::sequence::engine::WmiRow;
use crate::sequence::wql::Property;

/// Default namespace of an entry.
const DEFAULT_NAMESPACE: &str = r"root\cimv2";

/// Results of WMI in a fact file.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum WmiFacts {
    /// Table of queries, each `true` if it has a result.
    Queries(BTreeMap<String, bool>),
    /// List of queries and classes.
    Entries(Vec<WmiFact>),
}

/// Result of a query, or instances of a class.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WmiFact {
    /// WMI namespace of the query or class.
    #[serde(default)]
    #[schemars(extend("default" = DEFAULT_NAMESPACE), length(min = 1))]
    pub namespace: Option<String>,
    /// Text of the query, exactly as in the condition.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"SELECT * FROM Win32_VideoController WHERE Name LIKE '%Contoso%'")]
    pub query: Option<String>,
    /// Set `true` if the query has a result.
    #[serde(default)]
    #[schemars(example = true)]
    pub result: Option<bool>,
    /// Name of the WMI class.
    #[serde(default)]
    #[schemars(length(min = 1), example = &"Win32_VideoController")]
    pub class: Option<String>,
    /// All instances of the class, each with its known properties. A single instance of a class
    /// that follows from `[computer]` adds properties to it.
    #[serde(default)]
    #[schemars(example = serde_json::json!([{ "Name": "Contoso Graphics" }]))]
    pub rows: Option<Vec<BTreeMap<String, WmiValue>>>,
}

/// Value of a property.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WmiValue {
    /// Boolean.
    Boolean(bool),
    /// Integer.
    Number(i64),
    /// Text.
    Text(String),
    /// List.
    List(Vec<WmiValue>),
}

impl Default for WmiFacts {
    fn default() -> Self {
        Self::Entries(Vec::new())
    }
}

/// Returns the schema of `wmi`: a list of entries, or a table of booleans.
///
/// A single schema for both lets errors name the invalid key.
pub fn schema(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "object"],
        "items": generator.subschema_for::<WmiFact>(),
        "additionalProperties": { "type": "boolean" },
        "examples": [
            [{ "class": "Win32_VideoController", "rows": [{ "Name": "Contoso Graphics" }] }],
            { "SELECT * FROM Win32_Battery": true },
        ],
    })
}

impl WmiFacts {
    /// Checks that each entry is a query with its result, or a class with its instances.
    pub fn check(&self, place: impl Fn(&str) -> Place, problems: &mut Problems) {
        let Self::Entries(entries) = self else { return };
        for (at, entry) in entries.iter().enumerate() {
            let pointer = format!("/wmi/{at}");
            let (message, key, help) = match (&entry.query, &entry.class, entry.result, &entry.rows) {
                (Some(_), None, Some(_), None) | (None, Some(_), None, Some(_)) => continue,
                (Some(_), Some(_), ..) => ("`[[wmi]]` has a `query` and a `class`", "class", "remove one of them"),
                (None, None, ..) => (
                    "`[[wmi]]` has neither a `query` nor a `class`",
                    "",
                    "add `query` and `result`, or `class` and `rows`",
                ),
                (Some(_), None, None, _) => {
                    ("the query has no `result`", "query", "add `result = true` or `result = false`")
                }
                (Some(_), None, Some(_), Some(_)) => ("a query can't have `rows`", "rows", "remove `rows`"),
                (None, Some(_), _, None) => (
                    "the class has no `rows`",
                    "class",
                    "add its instances: `rows = [{ Name = \"…\" }]`, or `rows = []` for none",
                ),
                (None, Some(_), Some(_), Some(_)) => ("a class can't have a `result`", "result", "remove `result`"),
            };
            let place = place(if key.is_empty() { pointer } else { format!("{pointer}/{key}") }.as_str());
            problems.add(Problem::error(message).at(place, "").help(help));
        }
    }

    /// Returns the result of a query, if it is given for exactly this text.
    pub fn result(&self, namespace: &str, query: &str) -> Option<bool> {
        let is_it = |known: &str| known.trim().eq_ignore_ascii_case(query.trim());
        match self {
            Self::Queries(queries) => queries.iter().find(|(known, _)| is_it(known)).map(|(_, result)| *result),
            Self::Entries(entries) => {
                let entry =
                    entries.iter().find(|entry| entry.is_in(namespace) && entry.query.as_deref().is_some_and(is_it));
                entry?.result
            }
        }
    }

    /// Returns the instances of a class, if they are given.
    pub fn rows(&self, namespace: &str, class: &str) -> Option<Vec<WmiRow>> {
        let Self::Entries(entries) = self else { return None };
        let is_it = |entry: &&WmiFact| {
            entry.is_in(namespace) && entry.class.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(class))
        };
        // Instances of several entries for a class are combined.
        let rows: Vec<_> = entries.iter().filter(is_it).filter_map(|entry| entry.rows.as_ref()).collect();
        let row = |row: &BTreeMap<String, WmiValue>| {
            row.iter().map(|(name, value)| (name.clone(), value.property())).collect()
        };
        (!rows.is_empty()).then(|| rows.into_iter().flatten().map(row).collect())
    }
}

impl WmiFact {
    fn is_in(&self, namespace: &str) -> bool {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE).eq_ignore_ascii_case(namespace)
    }
}

impl WmiValue {
    fn property(&self) -> Property {
        match self {
            Self::Boolean(is_true) => Property::Boolean(*is_true),
            Self::Number(number) => Property::Number(*number),
            Self::Text(text) => Property::Text(text.clone()),
            Self::List(items) => Property::List(items.iter().map(Self::property).collect()),
        }
    }
}
