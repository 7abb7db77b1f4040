//! Patches media, and recovers interrupted patches.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;

use camino::Utf8Path;

use super::medium::kept;
use super::{ApplyContext, ApplyRun, path_of};
use crate::content::Stat;
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::output::{self, ListedFile, Output, Sealed, lists};
use crate::patch::PlacedPart;
use crate::progress::Progress;
use crate::record::{Record, RecordedMedium};
use crate::store::Store;
use crate::target::{self, Target};
use crate::verify::verify;
use crate::write::{self, Journal, OldOutput, PatchEstimate, Recovered, open};

/// Estimates and applies patches. Keeps the last sealed medium, since most plans patch only one.
#[derive(Default)]
pub(super) struct Patcher {
    latest: RefCell<Option<(String, Sealed)>>,
}

impl Patcher {
    /// Estimates the cost of patching the recorded medium, which is at `path` until it is renamed.
    pub(super) fn cost(
        &self,
        (target, path): (&Target, &Utf8Path),
        looked: Option<Stat>,
        sealed: Sealed,
        recorded: &RecordedMedium,
        work: &ApplyContext,
    ) -> Result<PatchEstimate> {
        let Some(old) = old(path, recorded, looked) else { return Ok(PatchEstimate::Impossible) };
        let patching = write::cost(path, &old, &sealed, &work.options)?;
        *self.latest.borrow_mut() = Some((target.name.clone(), sealed));
        Ok(patching)
    }
}

/// Patches a medium and records it. Returns its journal, to be settled once the record and the cache are saved. `None`
/// if it can't be patched any more.
pub(super) fn patch(
    run: &mut ApplyRun,
    target: &Target,
    output: &Output,
    looked: Option<Stat>,
) -> Result<Option<Option<Journal>>> {
    let Some(recorded) = run.record.medium(&target.name) else { return Ok(None) };
    let Some(old) = old(&target.path, recorded, looked) else { return Ok(None) };
    let sealed = match run.patcher.latest.take().filter(|(name, _)| *name == target.name) {
        Some((_, sealed)) => sealed,
        None => {
            let known = run.store.known(run.work.digest_kinds());
            output.draft(&known)?.seal_known(&known)?
        }
    };
    let new_key = || run.store.new_journal_key(&target.name);
    let patched = write::patch(&target.path, &old, &sealed, &run.work.options, &new_key, run.progress)?;
    let Some(patched) = patched else { return Ok(None) };
    run.record.put_medium(target, output, &sealed)?;
    run.store.remember_finished(&target.name, patched.stat, sealed.id, kept(output));
    Ok(Some(patched.journal))
}

/// Reads what a recorded medium consists of from its own structures and lists, since a record may have been merged.
/// `None` if it can't be read or is another medium. `looked` is the metadata of the file when it was identified.
fn old(path: &Utf8Path, recorded: &RecordedMedium, looked: Option<Stat>) -> Option<OldOutput> {
    let mut file = open::open_to_inspect(path).ok()?;
    let listing = output::read(&mut file).ok()?;
    if listing.medium(&mut file)?.id != recorded.id {
        return None;
    }
    let sums = listing.files.iter().find(|file| file.path == lists::BLAKE3SUMS)?.read_text(&mut file).ok()?;
    let sums = lists::parse_sums(&sums).into_iter().flatten();
    let digests: HashMap<&str, Digest> = sums.filter_map(|(path, digest)| Some((path, digest.parse().ok()?))).collect();
    let part = |file: &ListedFile| match file.places[..] {
        [region] if region.len == file.len && region.end() <= recorded.len => {
            Some(PlacedPart { region, blake3: *digests.get(file.path.as_str())? })
        }
        _ => None,
    };
    let parts = listing.files.iter().filter_map(part).collect();
    Some(OldOutput { id: recorded.id, len: recorded.len, stat: looked?, parts })
}

/// Finishes or rolls back the patches that an interrupted run left. Returns their number.
pub(super) fn recover(work: &ApplyContext, store: &mut Store, record: &Record, progress: &Progress) -> Result<usize> {
    let mut n_recovered = 0;
    let media = work.targets.iter().filter(|target| !target.is_capture());
    let names = media.map(|target| &target.name).chain(record.media().map(|recorded| &recorded.name));
    for name in names.collect::<BTreeSet<_>>() {
        let Some(path) = path_of(work, name) else { continue };
        let recovered = write::recover(&path, store.journal_key(name).as_ref(), &work.options.disk)?;
        let Some(Recovered { id, stat, is_doubtful }) = recovered else { continue };
        n_recovered += 1;
        if is_doubtful && !is_sound(&path, progress)? {
            // It is neither the old medium nor the new one, so it is removed and built again.
            work.options.disk.remove(&path).map_err(|error| Error::io("removing", &path, error))?;
            continue;
        }
        // The digest of the secrets must be read from the medium, if it depends on any.
        let output = target::find(work.targets, name).and_then(Target::medium);
        let may_have_secrets = output.is_some_and(|output| output.secret_content.is_some())
            || record.medium(name).is_some_and(|recorded| recorded.secrets.is_some());
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
