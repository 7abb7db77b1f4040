//! What is wrong with the order of steps: what deploys a system, partitions, restarts, and state stores.

use super::super::Step;
use super::super::reach::{Disk, System, World};
use super::{At, Rules, at_key, at_step};
use authoring::problem::Problem;
use authoring::rule::Rule;

pub fn check(rules: &mut Rules<'_>) {
    setup(rules);
    drivers(rules);
    network_settings(rules);
    disks(rules);
    restarts(rules);
    state_stores(rules);
}

/// What applies a system sets it up (R103), and does not count on going on when that fails (R104).
fn setup(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let set_up: Vec<_> = steps.iter().filter(|at| at.is("setup-windows")).collect();
    for at in &set_up {
        if at.step.continues_on_error {
            let message = format!("the sequence fails with the step `{}` whatever is said of errors", at.name());
            let problem = at_key(Problem::new(Rule::IgnoredContinueOnError, message), at.step, "continue-on-error", "");
            rules.add(problem.help("leave out `continue-on-error`"));
        }
    }
    if rules.has_unknown_steps() {
        return;
    }
    let applied = rules.running("apply-operating-system");
    let Some(first) = applied.first() else { return };
    // A setup that comes too early is told with the steps behind it.
    let is_early = |at: &&At<'_>| at.index < first.index && first.reached.runs_only_in(System::FullOs);
    if set_up.iter().any(is_early) {
        return;
    }
    if !set_up.iter().any(|at| at.index > first.index) {
        let message = format!("the step `{}` applies a system, and nothing sets it up", first.name());
        let problem = at_step(Problem::new(Rule::MissingSetupStep, message), first.step, "");
        rules.add(problem.help("put a step of type `setup-windows` behind it, with the package of the client"));
    }
}

/// A driver package lies between the system and its setup (R105).
fn drivers(rules: &mut Rules<'_>) {
    let applied: Vec<_> = rules.enabled().into_iter().filter(|at| at.is("apply-operating-system")).collect();
    for at in rules.running("apply-driver-package") {
        let is_before = at.reached.surely().all(|world| !world.has_applied);
        let behind = applied.iter().find(|other| other.index > at.index);
        if let Some(behind) = behind.filter(|_| is_before) {
            let problem = Problem::new(
                Rule::MisplacedDriverPackage,
                format!("the drivers of the step `{}` go into no system", at.name()),
            );
            let problem = at_step(problem, at.step, "nothing is applied yet");
            let problem = at_step(problem, behind.step, "the system comes here");
            rules.add(problem.help(format!("move it behind `{}`", behind.name())));
        }
    }
}

/// Of several Apply Network Settings the conditions on the steps themselves are not looked at (R106).
fn network_settings(rules: &mut Rules<'_>) {
    let all: Vec<_> = rules.enabled().into_iter().filter(|at| at.is("apply-network-settings")).collect();
    if all.len() < 2 {
        return;
    }
    fn own_group<'a>(at: &At<'a>) -> Option<&'a Step> {
        at.around.iter().rev().find(|group| group.condition.is_some()).copied()
    }
    for (index, at) in all.iter().enumerate() {
        let shares = |other: &At<'_>| match (own_group(at), own_group(other)) {
            (Some(own), Some(of_other)) => std::ptr::eq(own, of_other),
            _ => false,
        };
        let other = all.iter().enumerate().find(|(at, other)| *at != index && shares(other)).map(|(_, other)| other);
        if own_group(at).is_some() && other.is_none() {
            continue;
        }
        let other = other.unwrap_or(&all[usize::from(index == 0)]);
        let message =
            format!("of several Apply Network Settings the last one wins, and `{}` can't be told off", at.name());
        let problem = at_step(
            Problem::new(Rule::AmbiguousNetworkSettings, message),
            at.step,
            "has no group with a condition to itself",
        );
        let problem = at_step(problem, other.step, "and there is this one");
        rules.add(problem.help("put each into a group of its own, and the condition on the group"));
    }
}

/// A restart finds a formatted partition (R119).
fn disks(rules: &mut Rules<'_>) {
    for at in rules.enabled() {
        let restarts = ["restart-computer", "setup-windows"].iter().any(|kind| at.is(kind));
        if !restarts || !at.reached.surely().any(|world| world.disk == Disk::Bare) {
            continue;
        }
        let partitioned = rules.steps[..at.index].iter().rev().find(|other| other.is("partition-disk"));
        let problem = Problem::new(
            Rule::RestartWithoutPartition,
            format!("the step `{}` restarts, and no partition is formatted", at.name()),
        );
        let mut problem = at_step(problem, at.step, "where it goes on can't be written down");
        if let Some(partitioned) = partitioned {
            problem = at_key(problem, partitioned.step, "partitions", "none is formatted here");
        }
        rules.add(
            problem.help("give a partition its `file-system`; the sequence fails here whatever is said of errors"),
        );
    }
}

/// A restart into the installed system finds one that the sequence put there.
fn restarts(rules: &mut Rules<'_>) {
    for at in rules.running("restart-computer") {
        let leads_back = at.action().is_some_and(|action| action.text("target") == Some("hard-disk"));
        let is_bare =
            |world: &World| world.system == System::WindowsPe && world.disk == Disk::Untouched && !world.has_applied;
        if leads_back && at.reached.surely().all(is_bare) {
            let message =
                format!("the step `{}` restarts from Windows PE into whatever system was there before", at.name());
            let problem =
                at_key(Problem::warning(message), at.step, "target", "nothing was partitioned or applied yet");
            rules.add(problem.help("write `target = \"windows-pe\"`, or move the step behind what applies the system"));
        }
    }
}

/// A state store that is requested is released, and what lies between goes on when it fails (R122).
fn state_stores(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    for at in steps.iter().filter(|at| at.is("request-state-store")) {
        let is_next = |other: &&At<'_>| other.is("release-state-store") || other.is("request-state-store");
        let next = steps.iter().filter(|other| other.index > at.index).find(is_next);
        let Some(release) = next.filter(|next| next.is("release-state-store")) else {
            let problem = Problem::new(
                Rule::UnreleasedStateStore,
                format!("the state store of `{}` is never released", at.name()),
            );
            let problem = at_step(problem, at.step, "requested here");
            rules.add(problem.help("put a step of type `release-state-store` behind what uses it"));
            continue;
        };
        let between = steps.iter().filter(|other| (at.index + 1..release.index).contains(&other.index));
        let moves = |other: &&At<'_>| other.is("capture-user-state") || other.is("restore-user-state");
        // A group that goes on takes a failure up as well, if the release lies outside of it.
        let is_caught = |other: &At<'_>| {
            let lies_outside = |group: &&&Step| !release.around.iter().any(|of| std::ptr::eq(*of, **group));
            other.survives() || other.around.iter().filter(lies_outside).any(|group| group.continues_on_error)
        };
        for other in between.filter(moves).filter(|other| !is_caught(other)) {
            let problem = Problem::new(
                Rule::StateStoreKeptOnFailure,
                format!("when `{}` fails, the state store stays taken", other.name()),
            );
            let problem = at_step(problem, other.step, "ends the sequence when it fails");
            let problem = at_step(problem, release.step, "and then this does not run");
            rules.problems.push(problem.help("add `continue-on-error = true` to it"));
        }
    }
}
