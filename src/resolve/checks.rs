//! Checks of a medium that is put together.

use camino::Utf8Path;

use super::assemble::Medium;
use super::boot::BOOTFIX;
use super::boot_policy::check_boot_policy;
use super::boot_store_checks::check_stores;
use super::media_data::SEQUENCE;
use super::request::Request;
use crate::manifest::Kind;
use crate::media;
use crate::problem::{Problem, Problems};
use crate::sequence::Step;
use crate::sequence::catalog::Environment;

/// A check of a medium: it reports problems, and changes nothing.
pub(super) type Check = fn(&Request<'_>, &Medium, &mut Problems);

/// All checks, in the order in which they report.
pub(super) const CHECKS: [Check; 5] =
    [check_autorun_program, check_stores, check_boot_policy, check_prompt, check_output];

/// Warns of capture media on which nothing starts the steps that run in Windows: the program for it is Microsoft's.
fn check_autorun_program(request: &Request<'_>, medium: &Medium, problems: &mut Problems) {
    let manifest = &request.rendered.manifest;
    let has_program = medium.root.get(media::AUTORUN_PROGRAM).is_some();
    if manifest.media.kind != Kind::Capture || manifest.policy.is_some() || has_program {
        return;
    }
    let Some(sequence) = request.rendered.sequence() else { return };
    let runs_in_windows =
        |step: &&Step| step.action().is_some_and(|action| action.kind.environment == Environment::FullOs);
    let Some(step) = sequence.enabled().into_iter().find(runs_in_windows) else { return };
    let message = format!("the step `{}` runs in Windows, where nothing on the medium starts the sequence", step.name);
    let place = step.written.part("name").unwrap_or_else(|| request.place(SEQUENCE));
    let problem = Problem::warning(message).at(place, "");
    problems.add(problem.help(format!(
        "put the folder of `{}` on it, from a medium that Configuration Manager made: `[[file]]` with `source` and \
         `path = \"SMS/bin\"`",
        media::AUTORUN_PROGRAM.replace('/', "\\")
    )));
}

/// Warns of a BIOS that will wait for a key though the manifest says otherwise.
fn check_prompt(request: &Request<'_>, medium: &Medium, problems: &mut Problems) {
    let prompts = medium.prompt().is_some_and(|prompt| prompt.bios);
    if let (true, false, Some(pointer)) =
        (prompts, request.rendered.manifest.prompt(), medium.origins.pointer_of(BOOTFIX))
    {
        let message = format!("BIOS will wait for a key, because of `{BOOTFIX}`");
        let problem = Problem::warning(message).at(request.place(&pointer), "brings it");
        problems.add(problem.help("leave the file out, or write `prompt = true` in `[boot]`"));
    }
}

fn check_output(request: &Request<'_>, _: &Medium, problems: &mut Problems) {
    check_path(request, &request.output, &request.rendered.manifest.output.path, problems);
}

/// Reports an output that can't be a file in a folder. `written` is its path as the author wrote it.
pub(super) fn check_path(request: &Request<'_>, path: &Utf8Path, written: &str, problems: &mut Problems) {
    let in_the_way = path.ancestors().skip(1).find(|above| above.is_file());
    let message = match in_the_way {
        Some(above) => format!("the output `{written}` can't be made: `{above}` is a file"),
        None if path.is_dir() => format!("the output `{written}` can't be made: there is a folder of that name"),
        None => return,
    };
    let problem = Problem::error(message).at(request.place("/output/path"), "");
    problems.add(problem.help("choose another `path` in `[output]`, or move what is in the way"));
}
