//! Checks for steps and groups that can never run: their condition is never true, they need another
//! system than the one at their position, or the sequence always ends before them.

use super::super::catalog::Environment;
use super::super::reach::{Origin, System};
use super::super::{Body, Step};
use super::{PlacedStep, Rules, at_key, at_place, at_step};
use authoring::problem::Problem;
use authoring::rule::Rule;
use authoring::suggestions::join;

pub fn check(rules: &mut Rules<'_>) {
    let steps = rules.steps.clone();
    let mut reported: Vec<usize> = Vec::new();
    let mut wrong: Vec<WrongSystem> = Vec::new();
    for at in steps.iter().filter(|at| !at.reached.is_disabled) {
        // Steps in a group that never runs are covered by the problem of the group.
        if at.around.iter().any(|group| reported.iter().any(|index| std::ptr::eq(steps[*index].step, *group))) {
            continue;
        }
        if at.reached.runs.is_empty() {
            reported.push(at.index);
            report_not_run(at, &steps, rules);
        } else if let Some(found) = wrong_system(at, &steps) {
            // Steps that one restart sent to the wrong system are one problem.
            let same = |other: &&mut WrongSystem| {
                other.by.is_some() && (other.rule, other.needs, other.by) == (found.rule, found.needs, found.by)
            };
            match wrong.iter_mut().find(same) {
                Some(first) => first.steps.extend(found.steps),
                None => wrong.push(found),
            }
        }
    }
    wrong.iter().for_each(|wrong| report_wrong_system(wrong, &steps, rules));
}

/// Steps that need another system than the one at their position, for one common reason.
struct WrongSystem {
    rule: Rule,
    needs: System,
    has: System,
    /// Index of the step that brought the sequence into its system.
    by: Option<usize>,
    /// Indexes of the steps.
    steps: Vec<usize>,
}

fn noun(step: &Step) -> &'static str {
    match step.body {
        Body::Group(_) => "group",
        _ => "step",
    }
}

fn report_not_run(at: &PlacedStep<'_>, steps: &[PlacedStep<'_>], rules: &mut Rules<'_>) {
    let (what, name) = (noun(at.step), at.name());
    if let Some(ended_by) = at.reached.ended_by {
        // Only the first step after the end is reported, or else every later step would be.
        let is_first = steps[..at.index].iter().all(|before| before.reached.ended_by.is_none());
        let ended_by = steps[ended_by].step;
        if is_first {
            // If a group around it continues on error, the steps after that group still run.
            let is_lost = |later: &PlacedStep<'_>| later.reached.is_disabled || later.reached.ended_by.is_some();
            let is_all = steps[at.index + 1..].iter().all(is_lost);
            let group = at.around.iter().rev().find(|group| group.continues_on_error).filter(|_| !is_all);
            let rest = match group {
                Some(group) => format!("nor can anything after it in `{}`", group.name),
                None => "nor can anything after it".into(),
            };
            let problem = Problem::warning(format!("the {what} `{name}` can never run, {rest}"));
            let problem = at_step(problem, at.step, "never reached");
            let problem = at_step(problem, ended_by, "always ends the sequence");
            rules.add(problem.help(format!("add a condition to `{}`, or remove the steps after it", ended_by.name)));
        }
        return;
    }
    let Some(contradiction) =
        at.reached.contradiction.as_ref().filter(|contradiction| contradiction.origin != Some(Origin::Medium))
    else {
        // A condition that excludes this kind of medium is intentional: the step is for other media.
        return;
    };
    let problem = Problem::warning(format!("the {what} `{name}` can never run: its condition is never true"));
    let mut problem = at_key(problem, at.step, &contradiction.part, "never true here");
    let variable = contradiction.variable.as_deref().unwrap_or_default();
    let help = match contradiction.origin {
        Some(Origin::Set(by)) => {
            problem = at_step(problem, steps[by].step, "sets another value");
            format!("change the value that `{variable}` is compared with, or disable the {what}")
        }
        Some(Origin::Required(by)) if by != at.index => {
            let place = steps[by].step.places.part("condition");
            problem = at_place(problem, place, "requires another value");
            format!("change one of the two conditions on `{variable}`, or disable the {what}")
        }
        Some(Origin::System) => {
            let Some(system) = at.reached.before.iter().map(|world| world.system).next() else { return };
            // If no step changed the system, the medium starts in it, and the step is for media that don't.
            let Some(by) = find_system_change(at, steps, system) else { return };
            problem = at_step(problem, by.step, &format!("from here on, the task sequence is in {}", name_of(system)));
            format!("the task sequence is in {} here: change the condition, or disable the {what}", name_of(system))
        }
        _ => format!("parts of the condition contradict each other: change it, or disable the {what}"),
    };
    rules.add(problem.help(help));
}

