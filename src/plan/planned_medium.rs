//! Planned change of one target with where it comes from, for reports over many manifests.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{Action, PlannedChange, Reason};
use crate::content::{Content, Source};
use crate::output::Output;
use crate::target::Target;
use crate::volume::Node;

/// Planned change of a target, with its manifest and site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMedium {
    /// Path of the manifest, as given.
    pub manifest: Utf8PathBuf,
    /// Code of the site, if the manifest has sites.
    pub site: Option<String>,
    /// Path of the output: that of the manifest's folder, joined with its name.
    pub path: Utf8PathBuf,
    /// Planned change.
    pub change: PlannedChange,
    /// Earlier name, if the output was renamed.
    pub renamed_from: Option<String>,
    /// Sources of changed content entries, by title.
    pub sources: BTreeMap<String, Utf8PathBuf>,
}

impl PlannedMedium {
    /// Creates the planned change of a target. `outputs` are the medium as it was and as it will be, as far as known.
    pub fn new(manifest: &Utf8Path, outputs: [Option<&Output>; 2], change: PlannedChange) -> Self {
        let [old, new] = outputs;
        let site = new.or(old).map_or_else(|| change.site.clone(), |output| site(output).map(str::to_owned));
        let path = normalized(&manifest.with_file_name(&change.name));
        let sources = change.reasons.iter().filter_map(|reason| match reason {
            Reason::Entry(entry) => {
                let (title, path) = (entry.title.clone()?, entry.path.as_deref()?);
                let source = new.and_then(|new| source_of(new, path)).or_else(|| source_of(old?, path))?;
                Some((title, source))
            }
            _ => None,
        });
        let sources = sources.collect();
        let renamed_from = change.renamed_from.as_ref().map(ToString::to_string);
        let kind = new.or(old).and_then(|output| described(output, "kind")).map_or(change.kind.clone(), str::to_owned);
        let change = PlannedChange { manifest: manifest.to_owned(), site: site.clone(), kind, ..change };
        Self { manifest: manifest.to_owned(), site, path, sources, change, renamed_from }
    }

    /// Notes that the output had another name, relative to the folder of the manifest.
    #[must_use]
    pub fn renamed_from(mut self, name: &str) -> Self {
        let old = normalized(&self.manifest.with_file_name(name));
        if self.change.action == Action::Keep {
            self.change.action = Action::Rename;
        }
        self.change.renamed_from = Some(old.clone());
        self.renamed_from = Some(old.into_string());
        self
    }

    /// Creates the planned change of a target as it will be.
    pub fn of_target(manifest: &Utf8Path, target: Option<&Target>, change: PlannedChange) -> Self {
        Self::new(manifest, [None, target.and_then(Target::medium)], change)
    }
}

/// Returns the code of the site that a medium is for.
pub fn site(output: &Output) -> Option<&str> {
    described(output, "site")
}

/// Returns a value of a medium's description.
fn described<'a>(output: &'a Output, key: &str) -> Option<&'a str> {
    output.description.iter().find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
}

/// Returns the source of a content entry with a path on the medium: the part of a file's path in which it differs from
/// the path on the medium.
fn source_of(output: &Output, entry: &str) -> Option<Utf8PathBuf> {
    let (file, within) = match output.root.get(entry)? {
        Node::File(content) => (content, Utf8PathBuf::new()),
        Node::Folder(folder) => {
            let (within, content) = folder.files().into_iter().next()?;
            (content, Utf8PathBuf::from(within))
        }
    };
    let Content::Source(source) = file else { return None };
    // The path of an assembled source is only a description.
    let Source::File(file) = &**source else { return None };
    let path = normalized(&file.path);
    let n_within = within.components().count();
    let n_above = path.components().count().checked_sub(n_within)?;
    let is_placed_alike = path.ends_with(&within);
    Some(if n_within > 0 && is_placed_alike { path.components().take(n_above).collect() } else { path })
}

/// Removes `.` and `..` from a path, by its text.
pub fn normalized(path: &Utf8Path) -> Utf8PathBuf {
    let mut parts = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if matches!(parts.components().next_back(), Some(Utf8Component::Normal(_))) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalized_by_their_text() {
        for (path, expected) in [
            ("media/a/../../packages/vpn", "packages/vpn"),
            ("./a/./b", "a/b"),
            ("../a", "../a"),
            ("/a/../b", "/b"),
            ("a/..", ""),
        ] {
            assert_eq!(normalized(path.into()), expected);
        }
    }
}
