//! What to do, and why: decided from values alone.
//!
//! An output is kept when the finished file has the identity that the manifest asks for now. One that has not is
//! patched if it is the recorded one and much of it can stay; otherwise the record only says why it is built anew.

pub mod capture;
mod reason;
pub mod saved;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content::{Content, Source, SourceKey};
use crate::digest::{Digest, Digests};
use crate::error::Result;
use crate::output::{Disc, Output, Prompt, Sealed};
use crate::record::{Record, Recorded, RecordedFile};
use crate::volume::{Folder, Node};
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
    /// The outputs to decide on.
    pub outputs: &'a [Output],
    /// The names of outputs that the manifest makes too and that are left alone this time.
    pub others: &'a [String],
    /// What is known of sources.
    pub digests: &'a dyn Fn(&SourceKey) -> Option<Digests>,
    /// What was built.
    pub record: &'a Record,
    /// What there is under a name: of `outputs` and of what is recorded.
    pub existing: &'a dyn Fn(&str) -> Existing,
    /// By which right what is recorded and not made any more is removed.
    pub claim: &'a dyn Fn(&str) -> Claim,
    /// Whether a patch of an output was cut off. Then `existing` is what it will be when that is finished or taken back.
    pub is_cut_off: &'a dyn Fn(&str) -> bool,
    /// What it would take to make an output of the recorded one; nothing where nothing is to be patched.
    pub patching: Option<&'a PatchCost<'a>>,
}

/// Says what it would take to make an output of the one that is there, of which these files are recorded.
pub type PatchCost<'a> = dyn Fn(&Output, Sealed, &Recorded, &[RecordedFile]) -> Result<Patching> + 'a;

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
    for output in inputs.outputs {
        changes.push(change(inputs, output)?);
    }
    let is_made = |name: &str| {
        inputs.outputs.iter().any(|output| output.name == name) || inputs.others.iter().any(|other| other == name)
    };
    for recorded in inputs.record.outputs().filter(|recorded| !is_made(&recorded.name)) {
        let existing = (inputs.existing)(&recorded.name);
        let is_recorded = matches!(existing, Existing::Medium { id, .. } if id == recorded.id);
        let reason = unclaimed(existing, is_recorded, (inputs.claim)(&recorded.name));
        changes.push(Change {
            name: recorded.name.clone(),
            action: Action::Delete,
            len: existing.len(),
            n_write: 0,
            n_keep: 0,
            in_the_way: reason != Reason::Unclaimed && reason != Reason::Gone,
            reasons: vec![reason],
            disc: None,
            prompt: None,
            n_capture: None,
        });
    }
    Ok(Plan { changes })
}

/// Why what is recorded and not made any more is removed, or left alone.
fn unclaimed(existing: Existing, is_recorded: bool, claim: Claim) -> Reason {
    match (claim, existing) {
        (Claim::Outside, _) => Reason::Outside,
        (_, Existing::Missing) => Reason::Gone,
        (Claim::Made, _) if is_recorded => Reason::Unclaimed,
        (Claim::Unknown, _) if is_recorded => Reason::NotMadeHere,
        _ => Reason::NotOurs,
    }
}

/// The sources whose digests decide something and are not known. An output that was never built is built whatever
/// they are, and a file whose length is not the recorded one has changed; but what is to be patched is known first,
/// and so is what can't be laid out otherwise.
pub fn to_hash(inputs: &Inputs) -> Result<Vec<Arc<Source>>> {
    let mut wanted: HashMap<SourceKey, Arc<Source>> = HashMap::new();
    for output in inputs.outputs {
        for source in output.to_tell_apart(inputs.digests) {
            wanted.insert(source.key(), source);
        }
        if inputs.record.get(&output.name).is_none() || (inputs.existing)(&output.name) == Existing::Missing {
            continue;
        }
        if !has_unknown(&output.root, inputs.digests) {
            continue;
        }
        let unknown: Vec<_> = output
            .root
            .files()
            .into_iter()
            .filter_map(|(path, content)| match content {
                Content::Source(source) if (inputs.digests)(&source.key()).is_none() => Some((path, source)),
                _ => None,
            })
            .collect();
        let recorded = inputs.record.files(&output.name)?;
        let lens: HashMap<_, _> = recorded.iter().map(|file| (file.path.as_str(), file.len)).collect();
        let n_unknown: u64 = unknown.iter().map(|(_, source)| source.len()).sum();
        let n_recorded = recorded.iter().fold(0u64, |all, file| all.saturating_add(file.len));
        let is_patched = is_patchable(inputs, output) && n_unknown < n_recorded / 2;
        for (path, source) in unknown {
            if is_patched || lens.get(path.as_str()) == Some(&source.len()) {
                wanted.insert(source.key(), Arc::clone(source));
            }
        }
    }
    let mut wanted: Vec<_> = wanted.into_values().collect();
    wanted.sort_by(|a, b| (a.path(), a.key()).cmp(&(b.path(), b.key())));
    Ok(wanted)
}

