//! Decides what to do with each target, and why, without reading or writing anything.
//!
//! A target is kept if the finished file has the identity that the manifest asks for. Otherwise, a medium is patched if
//! it is the recorded one and enough of it can be kept, and rebuilt if not. The record supplies the reasons.

mod capture;
mod finished_file;
pub mod jobs;
mod medium;
mod medium_change;
mod reason;
pub mod saved;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::content::{Source, SourceKey};
use crate::digest::{Digest, Digests};
use crate::error::Result;
use crate::output::{DiscPart, Prompt, Sealed, SetDisc};
use crate::record::{Record, Recorded, RecordedMedium};
use crate::target::{self, Recipe, Target};
use crate::write::PatchEstimate;

pub use medium_change::{MediumChange, site};
pub use reason::{BootChange, EntryChange, FileChange, FileCount, FileStatus, Reason, SequenceChange, value_changes};

/// Planned changes of all targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One change per target, in the order of the manifest. Deletions come last.
    pub changes: Vec<PlannedChange>,
}

/// Planned change of one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedChange {
    /// Path of the manifest, as given; set by [`Plan::with_manifest`].
    pub manifest: Utf8PathBuf,
    /// Site that the target is made for, if any.
    pub site: Option<String>,
    /// Kind of the medium, or [`target::WIM`].
    pub kind: String,
    /// Name of the target, as in the manifest.
    pub name: String,
    /// Action to take.
    pub action: Action,
    /// Length of the output in bytes; the current one if it is kept or deleted.
    pub len: u64,
    /// Number of bytes to write.
    pub n_write: u64,
    /// Number of bytes that a patch keeps.
    pub n_keep: u64,
    /// Path of the finished medium that is renamed first. `None` if its path did not change.
    pub renamed_from: Option<Utf8PathBuf>,
    /// Reasons for the action; empty if the output is kept.
    pub reasons: Vec<Reason>,
    /// `true` if a file that tsmedia did not make has the name.
    pub in_the_way: bool,
    /// Position in a disc set. `None` for a single medium or a deletion.
    pub disc: Option<SetDisc>,
    /// Firmware under which it waits for a key press. `None` if it does not start as a disc, or is deleted.
    pub prompt: Option<Prompt>,
    /// Number of source bytes to capture. `None` if this is not a capture. The length of a captured file is not known
    /// beforehand, so `len` and `n_write` are 0.
    pub n_capture: Option<u64>,
    /// Content taken from libraries.
    pub taken: Vec<LibraryContent>,
    /// Contents of a medium to be created; `None` for any other action, a capture or a disc of a set.
    pub contents: Option<MediumSummary>,
}

/// Contents of a medium that does not exist yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediumSummary {
    /// Content entries in the order of the manifest, and the files of the medium itself.
    pub parts: Vec<DiscPart>,
    /// Name of the task sequence, and its number of steps.
    pub sequence: Option<(String, usize)>,
}

/// Content that a medium takes from a library.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryContent {
    /// Title of the entry, such as ``package `BER00021` ``.
    pub title: String,
    /// Steps and applications that require it.
    pub needed_by: String,
}

/// Action on a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Leave it alone: it is up to date.
    Keep,
    /// Create it: it does not exist.
    Create,
    /// Change the parts that are out of date.
    Patch,
    /// Rename it: only its path changed.
    Rename,
    /// Replace it as a whole.
    Rebuild,
    /// Delete it: the manifest no longer makes it.
    Delete,
}

impl Action {
    /// Name of the action.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Rename => "rename",
            Self::Rebuild => "rebuild",
            Self::Delete => "delete",
        }
    }
}

/// File that has the name of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ExistingFile {
    /// No file.
    Missing,
    /// Output made by tsmedia and, as far as can be told, not written to since.
    Medium {
        /// Identity of the output.
        id: Digest,
        /// Keyed digest of its secrets, if it has any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secrets: Option<Digest>,
        /// Length in bytes.
        len: u64,
    },
    /// Output made by tsmedia that was modified since.
    Touched {
        /// Length in bytes.
        len: u64,
    },
    /// Any other file.
    Foreign {
        /// Length in bytes.
        len: u64,
    },
}

impl ExistingFile {
    /// Returns `true` if it is the recorded target. The identity of a captured WIM file depends on the cache, so any
    /// will do.
    pub fn is_recorded(self, recorded: &Recorded) -> bool {
        match recorded {
            Recorded::Medium(medium) => matches!(self, Self::Medium { id, .. } if id == medium.id),
            Recorded::Capture(_) => matches!(self, Self::Medium { .. }),
        }
    }

