//! `tsmedia plan --base`: shows what a change does to media, without the finished media.

use super::super::file_kind::FileKind;
use super::super::screen::Screen;
use super::super::{ManifestArguments, Outcome, project};
use super::{Arguments, OutputFormat};
use crate::baseline::{Baseline, CompareOptions, Comparison};
use crate::error::Result;
use crate::inputs::Inputs;
use crate::problem::{Problem, Problems};
use crate::project::Project;
use crate::report;
use crate::report::markdown::{Comment, comment};
use crate::resolve::secrets::Secrets;

pub(super) fn run(reference: &str, arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    let mut baseline = screen
        .with_progress("reading the base from Git", |_| Baseline::open(reference, &arguments.manifests.manifests))?;
    baseline.add_removed(|path| FileKind::from_path(path) == FileKind::Manifest);
    // A manifest that was removed is only read from the base.
    let manifests = arguments.manifests.manifests.iter().filter(|path| path.exists() || !baseline.has(path));
    let present = ManifestArguments { manifests: manifests.cloned().collect(), ..arguments.manifests.clone() };
    let mut secrets = if arguments.without_secrets { project::secrets().withheld() } else { project::secrets() };
    let Some(projects) = load(&present, &mut secrets, screen)? else { return Ok(Outcome::ProblemsFound) };
    let environment = project::environment(None, screen.reporter())?;
    let options = present.options();
    screen.catch_interrupts();
    let base = baseline.load(&options, &environment, &mut secrets, screen.progress())?;
    let options = CompareOptions {
        sites: present.sites.clone(),
        no_patch: arguments.no_patch,
        without_secrets: arguments.without_secrets,
    };
    let comparison = screen
        .with_progress("comparing with the base", |progress| baseline.compare(&projects, &base, &options, progress))?;
    print(&comparison, arguments, screen)?;
    Ok(if comparison.is_empty() || !arguments.detailed_exitcode { Outcome::Done } else { Outcome::ChangesPending })
}

/// Loads the manifests of the work tree, and prints their problems.
fn load(arguments: &ManifestArguments, secrets: &mut Secrets, screen: &Screen) -> Result<Option<Vec<Project>>> {
    if arguments.manifests.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let mut problems = Problems::default();
    let projects = project::resolve_with_inputs(arguments, secrets, &mut problems, &mut Inputs::default(), screen)?;
    Ok(project::report_problems(&mut problems, screen).then_some(projects))
}

fn print(comparison: &Comparison, arguments: &Arguments, screen: &Screen) -> Result<Outcome> {
    if screen.json {
        let mut notes = Problems::default();
        report::impact::notes(comparison).into_iter().for_each(|note| notes.add(Problem::note(note)));
        screen.collect_problems(&notes);
        return screen.print_json(&report::plan::json(&comparison.plan(), &[]));
    }
    match arguments.format {
        OutputFormat::Text => {
            let n_lines = (!arguments.verbose).then_some(report::SCREEN_LINES);
            screen.print_page(&report::impact::text(comparison, n_lines))
        }
        OutputFormat::Markdown => {
            let name = arguments.comment_name.as_deref();
            let text = comment(&Comment { media: &comparison.media, comparison: Some(comparison), notes: &[], name });
            text.map_or(Ok(Outcome::Done), |text| screen.print_document(&text))
        }
    }
}
