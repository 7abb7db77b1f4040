//! Checks of sequences that capture: order of steps, domain membership, drivers.

use super::super::reach::System;
use super::{PlacedStep, Rules, at_key, at_place, at_step};
use crate::MediaKind;
use authoring::problem::Problem;
use authoring::rule::Rule;

const CLIENT: &str = "prepare-client-for-capture";
const WINDOWS: &str = "prepare-windows-for-capture";
const CAPTURE: &str = "capture-operating-system-image";

pub fn check(rules: &mut Rules<'_>) {
    check_order(rules);
    check_membership(rules);
    check_autopilot(rules);
    let captures = rules.running(CAPTURE);
    let Some(first) = captures.first() else { return check_captures_something(rules) };
    check_repeated_capture(&captures, rules);
    check_build(first, rules);
    check_drivers(first, rules);
}

/// Checks that a sequence on capture media captures a system.
fn check_captures_something(rules: &mut Rules<'_>) {
    // A capture step that can't run has a problem of its own.
    let is_there = rules.enabled().iter().any(|at| at.is(CAPTURE));
    if rules.medium.kind != Some(MediaKind::Capture) || is_there || rules.has_unknown_steps() {
        return;
    }
    let problem = Problem::error("the task sequence has no capture step, but capture media serve no other purpose");
    let problem = at_place(problem, rules.sequence.places.part("name"), "");
    let problem = rules.at_media_kind(problem);
    rules.add(problem.help(format!("add a step of type `{CAPTURE}`")));
}

/// Checks the order of a capture: prepare the client, prepare Windows, capture (R94).
fn check_order(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let first = |kind: &str| steps.iter().find(|at| at.is(kind));
    for (before, after) in [(CLIENT, WINDOWS), (WINDOWS, CAPTURE), (CLIENT, CAPTURE)] {
        let (Some(early), Some(late)) = (first(before), first(after)) else { continue };
        // With all three steps in the wrong order, only the neighbors are reported.
        let is_reported = (before, after) == (CLIENT, CAPTURE) && first(WINDOWS).is_some();
        if early.index > late.index && !is_reported {
            let message = format!("the step `{}` comes before `{}`, which prepares it", late.name(), early.name());
            let problem = at_step(Problem::new(Rule::UnpreparedCapture, message), late.step, "too early");
            let problem = at_step(problem, early.step, "prepares it");
            rules.add(problem.help(format!("move `{}` before `{}`", early.name(), late.name())));
        }
    }
    let Some(capture) = first(CAPTURE) else { return };
    // A sequence that ran in the full system before has to prepare it for the restart into Windows PE.
    let has_set_up = steps.iter().any(|at| at.index < capture.index && at.is("setup-windows"));
    if has_set_up && first(WINDOWS).is_none() && capture.reached.may_run() && !rules.has_unknown_steps() {
        let problem = Problem::new(
            Rule::UnpreparedCapture,
            format!("no step prepares Windows for the capture step `{}`", capture.name()),
        );
        let problem = at_step(problem, capture.step, "");
        rules.add(
            problem.help(
                "add steps of the types `prepare-client-for-capture` and `prepare-windows-for-capture` before it",
            ),
        );
    }
}

/// Checks that a system that is captured has not joined a domain (R84).
fn check_membership(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let prepared: Vec<_> = rules.running(WINDOWS);
    let joins = steps.iter().filter(|at| at.is("apply-network-settings") || at.is("join-domain-workgroup"));
    for at in joins.filter(|at| at.reached.may_run()) {
        let domain = at.action().and_then(|action| action.text("domain"));
        let left = |other: &PlacedStep<'_>, before: usize| {
            let joins = other.action().is_some_and(|action| action.text("workgroup").is_some());
            other.is("join-domain-workgroup") && joins && (at.index..before).contains(&other.index)
        };
        let sysprep = prepared.iter().find(|sysprep| sysprep.index > at.index);
        let (Some(domain), Some(sysprep)) = (domain, sysprep) else { continue };
        if steps.iter().any(|other| left(other, sysprep.index)) {
            continue;
        }
        let message = format!("the computer joins the domain `{domain}` before Sysprep, which fails on domain members");
        let problem = at_key(Problem::new(Rule::DomainJoinBeforeCapture, message), at.step, "domain", "joined here");
        let problem = at_step(problem, sysprep.step, "Sysprep fails here");
        rules
            .problems
            .push(problem.help("write `workgroup = \"WORKGROUP\"`, and join the domain when the image is deployed"));
    }
}

