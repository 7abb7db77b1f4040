//! Checks of a medium that is put together.

use camino::Utf8Path;

use super::assemble::Medium;
use super::boot::BOOTFIX;
use super::boot_policy::check_boot_policy;
use super::boot_store_checks::check_stores;
use super::media_data::SEQUENCE;
use super::prestart;
use super::request::Request;
use crate::manifest::Kind;
use crate::media;
use crate::problem::{Place, Problem, Problems};
use crate::rule::Rule;
use crate::sequence::needs_windows;

/// A check of a medium: it reports problems, and changes nothing.
pub(super) type Check = fn(&Request<'_>, &Medium, &mut Problems);

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

/// Warns of a medium that is meant to be started in Windows and lacks the program for it.
fn check_windows_start(request: &Request<'_>, medium: &Medium, problems: &mut Problems) {
    let rendered = request.rendered;
    let media = &rendered.manifest.media;
    if media::autorun_program(&medium.root).is_some() || media.kind == Kind::Prestaged {
        return;
    }
    let mut warn = |message: String, place: Place| {
        let problem = Problem::new(Rule::UnstartedInWindows, message).at(place, "");
        let help = "build the medium on one that Configuration Manager made, which brings `SMS\\bin` and \
                    `LaunchMedia.cmd`: name it in `[base]`. Or put that folder on the medium: `[[file]]` with `source` \
                    and `path = \"SMS/bin\"`";
        rendered.add_lowered(problem.help(help), problems);
    };
    if media.autorun {
        warn(
            "`autorun.inf` starts nothing: the medium has no `TSMBAutorun.exe`".into(),
            request.place("/media/autorun"),
        );
    }
    let Some(sequence) = rendered.sequence().filter(|_| media.kind.carries_sequence()) else { return };
    if let Some(step) = needs_windows(sequence, media.kind) {
        let message =
            format!("the step `{}` runs in Windows, where nothing on the medium starts the sequence", step.name);
        warn(message, step.written.part("name").unwrap_or_else(|| request.place(SEQUENCE)));
    }
}

/// Reports capture media that can't capture.
fn check_capture_program(request: &Request<'_>, medium: &Medium, problems: &mut Problems) {
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
            let message = "the capture medium carries neither a program nor a task sequence that captures";
            let problem = Problem::new(Rule::MissingCaptureProgram, message).at(kind, "");
            problems.add(problem.help(
                "name a capture medium that Configuration Manager made in `[base]`, put its folder `SMS\\bin` on the \
                 medium with `[[file]]`, or name a task sequence in `[task-sequence]`",
            ));
        }
        (false, Some(starter)) => {
            let message = format!(
                "`{}` is on the medium, and not `{}`, which it starts",
                windows(starter),
                media::CAPTURE_PROGRAM
            );
            let problem = Problem::warning(message).at(kind, "");
            problems.add(problem.help("take the whole folder `SMS\\bin` of a capture medium of Configuration Manager"));
        }
    }
}

fn windows(path: &str) -> String {
    path.replace('/', "\\")
}

/// Reports a prestart command that runs in a folder which the medium lacks, and notes where it runs.
fn check_prestart(request: &Request<'_>, medium: &Medium, problems: &mut Problems) {
    let prestart = request.rendered.manifest.prestart.as_ref();
    let Some(package) = prestart.and_then(|prestart| prestart.package_on_medium()) else { return };
    let folder = prestart::windows_folder(package);
    let place = request.place("/prestart/command");
    if medium.root.get(&format!("{}/{package}", media::PACKAGES)).is_none() {
        // Files that can't be found were reported.
        if !request.rendered.is_written(prestart::FILES) {
            let problem = Problem::error(format!("the prestart command runs in `{folder}`, which the medium lacks"));
            let problem = problem.at(request.place("/prestart/package"), "");
            problems.add(problem.help("name its files: `files = \"prestart\"`"));
        }
        return;
    }
    let message = format!("the prestart command runs on the medium, in `{folder}`");
    let problem = Problem::note(message).at(place, "");
    problems.add(
        problem
            .help("scripts find it as `%~dp0`; to put the files into the boot image, write `where = \"boot-image\"`"),
    );
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