    /// Length in bytes; 0 if it is missing.
    pub fn file_len(self) -> u64 {
        match self {
            Self::Missing => 0,
            Self::Medium { len, .. } | Self::Touched { len } | Self::Foreign { len } => len,
        }
    }
}

/// Authority to delete a recorded file that the manifest no longer makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The cache confirms that this manifest made it.
    Made,
    /// Only the record names it, and that may come from elsewhere.
    Unknown,
    /// It is outside of the manifest's folder, or reached through a link.
    Outside,
}

/// Inputs of a plan.
pub struct Inputs<'a> {
    /// Targets to plan.
    pub targets: &'a [Target],
    /// Names of further targets of the manifest that are left alone this time.
    pub others: &'a [String],
    /// Returns the known digests of sources.
    pub digests: &'a dyn Fn(&SourceKey) -> Option<Digests>,
    /// Record of the manifest.
    pub record: &'a Record,
    /// File that has the name of a planned or recorded target. A captured WIM file has the identity
    /// [`local_id`](crate::target::CaptureRequest::local_id) if the cache knows it, and the recorded one otherwise.
    pub existing: &'a dyn Fn(&str) -> ExistingFile,
    /// Authority to delete a recorded file that the manifest no longer makes.
    pub claim: &'a dyn Fn(&str) -> Claim,
    /// `true` if a patch of the output was interrupted. `existing` then describes the output after recovery.
    pub is_cut_off: &'a dyn Fn(&str) -> bool,
    /// Estimates the cost of a patch. `None` if patching is disabled.
    pub patching: Option<&'a PatchCost<'a>>,
}

/// Estimates the cost of patching the recorded medium into a new one.
pub type PatchCost<'a> = dyn Fn(&Target, Sealed, &RecordedMedium) -> Result<PatchEstimate> + 'a;

impl PlannedChange {
    /// Creates a change that writes nothing.
    pub fn new(name: &str, action: Action, len: u64, reasons: Vec<Reason>) -> Self {
        Self {
            manifest: Utf8PathBuf::new(),
            site: None,
            kind: String::new(),
            name: name.to_owned(),
            action,
            len,
            n_write: 0,
            n_keep: 0,
            renamed_from: None,
            reasons,
            in_the_way: false,
            disc: None,
            prompt: None,
            n_capture: None,
            taken: Vec::new(),
            contents: None,
        }
    }

    /// Path of the target, relative to the current folder.
    pub fn path(&self) -> Utf8PathBuf {
        self.manifest.with_file_name(&self.name)
    }
}

impl Plan {
    /// Returns `true` if every target is up to date.
    pub fn is_up_to_date(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::Keep)
    }

    /// Sets the manifest of all changes.
    pub fn with_manifest(mut self, manifest: &Utf8Path) -> Self {
        self.changes.iter_mut().for_each(|change| change.manifest = manifest.to_owned());
        self
    }

    /// Number of targets with this action.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// Total number of bytes to write.
    pub fn n_write(&self) -> u64 {
        self.changes.iter().map(|change| change.n_write).sum()
    }

    /// Total number of source bytes to capture. `None` if nothing is captured.
    pub fn n_capture(&self) -> Option<u64> {
        self.changes.iter().filter_map(|change| change.n_capture).reduce(|all, one| all + one)
    }
}

/// Plans all targets.
pub fn plan(inputs: &Inputs) -> Result<Plan> {
    let mut changes = Vec::new();
    for target in inputs.targets {
        let change = match &target.recipe {
            Recipe::Medium(output) => medium::change(inputs, target, output)?,
            Recipe::Capture(request) => capture::change(inputs, target, request),
        };
        let (site, kind) = (target.site().map(str::to_owned), target.kind().to_owned());
        changes.push(PlannedChange { site, kind, ..change });
    }
    let is_made =
        |name: &str| target::find(inputs.targets, name).is_some() || inputs.others.iter().any(|other| other == name);
    for recorded in inputs.record.targets().filter(|recorded| !is_made(recorded.name())) {
        let existing = (inputs.existing)(recorded.name());
        let reason = finished_file::unclaimed(existing, recorded, (inputs.claim)(recorded.name()));
        let in_the_way = reason != Reason::Unclaimed && reason != Reason::Gone;
        let change = PlannedChange::new(recorded.name(), Action::Delete, existing.file_len(), vec![reason]);
        let (site, kind) = (recorded.site().cloned(), recorded.kind().to_owned());
        changes.push(PlannedChange { in_the_way, site, kind, ..change });
    }
    Ok(Plan { changes })
}

/// Lists the sources whose digests are needed but not known. Only media need any, since captures go by sizes and times.
pub fn to_hash(inputs: &Inputs) -> Result<Vec<Arc<Source>>> {
    medium::to_hash(inputs)
}
