//! Patching outputs, and what is left of patches that were cut off.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::File;

use camino::Utf8Path;

use super::{Built, Work, kept, path_of};
use crate::content::Stat;
use crate::error::{Error, Result};
use crate::layout::Region;
use crate::output::{self, Output, Sealed};
use crate::patch::Part;
use crate::progress::Progress;
use crate::record::{Record, Recorded, RecordedFile};
use crate::store::Store;
use crate::verify::verify;
use crate::write::{self, Journal, Old, Patching, Recovered};

/// Patches outputs. The one that the plan looked at last is known byte for byte, and most plans look at one only.
#[derive(Default)]
pub(super) struct Patcher {
    latest: RefCell<Option<(String, Sealed)>>,
}

impl Patcher {
    /// What it would take to make this of the output that is there, and is recorded so.
    pub(super) fn cost(
        &self,
        output: &Output,
        looked: Option<Stat>,
        sealed: Sealed,
        recorded: &Recorded,
        files: &[RecordedFile],
        work: &Work,
    ) -> Result<Patching> {
        let Some(old) = old(recorded, files, looked) else { return Ok(Patching::Impossible) };
        let patching = write::cost(&output.path, &old, &sealed, &work.means)?;
        *self.latest.borrow_mut() = Some((output.name.clone(), sealed));
        Ok(patching)
    }

    /// Makes an output of the one that is there and takes it into record and memo. The journal is to be settled when
    /// those are saved. Nothing if it can't be done any more.
    pub(super) fn patch(
        &self,
        output: &Output,
        looked: Option<Stat>,
        store: &mut Store,
        record: &mut Record,
        work: &Work,
        progress: &Progress,
    ) -> Result<Option<(Built, Option<Journal>)>> {
        let Some(recorded) = record.get(&output.name) else { return Ok(None) };
        let Some(old) = old(recorded, record.files(&output.name)?, looked) else { return Ok(None) };
        let sealed = match self.latest.take().filter(|(name, _)| *name == output.name) {
            Some((_, sealed)) => sealed,
            None => {
                let known = store.known(work.asked());
                output.draft(&known)?.seal_known(&known)?
            }
        };
        let new_key = || store.new_journal_key(&output.name);
        let patched = write::patch(&output.path, &old, &sealed, &work.means, &new_key, progress)?;
        let Some(patched) = patched else { return Ok(None) };
        record.put(output, &sealed);
        let (name, id, len) = (output.name.clone(), sealed.id, sealed.layout.len());
        store.remember_finished(&output.name, patched.stat, id, kept(output));
        Ok(Some((Built { name, id, len }, patched.journal)))
    }
}

/// What the record knows of an output; nothing if it can't be so. `looked` is what the file system said of the file
/// when it was found to be the recorded one.
fn old(recorded: &Recorded, files: &[RecordedFile], looked: Option<Stat>) -> Option<Old> {
    let part = |file: &RecordedFile| {
        let is_within = file.offset.checked_add(file.len).is_some_and(|end| end <= recorded.len);
        is_within.then_some(Part { region: Region { offset: file.offset, len: file.len }, blake3: file.blake3 })
    };
    let parts = files.iter().map(part).collect::<Option<_>>()?;
    Some(Old { id: recorded.id, len: recorded.len, stat: looked?, parts })
}

/// Finishes or takes back what a run that was cut off left of its patches, and says how many there were.
pub(super) fn recover(work: &Work, store: &mut Store, record: &Record, progress: &Progress) -> Result<usize> {
    let mut n_recovered = 0;
    let names = work.outputs.iter().map(|output| &output.name).chain(record.outputs().map(|recorded| &recorded.name));
    for name in names.collect::<BTreeSet<_>>() {
        let Some(path) = path_of(work, name) else { continue };
        let recovered = write::recover(&path, store.journal_key(name).as_ref(), &work.means.disk)?;
        let Some(Recovered { id, stat, is_doubtful }) = recovered else { continue };
        n_recovered += 1;
        if is_doubtful && !is_sound(&path, progress)? {
            // It is neither the old medium nor the new one, and the manifest makes it again.
            work.means.disk.remove(&path).map_err(|error| Error::io("removing", &path, error))?;
            continue;
        }
        // What a medium says of its secrets is on the medium, where one has any.
        let may_have_secrets = work.outputs.iter().any(|output| output.name == *name && output.veiled.is_some())
            || record.get(name).is_some_and(|recorded| recorded.secrets.is_some());
        match may_have_secrets {
            true => store.forget_finished(name),
            false => store.remember_finished(name, stat, id, None),
        }
    }
    Ok(n_recovered)
}

fn is_sound(path: &Utf8Path, progress: &Progress) -> Result<bool> {
    let mut file = File::open(path).map_err(|error| Error::io("opening", path, error))?;
    let verified = output::read(&mut file).and_then(|listing| verify(&mut file, &listing, progress));
    Ok(verified.is_ok_and(|verified| verified.faults.is_empty()))
}
