//! Finds the inputs of a finished medium for its provenance.

use super::Project;
use super::lock_file::{large_files, read};
use crate::attestation::provenance::{BuildInput, Provenance};
use crate::error::{Error, Result};
use crate::inputs::Inputs;
use crate::output::Output;
use crate::progress::Progress;
use crate::store::ContentLock;
use crate::target::Target;
use crate::verify::{self, MediumFault, Verified};
use crate::write::WriteOptions;

/// Returns the origin of a medium: the inputs of its target, which have to make exactly this medium. `inputs` are those of
/// a run that loaded only the site of the target. Inputs whose digests are not known are read.
///
/// # Errors
///
/// If the medium is not the one that the manifest makes now, or an input can't be read.
pub fn origin(
    project: &Project,
    target: &Target,
    output: &Output,
    verified: &Verified,
    inputs: &Inputs,
    progress: &Progress,
) -> Result<Provenance> {
    let mut store = project.open_store();
    let options = WriteOptions::default();
    let wanted = verify::wanted(output, &mut store, &options, progress)?;
    let differences = verify::compare(verified, output, &wanted);
    if !differences.is_empty() {
        let files = differences.iter().filter_map(|fault| match fault {
            MediumFault::Differs(path) | MediumFault::NotThere(path) | MediumFault::NotInManifest(path) => {
                Some(path.clone())
            }
            _ => None,
        });
        return Err(Error::new(format!("`{}` is not the medium that `{}` makes now", target.name, project.manifest()))
            .with_items(files.take(MAX_ITEMS))
            .help(format!("run `tsmedia apply {}` and try again", project.manifest())));
    }
    let mut files = large_files(&[project], inputs, 0);
    files.retain(|path, _| !inputs.is_secret(path));
    let digests = read(files.values(), &mut store, progress)?;
    // Best effort: the provenance does not depend on the cache.
    let _ = store.save(&options.disk);
    let names = ContentLock::new(&ContentLock::path_for(project.manifest()));
    let built_from = files.keys().zip(digests);
    let built_from = built_from.map(|(path, digests)| BuildInput { name: names.name_of(path), sha256: digests.sha256 });
    let mut built_from: Vec<_> = built_from.collect();
    built_from.sort_by(|one, other| one.name.cmp(&other.name));
    // One file may be named in two ways.
    built_from.dedup();
    Ok(Provenance {
        manifest: names.name_of(project.manifest()),
        site: target.site().map(str::to_owned),
        values: target.values.clone(),
        inputs: built_from,
        builder: String::new(),
        format_version: verified.medium.as_ref().map_or(0, |medium| medium.format_version),
    })
}

/// Maximum number of files that an error lists.
const MAX_ITEMS: usize = 10;
