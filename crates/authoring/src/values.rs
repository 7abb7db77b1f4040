//! Values that templates can use: `media`, `site` and `vars`.
//!
//! Names can be marked as failed. Templates that use them fail as well, without another message.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use minijinja::value::Serde;

use super::spanned::{Node, Value};

const NO_MEDIA: &str = "`vars` are rendered before `media`; use `site` or other `vars`";

/// Names used by templates, shared by all contexts of a run.
pub type UsedNames = Rc<RefCell<BTreeSet<String>>>;

/// Values that templates can use.
#[derive(Debug, Clone)]
pub struct Context {
    /// Values by namespace and name, as the engine takes them: templates share them and copy
    /// nothing.
    spaces: BTreeMap<String, BTreeMap<String, minijinja::Value>>,
    /// Names whose own templates failed, such as `vars.language`.
    failed: Vec<String>,
    /// Help for `site` where it is not available.
    pub no_site: &'static str,
    /// Help for `media` where it is not available.
    pub no_media: &'static str,
    /// Records every name that a template uses.
    pub used: UsedNames,
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// Creates an empty context.
    pub fn new() -> Self {
        Self {
            spaces: BTreeMap::new(),
            failed: Vec::new(),
            no_site: "",
            no_media: NO_MEDIA,
            used: UsedNames::default(),
        }
    }

    /// Adds a value as `space.name`, or marks it as failed.
    pub fn insert(&mut self, space: &str, name: &str, node: &Node) {
        match node.value {
            Value::Failed => self.fail(space, name),
            _ => self.insert_value(space, name, Serde(node.to_json()).into()),
        }
    }

    /// Adds a text as `space.name`.
    pub fn insert_text(&mut self, space: &str, name: &str, text: &str) {
        self.insert_value(space, name, text.into());
    }

    fn insert_value(&mut self, space: &str, name: &str, value: minijinja::Value) {
        self.spaces.entry(space.to_owned()).or_default().insert(name.to_owned(), value);
    }

    /// Adds a namespace, empty if it has no values yet.
    pub fn add_namespace(&mut self, space: &str) {
        self.spaces.entry(space.to_owned()).or_default();
    }

    /// Marks `space.name` as failed, so that its uses are not reported.
    pub fn fail(&mut self, space: &str, name: &str) {
        self.failed.push(format!("{space}.{name}"));
    }

    /// Returns all namespaces as one value of the engine.
    pub fn to_value(&self) -> minijinja::Value {
        let space = |values: &BTreeMap<_, _>| minijinja::Value::from(values.clone());
        minijinja::Value::from_pairs(self.spaces.iter().map(|(name, values)| (name.as_str(), space(values))))
    }

    /// Returns `true` if a dotted name has a value.
    pub fn has(&self, path: &str) -> bool {
        path.split('.').try_fold(self.to_value(), |value, part| value_at(&value, part)).is_some()
    }

    /// Returns `true` if a dotted name, or one that it is below, failed.
    pub fn is_failed(&self, path: &str) -> bool {
        self.failed.iter().any(|failed| {
            path.strip_prefix(failed.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// Returns the value under a key of a table.
pub fn value_at(table: &minijinja::Value, key: &str) -> Option<minijinja::Value> {
    table.get_attr(key).ok().filter(|value| !value.is_undefined())
}
