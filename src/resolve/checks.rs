//! Checks of an assembled medium.

use camino::Utf8Path;

use super::assemble::AssembledMedium;
use super::boot::BOOTFIX;
use super::boot_policy::check_boot_policy;
use super::boot_store_checks::check_stores;
use super::media_data::SEQUENCE;
use super::prestart;
use super::request::MediumRequest;
use crate::manifest::Kind;
use crate::media;
use crate::problem::{Place, Problem, Problems};
use crate::rule::Rule;
use crate::sequence::needs_windows;

/// A check of an assembled medium; it only reports problems.
pub(super) type Check = fn(&MediumRequest<'_>, &AssembledMedium, &mut Problems);

/// All checks, in the order in which they report.
pub(super) const CHECKS: [Check; 7] = [
    check_windows_start,
    check_capture_program,
    check_prestart,
    check_stores,
    check_boot_policy,
    check_prompt,
    check_output,
];

/// Warns of a medium meant to be started from Windows that lacks the program for it.
fn check_windows_start(request: &MediumRequest<'_>, medium: &AssembledMedium, problems: &mut Problems) {
    let rendered = request.rendered;
    let media = &rendered.manifest.media;
    if media::autorun_program(&medium.root).is_some() || media.kind == Kind::Prestaged {
        return;
    }
    let mut warn = |message: String, place: Place| {
        let problem = Problem::new(Rule::UnstartedInWindows, message).at(place, "");
        let help = "name a Configuration Manager medium in `[base]`, which supplies `SMS\\bin` and \
                    `LaunchMedia.cmd`; or add that folder with `[[file]]`, `source` \
                    and `path = \"SMS/bin\"`";
        rendered.add_lowered(problem.help(help), problems);
    };
    if media.autorun {
        warn(
            "`autorun.inf` starts nothing: `TSMBAutorun.exe` is not on the medium".into(),
            request.place("/media/autorun"),
        );
    }
    let Some(sequence) = rendered.sequence().filter(|_| media.kind.carries_sequence()) else { return };
    if let Some(step) = needs_windows(sequence, media.kind) {
        let message =
            format!("the step `{}` runs in Windows, but the medium can't start the sequence there", step.name);
        warn(message, step.places.part("name").unwrap_or_else(|| request.place(SEQUENCE)));
    }
}

/// Reports a capture medium without a program or task sequence that captures.
fn check_capture_program(request: &MediumRequest<'_>, medium: &AssembledMedium, problems: &mut Problems) {
    let manifest = &request.rendered.manifest;
    if manifest.media.kind != Kind::Capture || manifest.task_sequence.is_some() {
        return;
    }
    let has_program =
        medium.root.files().iter().any(|(path, _)| {
            path.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case(media::CAPTURE_PROGRAM))
        });
    let kind = request.place("/media/kind");
    match (has_program, media::autorun_program(&medium.root)) {
        (true, _) => {}
        (false, None) => {
            let message = "the capture medium has neither the capture program nor a task sequence";
            let problem = Problem::new(Rule::MissingCaptureProgram, message).at(kind, "");
            problems.add(problem.help(
                "name a Configuration Manager capture medium in `[base]`, add its folder `SMS\\bin` to the \
                 medium with `[[file]]`, or name a task sequence in `[task-sequence]`",
            ));
        }
        (false, Some(starter)) => {
            let message = format!(
                "`{}` is on the medium, but `{}`, which it starts, is not",
                windows(starter),
                media::CAPTURE_PROGRAM
            );
            let problem = Problem::warning(message).at(kind, "");
            problems.add(problem.help("copy the whole folder `SMS\\bin` of a Configuration Manager capture medium"));
        }
    }
}

fn windows(path: &str) -> String {
    path.replace('/', "\\")
}

/// Reports a prestart command whose folder is missing from the medium, and notes where it runs.
fn check_prestart(request: &MediumRequest<'_>, medium: &AssembledMedium, problems: &mut Problems) {
    let prestart = request.rendered.manifest.prestart.as_ref();
    let Some(package) = prestart.and_then(|prestart| prestart.package_on_medium()) else { return };
    let folder = prestart::windows_folder(package);
    let place = request.place("/prestart/command");
    if medium.root.get(&format!("{}/{package}", media::PACKAGES)).is_none() {
        // Missing files were already reported.
        if !request.rendered.is_written(prestart::FILES) {
            let problem =
                Problem::error(format!("the prestart command runs in `{folder}`, which is not on the medium"));
            let problem = problem.at(request.place("/prestart/package"), "");
            problems.add(problem.help("name its files in `[prestart]`, such as `files = \"prestart\"`"));
        }
        return;
    }
    let message = format!("the prestart command runs on the medium, in `{folder}`");
    let problem = Problem::note(message).at(place, "");
    problems.add(problem.help(
        "refer to that folder as `%~dp0` in scripts; to put the files into the boot image, write `where = \
                   \"boot-image\"`",
    ));
}

/// Warns of a BIOS prompt that the manifest doesn't request.
fn check_prompt(request: &MediumRequest<'_>, medium: &AssembledMedium, problems: &mut Problems) {
    let prompts = medium.prompt().is_some_and(|prompt| prompt.bios);
    if let (true, false, Some(pointer)) =
        (prompts, request.rendered.manifest.prompt(), medium.origins.pointer_of(BOOTFIX))
    {
        let message = format!("BIOS will wait for a key press because `{BOOTFIX}` is on the medium");
        let problem = Problem::warning(message).at(request.place(&pointer), "comes from here");
        problems.add(problem.help("remove the file, or write `prompt = true` in `[boot]`"));
    }
}

fn check_output(request: &MediumRequest<'_>, _: &AssembledMedium, problems: &mut Problems) {
    check_path(request, &request.output, &request.rendered.manifest.output.path, problems);
}

/// Reports an output path that is a folder, or lies below a file. `written` is the path in the
/// manifest.
pub(super) fn check_path(request: &MediumRequest<'_>, path: &Utf8Path, written: &str, problems: &mut Problems) {
    let in_the_way = path.ancestors().skip(1).find(|above| above.is_file());
    let message = match in_the_way {
        Some(above) => format!("the output `{written}` can't be made: `{above}` is a file"),
        None if path.is_dir() => format!("the output `{written}` can't be made: a folder has that name"),
        None => return,
    };
    let problem = Problem::error(message).at(request.place("/output/path"), "");
    problems.add(problem.help("choose another `path` in `[output]`, or move that file or folder"));
}
