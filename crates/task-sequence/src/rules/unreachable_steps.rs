//! Steps and groups that can never run: their condition never holds, their system is never there at their place, or
//! the sequence always ends before them.

use super::super::catalog::Environment;
use super::super::reach::{Origin, System};
use super::super::{Body, Step};
use super::{At, Rules, at_key, at_step, with};
use authoring::problem::Problem;
use authoring::rule::Rule;
use authoring::suggestions::join;

pub fn check(rules: &mut Rules<'_>) {
    let steps = rules.steps.clone();
    let mut told: Vec<usize> = Vec::new();
    let mut wrong: Vec<WrongSystem> = Vec::new();
    for at in steps.iter().filter(|at| !at.reached.is_disabled) {
        // What is in a group that never runs is told with the group.
        if at.around.iter().any(|group| told.iter().any(|index| std::ptr::eq(steps[*index].step, *group))) {
            continue;
        }
        if at.reached.runs.is_empty() {
            told.push(at.index);
            not_run(at, &steps, rules);
        } else if let Some(found) = wrong_system(at, &steps) {
            let same = |other: &&mut WrongSystem| {
                other.by.is_some() && (other.rule, other.needs, other.by) == (found.rule, found.needs, found.by)
            };
            match wrong.iter_mut().find(same) {
                Some(first) => first.steps.extend(found.steps),
                None => wrong.push(found),
            }
        }
    }
    wrong.iter().for_each(|wrong| complain_of_system(wrong, &steps, rules));
}

/// Steps whose system is not the one at their place, for one reason.
struct WrongSystem {
    rule: Rule,
    needs: System,
    has: System,
    /// The step that brought the sequence into the system that it is in, by its index.
    by: Option<usize>,
    /// The steps, by their indexes.
    steps: Vec<usize>,
}

fn what(step: &Step) -> &'static str {
    match step.body {
        Body::Group(_) => "group",
        _ => "step",
    }
}

fn not_run(at: &At<'_>, steps: &[At<'_>], rules: &mut Rules<'_>) {
    let (what, name) = (what(at.step), at.name());
    if let Some(ended_by) = at.reached.ended_by {
        // Only the first of what lies behind it is told.
        let is_first = steps[..at.index].iter().all(|before| before.reached.ended_by.is_none());
        let ended_by = steps[ended_by].step;
        if is_first {
            // A group around it that continues on error ends what is lost.
            let is_lost = |behind: &At<'_>| behind.reached.is_disabled || behind.reached.ended_by.is_some();
            let is_all = steps[at.index + 1..].iter().all(is_lost);
            let group = at.around.iter().rev().find(|group| group.continues_on_error).filter(|_| !is_all);
            let rest = match group {
                Some(group) => format!("nor what is behind it in `{}`", group.name),
                None => "nor anything behind it".into(),
            };
            let problem = Problem::warning(format!("the {what} `{name}` can never run, {rest}"));
            let problem = at_step(problem, at.step, "never reached");
            let problem = at_step(problem, ended_by, "always ends the sequence");
            rules.add(problem.help(format!("give `{}` a condition, or leave out what is behind it", ended_by.name)));
        }
        return;
    }
    let Some(blame) = at.reached.blame.as_ref().filter(|blame| blame.origin != Some(Origin::Medium)) else {
        // A step that this kind of medium keeps off is meant for others.
        return;
    };
    let problem = Problem::warning(format!("the {what} `{name}` can never run: its condition never holds"));
    let mut problem = at_key(problem, at.step, &blame.part, "never so here");
    let variable = blame.variable.as_deref().unwrap_or_default();
    let help = match blame.origin {
        Some(Origin::Set(by)) => {
            problem = at_step(problem, steps[by].step, "sets it to something else");
            format!("mend what `{variable}` is compared with, or disable the {what}")
        }
        Some(Origin::Wanted(by)) if by != at.index => {
            let place = steps[by].step.written.part("condition");
            problem = with(problem, place, "wants something else of it");
            format!("mend one of the two conditions on `{variable}`, or disable the {what}")
        }
        Some(Origin::System) => {
            let Some(system) = at.reached.before.iter().map(|world| world.system).next() else { return };
            // What a medium of this kind starts in decides for a step that is meant for others.
            let Some(by) = brought(at, steps, system) else { return };
            problem = at_step(problem, by.step, &format!("from here on in {}", name_of(system)));
            format!("the sequence is in {} here: mend the condition, or disable the {what}", name_of(system))
        }
        _ => format!("parts of the condition contradict each other: mend it, or disable the {what}"),
    };
    rules.add(problem.help(help));
}

