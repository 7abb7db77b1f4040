//! Resolves references to secrets in manifests and steps, and reports failures at the reference.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::request::MediumRequest;
use super::secrets::{FetchedSecret, SecretOrigin};
use crate::problem::{Place, Problem, Problems};
use crate::secret::Secret;
use crate::sequence::Step;
use authoring::SecretRef;

/// Fetches the secret that a reference at a JSON pointer names. `None` if it is missing or was
/// skipped, which was reported; checks of its value should be skipped then.
pub(super) fn fetch_secret(
    request: &MediumRequest<'_>,
    pointer: &str,
    reference: &SecretRef,
    problems: &mut Problems,
) -> Option<Arc<Secret>> {
    let folder = secret_folder(request, pointer, reference);
    fetch_from(request, reference, folder, request.place(pointer), problems)?.read()
}

/// Fetches a secret that is only written to the medium, and requires it to be UTF-8. If secrets are
/// withheld, returns a text that stands in for it.
pub(super) fn fetch_written_secret(
    request: &MediumRequest<'_>,
    pointer: &str,
    reference: &SecretRef,
    problems: &mut Problems,
) -> Option<Arc<Secret>> {
    let folder = secret_folder(request, pointer, reference);
    let fetched = fetch_from(request, reference, folder, request.place(pointer), problems)?;
    as_text(fetched.read_or_stand_in(), request.place(pointer), problems)
}

/// Fetches a secret as [`fetch_secret`] does, and requires it to be UTF-8.
pub(super) fn fetch_secret_text(
    request: &MediumRequest<'_>,
    pointer: &str,
    reference: &SecretRef,
    problems: &mut Problems,
) -> Option<Arc<Secret>> {
    let value = fetch_secret(request, pointer, reference, problems)?;
    as_text(value, request.place(pointer), problems)
}

/// Fetches the secret that a step refers to by a key, and requires it to be UTF-8.
pub(super) fn fetch_step_secret(
    request: &MediumRequest<'_>,
    step: &Step,
    key: &str,
    reference: &SecretRef,
    problems: &mut Problems,
) -> Option<Arc<Secret>> {
    let place = step.places.part(key)?;
    let written_in = problems.source(place.source).name.as_str();
    let folder = Utf8Path::new(written_in).parent().unwrap_or(Utf8Path::new("")).to_owned();
    let fetched = fetch_from(request, reference, folder, place.clone(), problems)?;
    as_text(fetched.read_or_stand_in(), place, problems)
}

/// Returns the folder that the path of a secret is relative to.
fn secret_folder(request: &MediumRequest<'_>, pointer: &str, reference: &SecretRef) -> Utf8PathBuf {
    let file = if reference.file.is_some() { "/file" } else { "" };
    request.rendered.path_at(&format!("{pointer}{file}"), "")
}

/// Secret that is available, or that a text stands in for.
enum UsableSecret {
    Read(Arc<Secret>),
    StandIn(Arc<Secret>),
}

impl UsableSecret {
    /// Returns the secret if it was read.
    fn read(self) -> Option<Arc<Secret>> {
        match self {
            Self::Read(value) => Some(value),
            Self::StandIn(_) => None,
        }
    }

    fn read_or_stand_in(self) -> Arc<Secret> {
        match self {
            Self::Read(value) | Self::StandIn(value) => value,
        }
    }
}

/// Fetches a secret. Relative paths and commands start from `folder`.
fn fetch_from(
    request: &MediumRequest<'_>,
    reference: &SecretRef,
    folder: Utf8PathBuf,
    place: Place,
    problems: &mut Problems,
) -> Option<UsableSecret> {
    let SecretRef { env, file, command } = reference;
    let origin = match (env, file, command) {
        (Some(name), ..) => SecretOrigin::Env(name.clone()),
        (_, Some(path), _) => {
            let path = folder.join(path);
            request.notes.inputs.borrow_mut().note_secret(&path, place.clone());
            SecretOrigin::File(path)
        }
        (_, _, Some(words)) => SecretOrigin::Command(folder, words.clone()),
        // Reported by the rules of the manifest.
        (None, None, None) => return None,
    };
    match request.sources.secret(origin) {
        FetchedSecret::Value(value) => Some(UsableSecret::Read(value)),
        FetchedSecret::Withheld(stand_in) => Some(UsableSecret::StandIn(stand_in)),
        FetchedSecret::Skipped(why) => {
            let problem = Problem::note(format!("the secret was not checked: {why}")).at(place, "");
            problems.add(problem.help("run `tsmedia plan` to check it"));
            None
        }
        FetchedSecret::Missing(what, help) => {
            problems.add(Problem::error(what).at(place, "secret").help(help));
            None
        }
    }
}

fn as_text(value: Arc<Secret>, place: Place, problems: &mut Problems) -> Option<Arc<Secret>> {
    if value.text().is_some() {
        return Some(value);
    }
    let problem = Problem::error("the secret is not valid UTF-8").at(place, "");
    problems.add(problem.help("save it as UTF-8"));
    None
}