/// Checks that Sysprep does not delete an Autopilot profile (R100).
fn check_autopilot(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let has_profile = |at: &&PlacedStep<'_>| {
        let text = |key| at.action().and_then(|action| action.text(key)).unwrap_or_default().to_lowercase();
        ["command-line", "script"].iter().any(|key| text(key).contains("autopilotconfigurationfile.json"))
    };
    let Some(profile) = steps.iter().find(has_profile) else { return };
    for at in rules.running(WINDOWS).iter().filter(|at| at.index > profile.index) {
        let problem = Problem::new(
            Rule::DeletedAutopilotProfile,
            format!("the step `{}` deletes the Autopilot profile", at.name()),
        );
        let problem = at_step(problem, at.step, "runs Sysprep with `/generalize`");
        let problem = at_step(problem, profile.step, "installed here");
        rules.add(problem.help("run Sysprep without `/generalize` in a step of type `run-command-line`"));
    }
}

/// Checks that a reference computer is captured only once (R98).
fn check_repeated_capture(captures: &[PlacedStep<'_>], rules: &mut Rules<'_>) {
    for pair in captures.windows(2) {
        let problem = Problem::new(
            Rule::RepeatedCapture,
            format!("the step `{}` captures the computer a second time", pair[1].name()),
        );
        let problem = at_step(problem, pair[1].step, "second capture");
        let problem = at_step(problem, pair[0].step, "first capture");
        rules.add(problem.help("capture once, and rebuild the computer before the next capture"));
    }
}

/// Checks that a build and capture has an image to install and a boot image to capture from (R101).
fn check_build(capture: &PlacedStep<'_>, rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let set_up = steps.iter().find(|at| at.is("setup-windows"));
    // Every medium starts from a boot image, so only a sequence without a medium can lack one.
    let has_boot_image = rules.sequence.boot_image.is_some() || rules.medium.kind.is_some();
    if set_up.is_some() && !has_boot_image {
        // The XML of a task sequence does not name its boot image, so an imported sequence has none.
        let problem = Problem::note("the task sequence restarts into Windows PE to capture, but has no boot image");
        let problem = at_place(problem, rules.sequence.places.part("name"), "");
        let problem = at_step(problem, capture.step, "runs in Windows PE");
        rules.add(problem.help(
            "choose a boot image for the task sequence in the console, or add `boot-image = \"BER00001\"` (its \
             package ID) above the steps",
        ));
    }
    let is_applied = steps.iter().any(|at| at.is("apply-operating-system"));
    if let Some(set_up) = set_up.filter(|_| !is_applied && !rules.has_unknown_steps()) {
        let problem = Problem::new(
            Rule::IncompleteBuildAndCapture,
            "the task sequence sets up and captures Windows, but applies no operating system image",
        );
        let problem = at_step(problem, set_up.step, "sets up Windows");
        let problem = at_step(problem, capture.step, "captures it");
        rules.add(problem.help("add a step of type `apply-operating-system` before `setup-windows`"));
    }
}

/// Checks that a reference computer gets no drivers (R99).
fn check_drivers(capture: &PlacedStep<'_>, rules: &mut Rules<'_>) {
    for kind in ["auto-apply-drivers", "apply-driver-package"] {
        let before_capture = rules.running(kind).into_iter().filter(|at| at.index < capture.index);
        let before_capture: Vec<_> =
            before_capture.filter(|at| at.reached.certain().any(|world| world.system == System::WindowsPe)).collect();
        for at in before_capture {
            let problem = Problem::new(
                Rule::DriversOnReferenceMachine,
                format!("the image will contain the drivers of the step `{}`", at.name()),
            );
            let problem = at_step(problem, at.step, "");
            let problem = at_step(problem, capture.step, "captured here");
            rules.add(problem.help("build the reference computer as a virtual machine, without drivers"));
        }
    }
}