fn name_of(system: System) -> &'static str {
    match system {
        System::WindowsPe => "Windows PE",
        System::FullOs => "the full operating system",
    }
}

/// What brought the sequence into its system: the last step before that changes it.
fn brought<'a, 'b>(at: &At<'_>, steps: &'b [At<'a>], system: System) -> Option<&'b At<'a>> {
    let changes = |other: &&At<'_>| match other.action().map(|action| (action.kind.name, action.text("target"))) {
        Some(("setup-windows" | "join-domain-workgroup" | "upgrade-operating-system", _)) => system == System::FullOs,
        Some(("prepare-windows-for-capture", _)) => system == System::WindowsPe,
        Some(("restart-computer", Some("hard-disk"))) => system == System::FullOs,
        Some(("restart-computer", _)) => system == System::WindowsPe,
        _ => false,
    };
    steps[..at.index].iter().filter(|other| !other.reached.runs.is_empty()).rev().find(changes)
}

/// A step whose system is not the one at its place (R102; R93 and R95 for captures).
fn wrong_system(at: &At<'_>, steps: &[At<'_>]) -> Option<WrongSystem> {
    let environment = match &at.step.body {
        Body::Action(action) => action.kind.environment,
        Body::Foreign(foreign) => foreign.environment,
        Body::Group(_) => return None,
    };
    let (needs, has) = match environment {
        Environment::WindowsPe => (System::WindowsPe, System::FullOs),
        Environment::FullOs => (System::FullOs, System::WindowsPe),
        // It begins in Windows PE, and leaves it.
        Environment::Any if at.is("setup-windows") => (System::WindowsPe, System::FullOs),
        Environment::Any => return None,
    };
    if !at.reached.runs_only_in(has) {
        return None;
    }
    let rule = match at.action().map(|action| action.kind.name) {
        Some("capture-operating-system-image") => Rule::CaptureOutsideWindowsPe,
        Some("prepare-client-for-capture" | "prepare-windows-for-capture") => Rule::PreparationInWindowsPe,
        _ => Rule::WrongEnvironment,
    };
    let by = brought(at, steps, has).map(|by| by.index);
    Some(WrongSystem { rule, needs, has, by, steps: vec![at.index] })
}

/// Steps that are named and underlined when several have one fault.
const MAX_NAMED: usize = 3;

fn complain_of_system(wrong: &WrongSystem, steps: &[At<'_>], rules: &mut Rules<'_>) {
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
    let message =
        format!("the {what} {names} {run} in {}, and the sequence is in {} here", name_of(needs), name_of(has));
    let mut problem = Problem::new(rule, message);
    for index in named {
        problem = at_step(problem, steps[*index].step, "in the wrong system");
    }
    if let Some(by) = by {
        problem = at_step(problem, steps[by].step, &format!("from here on in {}", name_of(has)));
    }
    let is_setup = |by: usize| steps[by].is("setup-windows") && wrong.steps.len() > 1;
    let help = match (rule, needs) {
        (Rule::CaptureOutsideWindowsPe, _) => {
            format!("put `prepare-windows-for-capture` before {it}, which restarts into Windows PE")
        }
        (_, System::WindowsPe) => match by.filter(|by| is_setup(*by)) {
            Some(by) => format!("move `{}` behind {it}", steps[by].name()),
            None => format!(
                "move {it} before `setup-windows`, or put `restart-computer` with `target = \"windows-pe\"` before {it}"
            ),
        },
        (_, System::FullOs) => {
            format!("move {it} behind `setup-windows`, the only way from Windows PE into the new system")
        }
    };
    rules.add(problem.help(help));
}
