//! Generates reference pages of the manual, in Markdown.

mod keys;
mod links;
mod rules;
mod steps;

pub use keys::{facts, library, manifest, sequence, site_file};
pub use links::{KeysPage, link_keys};
pub use rules::{RULES_WITHOUT_EXAMPLE, rules};
pub use steps::steps;
