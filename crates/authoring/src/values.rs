//! Values that templates can use: `media`, `site` and `vars`.
//!
//! Names can be marked as failed. Templates that use them fail as well, without another message.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value as Json;

use super::spanned::{Node, Value};

const NO_MEDIA: &str = "`vars` are rendered before `media`; use `site` or other `vars`";

/// Names used by templates, shared by all contexts of a run.
pub type UsedNames = Rc<RefCell<BTreeSet<String>>>;

/// Values that templates can use.
#[derive(Debug, Clone)]
pub struct Context {
    /// Values by namespace.
    pub json: Json,
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
            json: Json::Object(Default::default()),
            failed: Vec::new(),
            no_site: "",
            no_media: NO_MEDIA,
            used: UsedNames::default(),
        }
    }

    /// Adds a value as `space.name`, or marks it as failed.
    pub fn insert(&mut self, space: &str, name: &str, node: &Node) {
        let json = match node.value {
            Value::Failed => return self.fail(space, name),
            _ => node.to_json(),
        };
        self.namespace(space).insert(name.to_owned(), json);
    }

    /// Marks `space.name` as failed, so that its uses are not reported.
    pub fn fail(&mut self, space: &str, name: &str) {
        self.failed.push(format!("{space}.{name}"));
    }

    /// Returns the values of a namespace, creating it if necessary.
    pub fn namespace(&mut self, space: &str) -> &mut serde_json::Map<String, Json> {
        if !self.json[space].is_object() {
            self.json[space] = Json::Object(Default::default());
        }
        match &mut self.json[space] {
            Json::Object(map) => map,
            _ => unreachable!("made an object just above"),
        }
    }

    /// Returns `true` if a dotted name has a value.
    pub fn has(&self, path: &str) -> bool {
        path.split('.').try_fold(&self.json, |json, part| json.get(part)).is_some()
    }

    /// Returns `true` if a dotted name, or one that it is below, failed.
    pub fn is_failed(&self, path: &str) -> bool {
        self.failed.iter().any(|failed| {
            path.strip_prefix(failed.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
