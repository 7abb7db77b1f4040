//! Checks of the order of steps: deployment, partitioning, restarts and state stores.

use super::super::Step;
use super::super::reach::{Disk, System, World};
use super::{PlacedStep, Rules, at_key, at_step};
use authoring::problem::Problem;
use authoring::rule::Rule;

pub fn check(rules: &mut Rules<'_>) {
    check_setup(rules);
    check_drivers(rules);
    check_network_settings(rules);
    check_disks(rules);
    check_restarts(rules);
    check_state_stores(rules);
}

/// Checks that an applied system is set up (R103), by a step that does not continue on error
/// (R104).
fn check_setup(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let set_up: Vec<_> = steps.iter().filter(|at| at.is("setup-windows")).collect();
    for at in &set_up {
        if at.step.continues_on_error {
            let message =
                format!("the step `{}` ignores `continue-on-error`: if it fails, the task sequence fails", at.name());
            let problem = at_key(Problem::new(Rule::IgnoredContinueOnError, message), at.step, "continue-on-error", "");
            rules.add(problem.help("remove `continue-on-error`"));
        }
    }
    if rules.has_unknown_steps() {
        return;
    }
    let applied = rules.running("apply-operating-system");
    let Some(first) = applied.first() else { return };
    // A setup that comes too early is reported with the steps that then run in the wrong system.
    let is_early = |at: &&PlacedStep<'_>| at.index < first.index && first.reached.runs_only_in(System::FullOs);
    if set_up.iter().any(is_early) {
        return;
    }
    if !set_up.iter().any(|at| at.index > first.index) {
        let message = format!("the step `{}` applies an operating system, but no step sets it up", first.name());
        let problem = at_step(Problem::new(Rule::MissingSetupStep, message), first.step, "");
        rules.add(problem.help("add a step of type `setup-windows` after it, with the package of the client"));
    }
}

/// Checks that driver packages are applied after the operating system (R105).
fn check_drivers(rules: &mut Rules<'_>) {
    let applied: Vec<_> = rules.enabled().into_iter().filter(|at| at.is("apply-operating-system")).collect();
    for at in rules.running("apply-driver-package") {
        let is_before = at.reached.certain().all(|world| !world.has_applied);
        let later = applied.iter().find(|other| other.index > at.index);
        if let Some(later) = later.filter(|_| is_before) {
            let problem = Problem::new(
                Rule::MisplacedDriverPackage,
                format!("the step `{}` applies drivers before there is an operating system", at.name()),
            );
            let problem = at_step(problem, at.step, "no operating system yet");
            let problem = at_step(problem, later.step, "applied here");
            rules.add(problem.help(format!("move it after `{}`", later.name())));
        }
    }
}

/// Checks that each of several Apply Network Settings steps has a group with a condition of its own
/// (R106).
///
/// The engine ignores conditions on the steps themselves.
fn check_network_settings(rules: &mut Rules<'_>) {
    let all: Vec<_> = rules.enabled().into_iter().filter(|at| at.is("apply-network-settings")).collect();
    if all.len() < 2 {
        return;
    }
    fn conditional_group<'a>(at: &PlacedStep<'a>) -> Option<&'a Step> {
        at.around.iter().rev().find(|group| group.condition.is_some()).copied()
    }
    for (index, at) in all.iter().enumerate() {
        let shares = |other: &PlacedStep<'_>| match (conditional_group(at), conditional_group(other)) {
            (Some(own), Some(of_other)) => std::ptr::eq(own, of_other),
            _ => false,
        };
        let other = all.iter().enumerate().find(|(at, other)| *at != index && shares(other)).map(|(_, other)| other);
        if conditional_group(at).is_some() && other.is_none() {
            continue;
        }
        // If no step shares the group, label any other of these steps.
        let other = other.unwrap_or(&all[usize::from(index == 0)]);
        let message = format!(
            "the last of several Apply Network Settings steps takes effect, and `{}` has no group with its own condition",
            at.name()
        );
        let problem = at_step(
            Problem::new(Rule::AmbiguousNetworkSettings, message),
            at.step,
            "not in a conditional group of its own",
        );
        let problem = at_step(problem, other.step, "another one");
        rules.add(problem.help("put each step into a group of its own, with the condition on the group"));
    }
}

