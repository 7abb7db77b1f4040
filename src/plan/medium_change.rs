//! Planned change of one target with where it comes from, for reports over many manifests.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Action, PlannedChange, Reason};
use crate::content::{Content, Source};
use crate::output::Output;
use crate::paths::normalized;
use crate::target::Target;
use crate::volume::Node;

/// Planned change of a target, with what reports over many manifests need beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediumChange {
    /// Path of the output: that of the manifest's folder, joined with its name.
    pub path: Utf8PathBuf,
    /// Planned change, with the manifest and site.
    pub change: PlannedChange,
    /// Sources of changed content entries, by title.
    pub sources: BTreeMap<String, Utf8PathBuf>,
}

impl MediumChange {
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
        let kind = new.or(old).and_then(|output| described(output, "kind")).map_or(change.kind.clone(), str::to_owned);
        let change = PlannedChange { manifest: manifest.to_owned(), site, kind, ..change };
        Self { path, change, sources }
    }

    /// Notes that the output had another name, relative to the folder of the manifest.
    #[must_use]
    pub fn renamed_from(mut self, name: &str) -> Self {
        if self.change.action == Action::Keep {
            self.change.action = Action::Rename;
        }
        self.change.renamed_from = Some(normalized(&self.change.manifest.with_file_name(name)));
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