/// Whether a source below a folder has no known digest. In most runs none has, and no path need be made to see it.
fn has_unknown(folder: &Folder, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> bool {
    folder.iter().any(|(_, node)| match node {
        Node::Folder(folder) => has_unknown(folder, digests),
        Node::File(Content::Source(source)) => digests(&source.key()).is_none(),
        Node::File(Content::Bytes(_)) => false,
    })
}

fn change(inputs: &Inputs, output: &Output) -> Result<Change> {
    let existing = (inputs.existing)(&output.name);
    let wanted_id = output.id(&output.boot_images(inputs.digests)?, inputs.digests);
    let recorded = inputs.record.get(&output.name);
    let wanted_secrets = output.kept_secrets();
    let wanted_digest = wanted_secrets.as_ref().map(|secrets| secrets.digest);
    if let (Existing::Medium { id, secrets, len }, Some(wanted)) = (existing, wanted_id) {
        let is_whole = match recorded.filter(|recorded| recorded.id == wanted) {
            Some(recorded) => recorded.len == len,
            None => output.draft(inputs.digests)?.len() == len,
        };
        if id == wanted && secrets == wanted_digest && is_whole {
            let (name, disc) = (output.name.clone(), output.disc.clone());
            let (action, n_keep, reasons) = match (inputs.is_cut_off)(&name) {
                true => (Action::Patch, len, vec![Reason::CutOff]),
                false => (Action::Keep, 0, Vec::new()),
            };
            return Ok(Change {
                name,
                action,
                len,
                n_write: 0,
                n_keep,
                reasons,
                in_the_way: false,
                disc,
                prompt: output.prompt(),
                n_capture: None,
            });
        }
    }
    let draft = output.draft(inputs.digests)?;
    let mut change = Change {
        name: output.name.clone(),
        action: if existing == Existing::Missing { Action::Create } else { Action::Rebuild },
        len: draft.len(),
        n_write: draft.n_write(),
        n_keep: 0,
        reasons: reasons(inputs, output, wanted_id, existing)?,
        in_the_way: matches!(existing, Existing::Foreign { .. }) && recorded.is_none(),
        disc: output.disc.clone(),
        prompt: output.prompt(),
        n_capture: None,
    };
    if (inputs.is_cut_off)(&output.name) {
        // What it takes is found out when the file is there again.
        change.action = Action::Patch;
        change.reasons.insert(0, Reason::CutOff);
        return Ok(change);
    }
    if let (Some(patching), Some(recorded)) = (inputs.patching, recorded.filter(|_| is_patchable(inputs, output))) {
        let patching = match wanted_id {
            Some(_) => {
                let files = inputs.record.files(&output.name)?;
                patching(output, draft.seal_known(inputs.digests)?, recorded, files)?
            }
            // So much is new that nobody read it to find out what a patch would take.
            None => Patching::NotWorthwhile,
        };
        match patching {
            Patching::Worthwhile { n_write, n_keep } => {
                change.action = Action::Patch;
                (change.n_write, change.n_keep) = (n_write, n_keep);
            }
            Patching::NotWorthwhile => change.reasons.push(Reason::NoGain),
            Patching::Impossible => change.reasons.push(Reason::NotPatchable),
        }
    }
    Ok(change)
}

/// Whether what is there is what is recorded, so that it is known where everything is in it.
fn is_patchable(inputs: &Inputs, output: &Output) -> bool {
    let recorded = inputs.record.get(&output.name);
    let is_recorded = |id: Digest, len: u64| recorded.is_some_and(|recorded| recorded.id == id && recorded.len == len);
    inputs.patching.is_some()
        && matches!((inputs.existing)(&output.name), Existing::Medium { id, len, .. } if is_recorded(id, len))
}

fn reasons(inputs: &Inputs, output: &Output, id: Option<Digest>, existing: Existing) -> Result<Vec<Reason>> {
    let Some(recorded) = inputs.record.get(&output.name) else {
        return Ok(vec![match existing {
            Existing::Missing => Reason::New,
            Existing::Foreign { .. } => Reason::NotOurs,
            _ => Reason::NotRecorded,
        }]);
    };
    let mut reasons = Vec::new();
    match existing {
        Existing::Missing => reasons.push(Reason::Gone),
        Existing::Touched { len } if len == recorded.len => reasons.push(Reason::Touched),
        Existing::Touched { len } => reasons.push(Reason::Length { recorded: recorded.len, found: len }),
        Existing::Foreign { .. } => reasons.push(Reason::NotOurs),
        Existing::Medium { id: found, .. } if found != recorded.id && Some(found) != id => {
            reasons.push(Reason::OtherMedium);
        }
        Existing::Medium { len, .. } if len != recorded.len => {
            reasons.push(Reason::Length { recorded: recorded.len, found: len });
        }
        Existing::Medium { .. } => {}
    }
    reasons.extend(reason::secret_changes(recorded.secrets.as_ref(), output.kept_secrets().as_ref(), existing));
    if id != Some(recorded.id) {
        let identity = output.identity(inputs.digests)?;
        let files = inputs.record.files(&output.name)?;
        reasons.extend(reason::differences(output, &identity, recorded, files));
    }
    Ok(reasons)
}
