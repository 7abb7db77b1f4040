//! What to do, and why: decided from values alone.
//!
//! A target is kept when the finished file has the identity that the manifest asks for now. A medium that has not is
//! patched if it is the recorded one and much of it can stay; otherwise the record only says why it is built anew.

mod capture;
mod finished_file;
mod medium;
mod reason;
pub mod saved;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content::{Source, SourceKey};
use crate::digest::{Digest, Digests};
use crate::error::Result;
use crate::output::{Disc, Prompt, Sealed};
use crate::record::{Record, Recorded, RecordedFile, RecordedMedium};
use crate::target::{self, Recipe, Target};
use crate::write::Patching;

pub use reason::{BootChange, EntryChange, Fate, FileChange, Reason, Tally, value_changes};

/// What to do with each output, in the order of the manifest; those to be deleted last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One for each output.
    pub changes: Vec<Change>,
}

/// What to do with one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The output, as its author sees it.
    pub name: String,
    /// What to do.
    pub action: Action,
    /// How long the output will be, or is if it is kept or deleted.
    pub len: u64,
    /// How many bytes have to be written.
    pub n_write: u64,
    /// How many bytes of what is there stay in an output that is patched.
    pub n_keep: u64,
    /// Why; empty for an output that is kept.
    pub reasons: Vec<Reason>,
    /// Whether a file that tsmedia did not make bears the name.
    pub in_the_way: bool,
    /// Which disc of a set it is, and how that is filled; nothing for what is no disc of a set, or is to be deleted.
    pub disc: Option<Disc>,
    /// Firmware under which it waits for a key; `None` if it is not started as a disc, or is to be deleted.
    pub prompt: Option<Prompt>,
    /// How many bytes of sources are captured, if it is a WIM file that is made so. What they come to is not known
    /// before: `len` and `n_write` are 0 then.
    pub n_capture: Option<u64>,
    /// Content that it takes from libraries.
    pub taken: Vec<TakenContent>,
}

/// Content that a medium takes from a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenContent {
    /// The entry, such as ``package `BER00021` ``.
    pub title: String,
    /// Steps and applications that need it.
    pub needed_by: String,
}

/// What can be done with an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is what it should be.
    Keep,
    /// It is not there.
    Create,
    /// It is there, and a part of it other than it should be.
    Patch,
    /// It is there, and other than it should be.
    Rebuild,
    /// No manifest makes it any more.
    Delete,
}

impl Action {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Rebuild => "rebuild",
            Self::Delete => "delete",
        }
    }
}

/// What there is under the name of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Existing {
    /// Nothing.
    Missing,
    /// A medium that tsmedia made and nobody wrote to since, as far as can be told.
    Medium {
        /// Its identity.
        id: Digest,
        /// What is kept of its secrets, if it has any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secrets: Option<Digest>,
        /// Its length in bytes.
        len: u64,
    },
    /// A medium that tsmedia made, and somebody wrote to.
    Touched {
        /// Its length in bytes.
        len: u64,
    },
    /// Anything else.
    Foreign {
        /// Its length in bytes.
        len: u64,
    },
}

impl Existing {
    /// Returns whether it is the recorded target. The identity of a captured WIM file depends on who knows it.
    pub fn is_recorded(self, recorded: &Recorded) -> bool {
        match recorded {
            Recorded::Medium(medium) => matches!(self, Self::Medium { id, .. } if id == medium.id),
            Recorded::Capture(_) => matches!(self, Self::Medium { .. }),
        }
    }

    fn len(self) -> u64 {
        match self {
            Self::Missing => 0,
            Self::Medium { len, .. } | Self::Touched { len } | Self::Foreign { len } => len,
        }
    }
}

/// By which right a recorded file that no manifest makes any more is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The cache knows that this manifest made it.
    Made,
    /// The cache does not know it: only the record does, which may come from elsewhere.
    Unknown,
    /// It is outside of the manifest's folder, or reached over a link.
    Outside,
}

/// Everything that a plan is decided from.
pub struct Inputs<'a> {
    /// The targets to decide on.
    pub targets: &'a [Target],
    /// The names of targets that the manifest makes too and that are left alone this time.
    pub others: &'a [String],
    /// What is known of sources.
    pub digests: &'a dyn Fn(&SourceKey) -> Option<Digests>,
    /// What was built.
    pub record: &'a Record,
    /// What there is under a name: of `targets` and of what is recorded. The identity of a captured WIM file is
    /// [`id_here`](crate::target::CaptureRequest::id_here) where the cache knows it, and otherwise the recorded one.
    pub existing: &'a dyn Fn(&str) -> Existing,
    /// By which right what is recorded and not made any more is removed.
    pub claim: &'a dyn Fn(&str) -> Claim,
    /// Whether a patch of an output was cut off. Then `existing` is what it will be when that is finished or taken back.
    pub is_cut_off: &'a dyn Fn(&str) -> bool,
    /// What it would take to make a medium of the recorded one; nothing where nothing is to be patched.
    pub patching: Option<&'a PatchCost<'a>>,
}

/// Says what it would take to make a medium of the one that is there, of which these files are recorded.
pub type PatchCost<'a> = dyn Fn(&Target, Sealed, &RecordedMedium, &[RecordedFile]) -> Result<Patching> + 'a;

impl Change {
    /// A change of so many bytes that writes none of them.
    fn new(name: &str, action: Action, len: u64, reasons: Vec<Reason>) -> Self {
        Self {
            name: name.to_owned(),
            action,
            len,
            n_write: 0,
            n_keep: 0,
            reasons,
            in_the_way: false,
            disc: None,
            prompt: None,
            n_capture: None,
            taken: Vec::new(),
        }
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_all_keep(&self) -> bool {
        self.changes.iter().all(|change| change.action == Action::Keep)
    }

    /// How many outputs are to be treated so.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// How many bytes have to be written in all.
    pub fn n_write(&self) -> u64 {
        self.changes.iter().map(|change| change.n_write).sum()
    }

    /// How many bytes of sources have to be captured in all; nothing if nothing is.
    pub fn n_capture(&self) -> Option<u64> {
        self.changes.iter().filter_map(|change| change.n_capture).reduce(|all, one| all + one)
    }
}

/// Decides what to do.
pub fn plan(inputs: &Inputs) -> Result<Plan> {
    let mut changes = Vec::new();
    for target in inputs.targets {
        changes.push(match &target.recipe {
            Recipe::Medium(output) => medium::change(inputs, target, output)?,
            Recipe::Capture(request) => capture::change(inputs, target, request),
        });
    }
    let is_made =
        |name: &str| target::named(inputs.targets, name).is_some() || inputs.others.iter().any(|other| other == name);
    for recorded in inputs.record.targets().filter(|recorded| !is_made(recorded.name())) {
        let existing = (inputs.existing)(recorded.name());
        let reason = finished_file::unclaimed(existing, recorded, (inputs.claim)(recorded.name()));
        let in_the_way = reason != Reason::Unclaimed && reason != Reason::Gone;
        let change = Change::new(recorded.name(), Action::Delete, existing.len(), vec![reason]);
        changes.push(Change { in_the_way, ..change });
    }
    Ok(Plan { changes })
}

/// The sources whose digests decide something and are not known: of media only, as a capture is decided by sizes and
/// times.
pub fn to_hash(inputs: &Inputs) -> Result<Vec<Arc<Source>>> {
    medium::to_hash(inputs)
}
