//! A manifest for one site: its values, and where each of them was written.

use std::sync::Arc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::library::TakenEntry;
use super::model::Manifest;
use super::profile::{self, Folders};
use super::rules::lowered::{self, Lowered};
use super::site_data::SiteFile;
use crate::output::TemplateValue;
use crate::problem::{Place, Problem, Problems};
use crate::sequence::Sequence;
use authoring::spanned::Spans;

/// A manifest for one site, rendered and typed.
#[derive(Debug, Clone)]
pub struct Rendered<M = Manifest> {
    /// The manifest; all its strings are rendered.
    pub manifest: M,
    /// The code of the site it is rendered for; none if the manifest has no sites.
    pub site: Option<String>,
    /// The path of the manifest file as it was given.
    pub path: Utf8PathBuf,
    pub(super) value: serde_json::Value,
    pub(super) values: Vec<TemplateValue>,
    pub(super) spans: Spans,
    pub(super) folders: Arc<Folders>,
    pub(super) inventory: Arc<Vec<Listed>>,
    pub(super) sequence: Option<Arc<Sequence>>,
    pub(super) taken: Vec<TakenEntry>,
    pub(super) site_file: Option<Arc<SiteFile>>,
    pub(super) supplied: Vec<String>,
    pub(super) lowered: Lowered,
}

/// A site of the manifest, whether the medium is made for it or not: what others have to know of it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its code; none if that came to nothing.
    pub code: Option<String>,
    /// `true` for a primary site.
    pub is_primary: bool,
    /// The path of its root authority's certificate, relative to the file that it is written in, and where it is written.
    pub root_ca: Option<(String, Place)>,
    /// Where the site is written.
    pub place: Place,
}

impl<M> Rendered<M> {
    /// All sites of the manifest, those that the command line leaves out too.
    pub fn inventory(&self) -> &[Listed] {
        &self.inventory
    }

    /// A path that was written at a place, relative to the file in which it was written.
    pub fn path_from(&self, place: &Place, path: &str) -> Utf8PathBuf {
        match self.folders.get(&place.source) {
            Some(folder) => folder.join(path),
            None => profile::folder(&self.path).join(path),
        }
    }

    /// Returns whether a place is in the manifest, its profiles or its values, and not in a task sequence.
    pub fn is_own(&self, place: &Place) -> bool {
        self.folders.contains_key(&place.source)
    }

    /// Whether the author, or a profile, wrote something at a JSON pointer.
    pub fn is_written(&self, pointer: &str) -> bool {
        self.spans.has(pointer)
    }

    /// Where the value at a JSON pointer (`/package/0/source`) was written: in the manifest or in a profile.
    /// A value that nobody wrote (a default) is placed at the nearest table that was.
    pub fn place(&self, pointer: &str) -> Place {
        let spot = self.spans.nearest(pointer).or_else(|| self.spans.nearest(""));
        spot.map(|spot| spot.value.clone()).unwrap_or_else(|| unreachable!("a tree has a root"))
    }

    /// A path that the author wrote at a JSON pointer, relative to the file in which it was written.
    pub fn path_at(&self, pointer: &str, path: &str) -> Utf8PathBuf {
        self.path_from(&self.place(pointer), path)
    }

    /// The task sequence that it names, rendered for this site.
    pub fn sequence(&self) -> Option<&Sequence> {
        self.sequence.as_deref()
    }

    /// Returns the entries that it takes from libraries, in the order in which its task sequence needs them.
    pub fn taken(&self) -> &[TakenEntry] {
        &self.taken
    }

    /// Returns the site file of its site, and the names of the keys that it supplies.
    pub fn site_file(&self) -> Option<(&SiteFile, &[String])> {
        Some((self.site_file.as_deref()?, &self.supplied))
    }

    /// Adds what was found out of its files, as loud as `media.rules` has it.
    pub fn add_lowered(&self, problem: Problem, problems: &mut Problems) {
        match problem.rule.and_then(|rule| self.lowered.get(&rule)) {
            Some(_) => {
                let (lowered, is_said) = lowered::lower(problem, &self.lowered);
                problems.add_lowered(lowered, is_said);
            }
            None => problems.add(problem),
        }
    }

    /// The whole manifest as it is for this site: laid over its profiles, rendered, with this site alone.
    pub fn value(&self) -> &serde_json::Value {
        &self.value
    }

    /// The template values that it was rendered with, by name: those that count for this site.
    pub fn values(&self) -> &[TemplateValue] {
        &self.values
    }

    /// Returns the whole manifest with the paths of libraries and their entries relative to the folder of the manifest.
    pub fn to_portable(&self) -> serde_json::Value {
        let mut value = self.value.clone();
        let n_files = value.pointer("/library/files").and_then(|files| files.as_array()).map_or(0, Vec::len);
        let files = (0..n_files).map(|index| format!("/library/files/{index}"));
        let keys = ["source", "source/medium", "file", "file/medium"];
        let of_entry = |entry: &TakenEntry| keys.map(|key| format!("{}/{key}", entry.pointer));
        for pointer in files.chain(self.taken.iter().flat_map(of_entry)) {
            let Some(serde_json::Value::String(path)) = value.pointer_mut(&pointer) else { continue };
            let from = self.path_at(&pointer, path);
            *path = relative(profile::folder(&self.path), &from).into();
        }
        value
    }

    /// The same as TOML; itself a manifest that gives the same medium, where paths of profiles in other folders
    /// do not stand in its way.
    pub fn to_toml(&self) -> String {
        // A rendered value has no null and no map keys but text, so it can always be written.
        toml::to_string_pretty(&self.to_portable()).unwrap_or_default()
    }
}

/// Returns a path relative to a folder, both relative to one place. The path itself if the way back is not known.
pub fn relative(folder: &Utf8Path, path: &Utf8Path) -> Utf8PathBuf {
    fn parts(path: &Utf8Path) -> Vec<Utf8Component<'_>> {
        let mut parts = Vec::new();
        for part in path.components().filter(|part| *part != Utf8Component::CurDir) {
            match (part, parts.last()) {
                (Utf8Component::ParentDir, Some(Utf8Component::Normal(_))) => drop(parts.pop()),
                _ => parts.push(part),
            }
        }
        parts
    }
    let (folder, parts) = (parts(folder), parts(path));
    let n_shared = folder.iter().zip(&parts).take_while(|(one, other)| one == other).count();
    let up = &folder[n_shared..];
    if path.is_absolute() || up.contains(&Utf8Component::ParentDir) {
        return path.to_owned();
    }
    up.iter().map(|_| Utf8Component::ParentDir).chain(parts[n_shared..].iter().copied()).collect()
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
