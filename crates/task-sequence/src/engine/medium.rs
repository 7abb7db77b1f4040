//! What a run starts from.

use crate::rules::is_content;
use crate::started::{Launch, Started};

/// What a run starts from.
#[derive(Clone, Debug)]
pub struct Medium {
    /// What it is.
    pub started: Started,
    /// What carries it.
    pub launch: Launch,
    /// What it tells the client: names and values; of a secret no value.
    pub variables: Vec<(String, Option<String>)>,
    /// What it carries.
    pub content: Content,
}

/// What a medium carries.
#[derive(Clone, Debug)]
pub enum Content {
    /// All that is asked for.
    All,
    /// Nothing.
    None,
    /// What bears these names.
    Named(Vec<String>),
    /// What a manifest says: IDs, each with what else task sequences call it.
    Carried(Vec<(String, Option<String>)>),
}

impl Medium {
    /// Returns `true` if it carries what a step calls so.
    pub fn carries(&self, id: &str) -> bool {
        match &self.content {
            Content::All => true,
            Content::None => false,
            Content::Named(names) => names.iter().any(|name| name.eq_ignore_ascii_case(id)),
            Content::Carried(content) => content.iter().any(|(own, name)| is_content(own, name.as_deref(), id)),
        }
    }
}
