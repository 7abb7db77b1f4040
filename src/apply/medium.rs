//! Builds media, and adopts finished ones into the record and the cache.

use rustix::fs::{Access, access};

use super::{ApplyRun, unchanged};
use crate::content::{Content, Stat};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::target::Target;
use crate::write;

/// Writes a medium and records it. Returns the number of source bytes read.
pub(super) fn build(run: &mut ApplyRun, target: &Target, output: &Output) -> Result<u64> {
    // Content that was not read yet is hashed while it is copied.
    let known = run.store.known_by_reading(run.work.digest_kinds());
    let draft = output.draft(&known)?;
    let written = write::write(draft, &target.path, &known, &run.work.options, run.progress)?;
    drop(known);
    let write::WrittenMedium { sealed, stat, digests, n_read } = written;
    run.record.put_medium(target, output, &sealed)?;
    let id = sealed.id;
    // The layout of a large medium takes as much memory as everything that is remembered next.
    drop(sealed);
    for (source, digests) in digests {
        run.store.remember(&source, digests);
    }
    run.store.remember_finished(&target.name, stat, id, kept(output));
    Ok(n_read)
}

/// Adopts a finished medium into the record and the cache. Returns `false` if nothing changed. `looked` is its metadata
/// when it was found to be up to date.
pub(super) fn keep(run: &mut ApplyRun, target: &Target, output: &Output, looked: Option<Stat>) -> Result<bool> {
    let stat = unchanged(&target.path, looked)?;
    let recorded = run.record.medium(&target.name);
    // A record with a merge conflict may combine facts of two media.
    let is_known = !run.record.is_damaged()
        && run.store.finished(&target.name).is_some_and(|(known, id, secrets)| {
            known == stat
                && recorded.is_some_and(|recorded| recorded.id == id && recorded.has_secrets_of(output))
                && secrets == kept(output)
        });
    if is_known {
        // Template values may have changed without affecting any byte.
        return Ok(run.record.renew_values(target));
    }
    let known = run.store.known(output.form.digest_kinds());
    let sealed = output.draft(&known)?.seal_known(&known)?;
    drop(known);
    run.store.remember_finished(&target.name, stat, sealed.id, kept(output));
    run.record.put_medium(target, output, &sealed)?;
    Ok(true)
}

/// Keyed digest of the secrets of a medium.
pub(super) fn kept(output: &Output) -> Option<Digest> {
    output.secrets().and_then(|secrets| output.fingerprint_of(secrets))
}

/// Fails if a source of a medium can't be read, rather than after hours of copying others.
pub(super) fn refuse_unreadable(output: &Output) -> Result<()> {
    for (_, content) in output.root.files() {
        let Content::Source(source) = content else { continue };
        for file in source.files() {
            access(file.path.as_std_path(), Access::READ_OK).map_err(|error| {
                Error::io("reading", &file.path, error.into()).help("make the file readable for your user")
            })?;
        }
    }
    Ok(())
}
