//! A manifest rendered for one site, with the places of its values.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::library::TakenEntry;
use super::model::Manifest;
use super::profile::{self, SourceFolders};
use super::rules::accepted::{self, AcceptedRules};
use super::rules::lowered::{self, LoweredRules};
use super::site_data::SiteFile;
use crate::output::TemplateValue;
use crate::paths;
use crate::problem::{Place, Problem, Problems};
use crate::sequence::Sequence;
use authoring::spanned::Spans;

/// A manifest rendered for one site.
#[derive(Debug, Clone)]
pub struct Rendered<M = Manifest> {
    /// The manifest; all strings are rendered.
    pub manifest: M,
    /// Code of the site; `None` if the manifest has no sites.
    pub site: Option<String>,
    /// Path of the manifest file, as given.
    pub path: Utf8PathBuf,
    pub(super) value: serde_json::Value,
    pub(super) values: Vec<TemplateValue>,
    pub(super) spans: Spans,
    pub(super) folders: Arc<SourceFolders>,
    pub(super) inventory: Arc<Vec<SiteSummary>>,
    pub(super) sequence: Option<Arc<Sequence>>,
    pub(super) taken: Vec<TakenEntry>,
    pub(super) site_file: Option<Arc<SiteFile>>,
    pub(super) supplied: Vec<String>,
    pub(super) lowered: LoweredRules,
    pub(super) accepted: AcceptedRules,
}

/// A site of the manifest, selected or not, as checks of other sites need it.
#[derive(Debug, Clone)]
pub struct SiteSummary {
    /// Site code; `None` if it could not be rendered.
    pub code: Option<String>,
    /// The site is a primary site.
    pub is_primary: bool,
    /// Path of the root certificate, relative to the file that contains it, or PEM text; with its
    /// place.
    pub root_ca: Option<(String, Place)>,
    /// Place of the site.
    pub place: Place,
}

impl<M> Rendered<M> {
    /// Returns all sites of the manifest, including those not selected on the command line.
    pub fn all_sites(&self) -> &[SiteSummary] {
        &self.inventory
    }

    /// Resolves a path relative to the file that a place is in.
    pub fn path_from(&self, place: &Place, path: &str) -> Utf8PathBuf {
        match self.folders.get(&place.source) {
            Some(folder) => folder.join(path),
            None => profile::parent_folder(&self.path).join(path),
        }
    }

    /// Returns `true` if a place is in the manifest, its profiles or its template values, rather
    /// than in a task sequence.
    pub fn is_in_manifest(&self, place: &Place) -> bool {
        self.folders.contains_key(&place.source)
    }

    /// Returns `true` if the value at a JSON pointer was set, by the manifest or by a profile.
    pub fn is_written(&self, pointer: &str) -> bool {
        self.spans.has(pointer)
    }

    /// Returns the place of the value at a JSON pointer (such as `/package/0/source`). For
    /// defaults, it is that of the nearest enclosing table that was written.
    pub fn place(&self, pointer: &str) -> Place {
        let spot = self.spans.nearest(pointer).or_else(|| self.spans.nearest(""));
        spot.map(|spot| spot.value.clone()).unwrap_or_else(|| unreachable!("a tree has a root"))
    }

    /// Resolves a path written at a JSON pointer, relative to the file that it was written in.
    pub fn path_at(&self, pointer: &str, path: &str) -> Utf8PathBuf {
        self.path_from(&self.place(pointer), path)
    }

    /// Returns the task sequence, rendered for this site.
    pub fn sequence(&self) -> Option<&Sequence> {
        self.sequence.as_deref()
    }

    /// Returns the task sequence with a reference count.
    pub fn shared_sequence(&self) -> Option<Arc<Sequence>> {
        self.sequence.clone()
    }

    /// Returns the entries taken from libraries, in the order in which the task sequence needs
    /// them.
    pub fn library_entries(&self) -> &[TakenEntry] {
        &self.taken
    }

    /// Returns the site file, and the names of the keys that it supplies.
    pub fn site_file(&self) -> Option<(&SiteFile, &[String])> {
        Some((self.site_file.as_deref()?, &self.supplied))
    }

    /// Adds a problem, with its severity lowered as `media.rules` says.
    pub fn add_lowered(&self, problem: Problem, problems: &mut Problems) {
        match problem.rule.and_then(|rule| self.lowered.get(&rule)) {
            Some(_) => {
                let (lowered, is_said) = lowered::lower(problem, &self.lowered);
                problems.add_lowered(lowered, is_said);
            }
            None => problems.add(problem),
        }
    }

    /// Hides the problems added since `mark` whose rules the manifest accepts. They are counted.
    pub fn hide_accepted(&self, mark: usize, problems: &mut Problems) {
        for problem in problems.take_since(mark) {
            match problem.rule.is_some_and(|rule| self.accepted.contains_key(&rule)) {
                true => problems.add_lowered(problem, false),
                false => problems.add(problem),
            }
        }
    }

    /// Returns the whole rendered manifest: profiles merged, and with this site only.
    pub fn value(&self) -> &serde_json::Value {
        &self.value
    }

    /// Returns the template values that the manifest depends on, by name.
    pub fn values(&self) -> &[TemplateValue] {
        &self.values
    }

    /// Returns the same with another manifest.
    pub(super) fn with<N>(self, manifest: N) -> Rendered<N> {
        let Self { site, path, value, values, spans, folders, inventory, sequence, .. } = self;
        let Self { taken, site_file, supplied, lowered, accepted, .. } = self;
        Rendered {
            manifest,
            site,
            path,
            value,
            values,
            spans,
            folders,
            inventory,
            sequence,
            taken,
            site_file,
            supplied,
            lowered,
            accepted,
        }
    }
}

/// Adds a note for each accepted rule that nothing breaks at any site. `mark` is that of the
/// lowerings before the manifest was resolved.
pub fn note_unraised_rules<M>(rendered: &[Rendered<M>], mark: usize, problems: &mut Problems) {
    for (rule, first) in rendered.first().iter().flat_map(|first| &first.accepted) {
        let is_raised = |one: &Rendered<M>| one.accepted.get(rule).is_none_or(|accepted| accepted.is_raised);
        if !rendered.iter().any(is_raised) && !problems.lowerings.is_silenced_since(mark, *rule) {
            problems.add(accepted::unraised(*rule, &first.place));
        }
    }
}

/// Returns a path relative to a folder, both relative to the same folder. Returns the path itself
/// if it is absolute, or the way up is unknown.
pub fn relative(folder: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    let way = if path.is_absolute() { None } else { paths::relative(folder, path) };
    way.unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_from_the_folder_of_the_manifest() {
        let relative = |folder: &str, path: &str| relative(folder.into(), path.into()).into_string();
        assert_eq!(relative("", "shared/packages/vpn"), "shared/packages/vpn");
        assert_eq!(relative("media", "media/../shared/vpn"), "../shared/vpn");
        assert_eq!(relative("a/b", "a/packages/vpn"), "../packages/vpn");
        assert_eq!(relative(".", "./vpn"), "vpn");
        assert_eq!(relative("media", "/srv/vpn"), "/srv/vpn");
        assert_eq!(relative("/srv/media", "/srv/shared/vpn"), "/srv/shared/vpn");
    }
}
