//! Medium that a run starts from.

use crate::rules::matches_content;
use crate::start_source::{LaunchDevice, StartSource};

/// Medium that a run starts from.
#[derive(Clone, Debug)]
pub struct Medium {
    /// Source that starts the task sequence.
    pub source: StartSource,
    /// Device with the medium.
    pub launch: LaunchDevice,
    /// Variables of the medium by name; `None` as the value of a secret.
    pub variables: Vec<(String, Option<String>)>,
    /// Content of the medium.
    pub content: MediumContent,
}

/// Content of a medium.
#[derive(Clone, Debug)]
pub enum MediumContent {
    /// All content that steps need.
    All,
    /// No content.
    None,
    /// Content with these names.
    Named(Vec<String>),
    /// Content of a manifest: IDs, each with the model name of an application.
    Carried(Vec<(String, Option<String>)>),
}

impl Medium {
    /// Returns `true` if the medium carries the content that a step refers to by `id`.
    pub fn carries(&self, id: &str) -> bool {
        match &self.content {
            MediumContent::All => true,
            MediumContent::None => false,
            MediumContent::Named(names) => names.iter().any(|name| name.eq_ignore_ascii_case(id)),
            MediumContent::Carried(content) => {
                content.iter().any(|(own, name)| matches_content(own, name.as_deref(), id))
            }
        }
    }
}
