//! Secrets that manifests and steps refer to, looked up and reported at the reference.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::request::Request;
use super::secrets::{Fetched, Origin};
use crate::problem::{Place, Problem, Problems};
use crate::secret::Secret;
use crate::sequence::Step;
use authoring::SecretRef;

/// The secret that the reference at a JSON pointer means. Nothing if it is not there, which has been complained
/// of, or if it was not looked at, which has been noted: what hangs on it is not to be judged then.
pub(super) fn secret(
    request: &Request<'_>,
    pointer: &str,
    reference: &SecretRef,
    problems: &mut Problems,
) -> Option<Arc<Secret>> {
    let file = if reference.file.is_some() { "/file" } else { "" };
    let folder = request.rendered.path_at(&format!("{pointer}{file}"), "");
    secret_from(request, reference, folder, request.place(pointer), problems)
}

/// The secret that the reference at a JSON pointer means, as text.
pub(super) fn secret_text(
    request: &Request<'_>,
    pointer: &str,
    reference: &SecretRef,
    problems: &mut Problems,
) -> Option<Arc<Secret>> {
    let value = secret(request, pointer, reference, problems)?;
    as_text(value, request.place(pointer), problems)
}

/// The secret that a step means by a key, as text.
pub(super) fn secret_of_step(
    request: &Request<'_>,
    step: &Step,
    key: &str,
    reference: &SecretRef,
    problems: &mut Problems,
) -> Option<Arc<Secret>> {
    let place = step.written.part(key)?;
    let written_in = problems.source(place.source).name.as_str();
    let folder = Utf8Path::new(written_in).parent().unwrap_or(Utf8Path::new("")).to_owned();
    let value = secret_from(request, reference, folder, place.clone(), problems)?;
    as_text(value, place, problems)
}

/// The secret of a reference that was written at a place, in a file of that folder.
fn secret_from(
    request: &Request<'_>,
    reference: &SecretRef,
    folder: Utf8PathBuf,
    place: Place,
    problems: &mut Problems,
) -> Option<Arc<Secret>> {
    let SecretRef { env, file, command } = reference;
    let origin = match (env, file, command) {
        (Some(name), ..) => Origin::Env(name.clone()),
        (_, Some(path), _) => {
            let path = folder.join(path);
            request.notes.inputs.borrow_mut().note_at(&path, place.clone());
            Origin::File(path)
        }
        (_, _, Some(words)) => Origin::Command(folder, words.clone()),
        // The rules have complained.
        (None, None, None) => return None,
    };
    match request.sources.secret(origin) {
        Fetched::Value(value) => Some(value),
        Fetched::Left(why) => {
            let problem = Problem::note(format!("the secret was not looked at: {why}")).at(place, "");
            problems.add(problem.help("`tsmedia plan` looks at it"));
            None
        }
        Fetched::Missing(what, help) => {
            problems.add(Problem::error(what).at(place, "the secret").help(help));
            None
        }
    }
}

fn as_text(value: Arc<Secret>, place: Place, problems: &mut Problems) -> Option<Arc<Secret>> {
    if value.text().is_some() {
        return Some(value);
    }
    let problem = Problem::error("the secret is no text in UTF-8").at(place, "");
    problems.add(problem.help("save it as UTF-8"));
    None
}
