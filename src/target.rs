//! One file that a manifest makes, and the recipe that it is made by.
//!
//! `resolve` returns targets; plan, apply, record, report and watch work on them. What one kind of target does
//! differently from the other is in its [`Recipe`].

mod capture;
mod snapshot;

use camino::Utf8PathBuf;

use crate::output::{Output, TemplateValue};

pub use capture::{CaptureRequest, CaptureSource, ExclusionList};
pub use snapshot::SourceSnapshot;

/// One file to make.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where it is put.
    pub path: Utf8PathBuf,
    /// The same path as its author wrote it: relative to the manifest, or absolute. Records and messages use it.
    pub name: String,
    /// The template values that it is made with, by name. They decide nothing themselves: what they went into does.
    pub values: Vec<TemplateValue>,
    /// How it is made.
    pub recipe: Recipe,
}

/// How a target is made.
#[derive(Clone, Debug)]
pub enum Recipe {
    /// A medium, laid out and written by us.
    Medium(Box<Output>),
    /// A WIM file captured from folders, volumes or disks.
    Capture(Box<CaptureRequest>),
}

impl Target {
    /// The medium, if it is one.
    pub fn medium(&self) -> Option<&Output> {
        match &self.recipe {
            Recipe::Medium(output) => Some(output),
            Recipe::Capture(_) => None,
        }
    }

    /// The capture, if it is one.
    pub fn capture(&self) -> Option<&CaptureRequest> {
        match &self.recipe {
            Recipe::Medium(_) => None,
            Recipe::Capture(request) => Some(request),
        }
    }

    /// `true` if it is a WIM file that is captured.
    pub fn is_capture(&self) -> bool {
        self.capture().is_some()
    }
}

/// The target with this name.
pub fn named<'a>(targets: &'a [Target], name: &str) -> Option<&'a Target> {
    targets.iter().find(|target| target.name == name)
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::{Recipe, Target};
    use crate::output::fixtures::MediumFixture;

    /// The medium of a desk.
    pub(crate) fn target(fixture: &MediumFixture) -> Target {
        let recipe = Recipe::Medium(Box::new(fixture.output()));
        Target { path: fixture.path(), name: "out/medium.iso".into(), values: Vec::new(), recipe }
    }
}
