//! What templates can name: `media`, `site` and `vars`, with what is below them.
//!
//! A name may also be known as one that came to nothing. What uses it comes to nothing as well, and is not complained
//! of again.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::Value as Json;

use super::spanned::{Node, Value};

const NO_MEDIA_YET: &str = "values for templates are made before `media` is: they can use `site` and other `vars`";

/// Names that templates have used, shared by all that are rendered in one run.
pub type UsedNames = Rc<RefCell<BTreeSet<String>>>;

/// What templates can name.
#[derive(Debug, Clone)]
pub struct Context {
    /// The values.
    pub json: Json,
    /// Names such as `vars.language` whose own templates came to nothing.
    failed: Vec<String>,
    /// What to say of `site` where there is none.
    pub no_site: &'static str,
    /// What to say of `media` where there is none.
    pub no_media: &'static str,
    /// Takes note of every name that a template uses.
    pub used: UsedNames,
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Context {
    /// A context in which nothing has a name.
    pub fn new() -> Self {
        Self {
            json: Json::Object(Default::default()),
            failed: Vec::new(),
            no_site: "",
            no_media: NO_MEDIA_YET,
            used: UsedNames::default(),
        }
    }

    /// Makes a value known as `space.name`, or its failure.
    pub fn insert(&mut self, space: &str, name: &str, node: &Node) {
        let json = match node.value {
            Value::Failed => return self.fail(space, name),
            _ => node.to_json(),
        };
        self.space(space).insert(name.to_owned(), json);
    }

    /// Makes `space.name` known as one that came to nothing: what uses it is not complained of again.
    pub fn fail(&mut self, space: &str, name: &str) {
        self.failed.push(format!("{space}.{name}"));
    }

    /// The values below a first name, which exists from now on.
    pub fn space(&mut self, space: &str) -> &mut serde_json::Map<String, Json> {
        if !self.json[space].is_object() {
            self.json[space] = Json::Object(Default::default());
        }
        match &mut self.json[space] {
            Json::Object(map) => map,
            _ => unreachable!("made an object just above"),
        }
    }

    /// Whether something is known by a name with dots in it.
    pub fn has(&self, path: &str) -> bool {
        path.split('.').try_fold(&self.json, |json, part| json.get(part)).is_some()
    }

    /// Whether a name, or one that it is below, came to nothing.
    pub fn is_failed(&self, path: &str) -> bool {
        self.failed.iter().any(|failed| {
            path.strip_prefix(failed.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}
