//! Generates reference pages of the manual, in Markdown.

mod keys;
mod rules;
mod steps;

pub use keys::{facts, library, manifest, sequence, site_file};
pub use rules::{RULES_WITHOUT_EXAMPLE, rules};
pub use steps::steps;
