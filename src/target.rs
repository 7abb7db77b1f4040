//! Targets: files that manifests build, each with its recipe.
//!
//! `resolve` returns targets; plan, apply, record, report and watch work on them. Differences
//! between kinds of targets are in their [`Recipe`].

mod capture;
mod snapshot;

use std::sync::Arc;

use camino::Utf8PathBuf;

use crate::output::{Output, TemplateValue};
use crate::sequence::Sequence;

pub use capture::{CaptureRequest, CaptureSource, ExclusionList};
pub use snapshot::SourceSnapshot;

/// Kind of a captured WIM file. Media have the kind of their manifest.
pub const WIM: &str = "wim";

/// A file to build.
#[derive(Clone, Debug)]
pub struct Target {
    /// Path of the file.
    pub path: Utf8PathBuf,
    /// Path as written: relative to the manifest, or absolute. Used in records and messages.
    pub name: String,
    /// Template values that it depends on, by name. They only document the target; its contents are
    /// what counts.
    pub values: Vec<TemplateValue>,
    /// Recipe for building it.
    pub recipe: Recipe,
    /// Facts for reports.
    pub facts: TargetFacts,
}

/// Facts about a target for reports; its bytes don't depend on them.
#[derive(Clone, Debug, Default)]
pub struct TargetFacts {
    /// Task sequence of a medium.
    pub sequence: Option<Arc<Sequence>>,
    /// Certificates, and the medium itself if it expires.
    pub expiries: Vec<Expiry>,
}

/// Date until which a certificate or a medium is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Noun phrase, such as ``the certificate in `certs/ber.pfx` ``.
    pub what: String,
    /// Last second, since 1970.
    pub until: u64,
}

/// Recipe for a target.
#[derive(Clone, Debug)]
pub enum Recipe {
    /// A medium, laid out and written by tsmedia.
    Medium(Box<Output>),
    /// A WIM file captured from folders, volumes or disks.
    Capture(Box<CaptureRequest>),
}

impl Target {
    /// Returns the medium; `None` for a capture.
    pub fn medium(&self) -> Option<&Output> {
        match &self.recipe {
            Recipe::Medium(output) => Some(output),
            Recipe::Capture(_) => None,
        }
    }

    /// Returns the capture; `None` for a medium.
    pub fn capture(&self) -> Option<&CaptureRequest> {
        match &self.recipe {
            Recipe::Medium(_) => None,
            Recipe::Capture(request) => Some(request),
        }
    }

    /// Site that it is made for, if any.
    pub fn site(&self) -> Option<&str> {
        match &self.recipe {
            Recipe::Medium(output) => output.described("site"),
            Recipe::Capture(request) => request.description.get("site").map(String::as_str),
        }
    }

    /// Kind of the medium, or [`WIM`].
    pub fn kind(&self) -> &str {
        self.medium().map_or(WIM, |output| output.described("kind").unwrap_or_default())
    }

    /// Returns `true` for a capture.
    pub fn is_capture(&self) -> bool {
        self.capture().is_some()
    }
}

/// Finds a target by name.
pub fn find<'a>(targets: &'a [Target], name: &str) -> Option<&'a Target> {
    targets.iter().find(|target| target.name == name)
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::{Recipe, Target, TargetFacts};
    use crate::output::fixtures::MediumFixture;

    /// Medium target for tests.
    pub(crate) fn target(fixture: &MediumFixture) -> Target {
        let recipe = Recipe::Medium(Box::new(fixture.output()));
        Target {
            path: fixture.path(),
            name: "out/medium.iso".into(),
            values: Vec::new(),
            recipe,
            facts: TargetFacts::default(),
        }
    }
}
