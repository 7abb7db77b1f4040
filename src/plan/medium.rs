//! Plans media.

use std::collections::HashMap;
use std::sync::Arc;

use super::{
    Action, ExistingFile, Inputs, LibraryContent, MediumSummary, PlannedChange, Reason, finished_file, reason,
};
use crate::content::{Content, Source, SourceKey};
use crate::digest::{Digest, Digests};
use crate::error::Result;
use crate::output::Output;
use crate::target::Target;
use crate::volume::{Folder, Node};
use crate::write::PatchEstimate;

/// Lists the sources whose digests are needed but not known. A medium that was never built is built whatever the
/// digests are, and a file whose length differs from the recorded one has changed in any case. All digests are needed
/// to estimate a patch, and some formats need them for the layout.
pub(super) fn to_hash(inputs: &Inputs) -> Result<Vec<Arc<Source>>> {
    let mut wanted: HashMap<SourceKey, Arc<Source>> = HashMap::new();
    for (target, output) in inputs.targets.iter().filter_map(|target| Some((target, target.medium()?))) {
        for source in output.sources_to_compare(inputs.digests) {
            wanted.insert(source.key(), source);
        }
        if inputs.record.medium(&target.name).is_none() || (inputs.existing)(&target.name) == ExistingFile::Missing {
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
        let recorded = inputs.record.files(&target.name)?;
        let lens: HashMap<_, _> = recorded.iter().map(|file| (file.path.as_str(), file.len)).collect();
        // An edited boot image is most of a bootable medium, and hardly any of its bytes are new.
        let new = unknown.iter().filter(|(_, source)| !source.is_assembled());
        let n_unknown: u64 = new.map(|(_, source)| source.len()).sum();
        let n_recorded = recorded.iter().fold(0u64, |all, file| all.saturating_add(file.len));
        let is_patched = is_patchable(inputs, target) && n_unknown < n_recorded / 2;
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

/// Returns `true` if the digest of a source below a folder is unknown. Usually none is, and this finds out without
/// building any path.
fn has_unknown(folder: &Folder, digests: &dyn Fn(&SourceKey) -> Option<Digests>) -> bool {
    folder.iter().any(|(_, node)| match node {
        Node::Folder(folder) => has_unknown(folder, digests),
        Node::File(Content::Source(source)) => digests(&source.key()).is_none(),
        Node::File(Content::Bytes(_)) => false,
    })
}

pub(super) fn change(inputs: &Inputs, target: &Target, output: &Output) -> Result<PlannedChange> {
    let existing = (inputs.existing)(&target.name);
    let wanted_id = output.id(&output.boot_images(inputs.digests)?, inputs.digests);
    let recorded = inputs.record.medium(&target.name);
    let is_cut_off = (inputs.is_cut_off)(&target.name);
    let change = |action, len, reasons| PlannedChange {
        disc: output.disc.clone(),
        prompt: output.prompt(),
        taken: library_content(output),
        ..PlannedChange::new(&target.name, action, len, reasons)
    };
    if let (ExistingFile::Medium { id, secrets, len }, Some(wanted)) = (existing, wanted_id) {
        let is_whole = match recorded.filter(|recorded| recorded.id == wanted) {
            Some(recorded) => recorded.len == len,
            None => output.draft(inputs.digests)?.len() == len,
        };
        let wanted_secrets = output.recorded_secrets().map(|secrets| secrets.digest);
        if id == wanted && secrets == wanted_secrets && is_whole {
            return Ok(match is_cut_off {
                true => PlannedChange { n_keep: len, ..change(Action::Patch, len, vec![Reason::CutOff]) },
                false => change(Action::Keep, len, Vec::new()),
            });
        }
    }
    let draft = output.draft(inputs.digests)?;
    let action = if existing == ExistingFile::Missing { Action::Create } else { Action::Rebuild };
    let mut change = PlannedChange {
        n_write: draft.n_write(),
        in_the_way: matches!(existing, ExistingFile::Foreign { .. }) && recorded.is_none(),
        ..change(action, draft.len(), reasons(inputs, target, output, wanted_id)?)
    };
    if action == Action::Create && output.disc.is_none() {
        let sequence = target.facts.sequence.as_ref();
        change.contents = Some(MediumSummary {
            parts: output.contents(),
            sequence: sequence.map(|sequence| (sequence.name.clone(), sequence.n_steps())),
        });
    }
    if is_cut_off {
        // The cost of the patch can only be estimated after recovery.
        change.action = Action::Patch;
        change.reasons.insert(0, Reason::CutOff);
        return Ok(change);
    }
    if let (Some(patching), Some(recorded)) = (inputs.patching, recorded.filter(|_| is_patchable(inputs, target))) {
        let patching = match wanted_id {
            Some(_) => patching(target, draft.seal_known(inputs.digests)?, recorded)?,
            // So many sources are new that they were not hashed just to estimate a patch.
            None => PatchEstimate::NotWorthwhile,
        };
        match patching {
            PatchEstimate::Worthwhile { n_write, n_keep } => {
                change.action = Action::Patch;
                (change.n_write, change.n_keep) = (n_write, n_keep);
            }
            PatchEstimate::NotWorthwhile => change.reasons.push(Reason::NoGain),
            PatchEstimate::Impossible => change.reasons.push(Reason::NotPatchable),
        }
    }
    Ok(change)
}

/// Content that a medium takes from libraries; for a disc of a set, only what is on that disc.
fn library_content(output: &Output) -> Vec<LibraryContent> {
    let is_here = |title: &str| match &output.disc {
        Some(disc) => disc.parts.iter().any(|part| part.title == title),
        None => true,
    };
    let taken =
        output.entries.iter().filter(|entry| is_here(&entry.title)).filter_map(|entry| {
            Some(LibraryContent { title: entry.title.clone(), needed_by: entry.needed_by.clone()? })
        });
    taken.collect()
}

/// Returns `true` if the finished file is the recorded one.
fn is_patchable(inputs: &Inputs, target: &Target) -> bool {
    let recorded = inputs.record.medium(&target.name);
    let is_recorded = |id: Digest, len: u64| recorded.is_some_and(|recorded| recorded.id == id && recorded.len == len);
    inputs.patching.is_some()
        && matches!((inputs.existing)(&target.name), ExistingFile::Medium { id, len, .. } if is_recorded(id, len))
}

fn reasons(inputs: &Inputs, target: &Target, output: &Output, id: Option<Digest>) -> Result<Vec<Reason>> {
    let existing = (inputs.existing)(&target.name);
    let Some(recorded) = inputs.record.medium(&target.name) else {
        return Ok(vec![finished_file::unrecorded(existing)]);
    };
    let mut reasons = Vec::new();
    reasons.extend(match existing {
        ExistingFile::Medium { id: found, .. } if found != recorded.id && Some(found) != id => {
            Some(Reason::OtherMedium)
        }
        _ => finished_file::since_recorded(existing, recorded.len),
    });
    reasons.extend(reason::secret_changes(recorded.secrets.as_ref(), output.recorded_secrets().as_ref(), existing));
    if id != Some(recorded.id) {
        let identity = output.identity(inputs.digests)?;
        let files = inputs.record.files(&target.name)?;
        reasons.extend(reason::differences(target, output, &identity, recorded, files));
    } else {
        reasons.extend(reason::values_beside_secrets(target, recorded, output.recorded_secrets().as_ref()));
    }
    reasons.extend(reason::files_with_secrets(&reasons, recorded, output.recorded_secrets().as_ref()));
    Ok(reasons)
}