/// Checks that a restart finds a formatted partition (R119).
fn check_disks(rules: &mut Rules<'_>) {
    for at in rules.enabled() {
        let restarts = ["restart-computer", "setup-windows"].iter().any(|kind| at.is(kind));
        if !restarts || !at.reached.certain().any(|world| world.disk == Disk::Bare) {
            continue;
        }
        let partitioned = rules.steps[..at.index].iter().rev().find(|other| other.is("partition-disk"));
        let problem = Problem::new(
            Rule::RestartWithoutPartition,
            format!("the step `{}` restarts the computer, but no partition is formatted", at.name()),
        );
        let mut problem = at_step(problem, at.step, "the task sequence can't save its state");
        if let Some(partitioned) = partitioned {
            problem = at_key(problem, partitioned.step, "partitions", "formats no partition");
        }
        rules.add(problem.help("add `file-system` to a partition; `continue-on-error` does not prevent this failure"));
    }
}

/// Checks that a restart into the installed system finds one that the sequence applied.
fn check_restarts(rules: &mut Rules<'_>) {
    for at in rules.running("restart-computer") {
        let leads_back = at.action().is_some_and(|action| action.text("target") == Some("hard-disk"));
        let is_bare =
            |world: &World| world.system == System::WindowsPe && world.disk == Disk::Untouched && !world.has_applied;
        if leads_back && at.reached.certain().all(is_bare) {
            let message =
                format!("the step `{}` restarts from Windows PE into the system that was installed before", at.name());
            let problem = at_key(Problem::warning(message), at.step, "target", "nothing is partitioned or applied yet");
            rules.add(
                problem.help("write `target = \"windows-pe\"`, or move the step after the one that applies the system"),
            );
        }
    }
}

/// Checks that a requested state store is released, even if a step in between fails (R122, R166).
fn check_state_stores(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    for at in steps.iter().filter(|at| at.is("request-state-store")) {
        let is_next = |other: &&PlacedStep<'_>| other.is("release-state-store") || other.is("request-state-store");
        // A second request before the release leaves the first one unreleased.
        let next = steps.iter().filter(|other| other.index > at.index).find(is_next);
        let Some(release) = next.filter(|next| next.is("release-state-store")) else {
            let problem = Problem::new(
                Rule::UnreleasedStateStore,
                format!("the state store that the step `{}` requests is never released", at.name()),
            );
            let problem = at_step(problem, at.step, "requested here");
            rules.add(problem.help("add a step of type `release-state-store` after the steps that use it"));
            continue;
        };
        let between = steps.iter().filter(|other| (at.index + 1..release.index).contains(&other.index));
        let moves = |other: &&PlacedStep<'_>| other.is("capture-user-state") || other.is("restore-user-state");
        // A group that continues on error catches the failure too, if the release is outside of that group.
        let is_caught = |other: &PlacedStep<'_>| {
            let lies_outside = |group: &&&Step| !release.around.iter().any(|of| std::ptr::eq(*of, **group));
            other.continues_on_error() || other.around.iter().filter(lies_outside).any(|group| group.continues_on_error)
        };
        for other in between.filter(moves).filter(|other| !is_caught(other)) {
            let problem = Problem::new(
                Rule::StateStoreKeptOnFailure,
                format!("the state store stays reserved if the step `{}` fails", other.name()),
            );
            let problem = at_step(problem, other.step, "a failure ends the task sequence");
            let problem = at_step(problem, release.step, "is then skipped");
            rules.problems.push(problem.help("add `continue-on-error = true` to the step"));
        }
    }
}