fn name_of(system: System) -> &'static str {
    match system {
        System::WindowsPe => "Windows PE",
        System::FullOs => "the full operating system",
    }
}

/// Finds the last step before `at` that brought the sequence into its system.
fn find_system_change<'a, 'b>(
    at: &PlacedStep<'_>,
    steps: &'b [PlacedStep<'a>],
    system: System,
) -> Option<&'b PlacedStep<'a>> {
    let changes = |other: &&PlacedStep<'_>| match other.action().map(|action| (action.kind.name, action.text("target")))
    {
        Some(("setup-windows" | "join-domain-workgroup" | "upgrade-operating-system", _)) => system == System::FullOs,
        Some(("prepare-windows-for-capture", _)) => system == System::WindowsPe,
        Some(("restart-computer", Some("hard-disk"))) => system == System::FullOs,
        Some(("restart-computer", _)) => system == System::WindowsPe,
        _ => false,
    };
    steps[..at.index].iter().filter(|other| !other.reached.runs.is_empty()).rev().find(changes)
}

/// Returns a step that needs another system than the one at its position (R102; R93 and R95 for
/// captures).
fn wrong_system(at: &PlacedStep<'_>, steps: &[PlacedStep<'_>]) -> Option<WrongSystem> {
    let environment = match &at.step.body {
        Body::Action(action) => action.kind.environment,
        Body::Foreign(foreign) => foreign.environment,
        Body::Group(_) => return None,
    };
    let (needs, has) = match environment {
        Environment::WindowsPe => (System::WindowsPe, System::FullOs),
        Environment::FullOs => (System::FullOs, System::WindowsPe),
        // The step starts in Windows PE, and ends in the new system.
        Environment::Any if at.is("setup-windows") => (System::WindowsPe, System::FullOs),
        Environment::Any => return None,
    };
    if !at.reached.runs_only_in(has) {
        return None;
    }
    let rule = match at.action().map(|action| action.kind.name) {
        Some("capture-operating-system-image") => Rule::CaptureOutsideWindowsPe,
        Some("prepare-client-for-capture" | "prepare-windows-for-capture") => Rule::PreparationInWindowsPe,
        // Captures have rules of their own, with more specific help.
        _ => Rule::WrongEnvironment,
    };
    let by = find_system_change(at, steps, has).map(|by| by.index);
    Some(WrongSystem { rule, needs, has, by, steps: vec![at.index] })
}

/// Maximum number of steps that a problem names and labels.
const MAX_NAMED: usize = 3;

fn report_wrong_system(wrong: &WrongSystem, steps: &[PlacedStep<'_>], rules: &mut Rules<'_>) {
    let WrongSystem { rule, needs, has, by, .. } = *wrong;
    let named = &wrong.steps[..wrong.steps.len().min(MAX_NAMED)];
    let mut names: Vec<_> = named.iter().map(|index| format!("`{}`", steps[*index].name())).collect();
    if let n_more @ 1.. = wrong.steps.len() - named.len() {
        names.push(format!("{n_more} more"));
    }
    let (what, run, it) = match wrong.steps.len() {
        1 => ("step", "runs", "it"),
        _ => ("steps", "run", "them"),
    };
    let names = join(&names, "and");
    let message = format!(
        "the {what} {names} {run} only in {}, but the task sequence is in {} here",
        name_of(needs),
        name_of(has)
    );
    let mut problem = Problem::new(rule, message);
    for index in named {
        problem = at_step(problem, steps[*index].step, "needs the other system");
    }
    if let Some(by) = by {
        problem = at_step(problem, steps[by].step, &format!("from here on, the task sequence is in {}", name_of(has)));
    }
    let is_setup = |by: usize| steps[by].is("setup-windows") && wrong.steps.len() > 1;
    let help = match (rule, needs) {
        (Rule::CaptureOutsideWindowsPe, _) => {
            format!("add `prepare-windows-for-capture` before {it}, which restarts into Windows PE")
        }
        (_, System::WindowsPe) => match by.filter(|by| is_setup(*by)) {
            Some(by) => format!("move `{}` after {it}", steps[by].name()),
            None => format!(
                "move {it} before `setup-windows`, or add `restart-computer` with `target = \"windows-pe\"` before {it}"
            ),
        },
        (_, System::FullOs) => {
            format!("move {it} after `setup-windows`, which alone leads from Windows PE into the new system")
        }
    };
    rules.add(problem.help(help));
}
