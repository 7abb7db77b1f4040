//! What is wrong with sequences that capture: order, membership, drivers.

use super::super::reach::System;
use super::{At, Rules, at_key, at_step, with};
use crate::MediaKind;
use authoring::problem::Problem;
use authoring::rule::Rule;

const CLIENT: &str = "prepare-client-for-capture";
const WINDOWS: &str = "prepare-windows-for-capture";
const CAPTURE: &str = "capture-operating-system-image";

pub fn check(rules: &mut Rules<'_>) {
    order(rules);
    membership(rules);
    autopilot(rules);
    let captures = rules.running(CAPTURE);
    let Some(first) = captures.first() else { return nothing(rules) };
    twice(&captures, rules);
    build(first, rules);
    drivers(first, rules);
}

/// Capture media capture a system.
fn nothing(rules: &mut Rules<'_>) {
    // A step that can't run is told by itself.
    let is_there = rules.enabled().iter().any(|at| at.is(CAPTURE));
    if rules.medium.kind != Some(MediaKind::Capture) || is_there || rules.has_unknown_steps() {
        return;
    }
    let problem = Problem::error("the sequence captures no system, and capture media do nothing else");
    let problem = with(problem, rules.sequence.written.part("name"), "");
    let problem = rules.on_medium(problem);
    rules.add(problem.help(format!("add a step of type `{CAPTURE}`")));
}

/// First the client is prepared, then Windows, then it is captured (R94).
fn order(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let first = |kind: &str| steps.iter().find(|at| at.is(kind));
    for (before, behind) in [(CLIENT, WINDOWS), (WINDOWS, CAPTURE), (CLIENT, CAPTURE)] {
        let (Some(early), Some(late)) = (first(before), first(behind)) else { continue };
        // Of the three in the wrong order the neighbours are told.
        let is_told = (before, behind) == (CLIENT, CAPTURE) && first(WINDOWS).is_some();
        if early.index > late.index && !is_told {
            let message = format!("the step `{}` comes before `{}`, which prepares for it", late.name(), early.name());
            let problem = at_step(Problem::new(Rule::UnpreparedCapture, message), late.step, "too early");
            let problem = at_step(problem, early.step, "prepares for it");
            rules.add(problem.help(format!("move `{}` before `{}`", early.name(), late.name())));
        }
    }
    let Some(capture) = first(CAPTURE) else { return };
    // Where the sequence is in the full system before, something has to prepare it for Windows PE.
    let came_up = steps.iter().any(|at| at.index < capture.index && at.is("setup-windows"));
    if came_up && first(WINDOWS).is_none() && capture.reached.may_run() && !rules.has_unknown_steps() {
        let problem = Problem::new(
            Rule::UnpreparedCapture,
            format!("nothing prepares Windows for the step `{}`", capture.name()),
        );
        let problem = at_step(problem, capture.step, "");
        rules.add(
            problem.help("put steps of types `prepare-client-for-capture` and `prepare-windows-for-capture` before it"),
        );
    }
}

/// What is captured has joined no domain (R84).
fn membership(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let prepared: Vec<_> = rules.running(WINDOWS);
    let joins = steps.iter().filter(|at| at.is("apply-network-settings") || at.is("join-domain-workgroup"));
    for at in joins.filter(|at| at.reached.may_run()) {
        let domain = at.action().and_then(|action| action.text("domain"));
        let left = |other: &At<'_>, before: usize| {
            let joins = other.action().is_some_and(|action| action.text("workgroup").is_some());
            other.is("join-domain-workgroup") && joins && (at.index..before).contains(&other.index)
        };
        let sysprep = prepared.iter().find(|sysprep| sysprep.index > at.index);
        let (Some(domain), Some(sysprep)) = (domain, sysprep) else { continue };
        if steps.iter().any(|other| left(other, sysprep.index)) {
            continue;
        }
        let message = format!("the computer joins the domain `{domain}`, and Sysprep fails on members of a domain");
        let problem = at_key(Problem::new(Rule::DomainJoinBeforeCapture, message), at.step, "domain", "joined here");
        let problem = at_step(problem, sysprep.step, "fails");
        rules.problems.push(problem.help("write `workgroup = \"WORKGROUP\"`; what is deployed later joins the domain"));
    }
}

/// Sysprep deletes the profile of Autopilot (R100).
fn autopilot(rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let has_profile = |at: &&At<'_>| {
        let text = |key| at.action().and_then(|action| action.text(key)).unwrap_or_default().to_lowercase();
        ["command-line", "script"].iter().any(|key| text(key).contains("autopilotconfigurationfile.json"))
    };
    let Some(profile) = steps.iter().find(has_profile) else { return };
    for at in rules.running(WINDOWS).iter().filter(|at| at.index > profile.index) {
        let problem = Problem::new(
            Rule::DeletedAutopilotProfile,
            format!("the step `{}` deletes the profile of Autopilot", at.name()),
        );
        let problem = at_step(problem, at.step, "runs Sysprep with `/generalize`");
        let problem = at_step(problem, profile.step, "put here");
        rules.add(problem.help("run Sysprep without `/generalize` by a command line"));
    }
}

/// A reference machine is captured once (R98).
fn twice(captures: &[At<'_>], rules: &mut Rules<'_>) {
    for pair in captures.windows(2) {
        let problem =
            Problem::new(Rule::RepeatedCapture, format!("the step `{}` captures the machine again", pair[1].name()));
        let problem = at_step(problem, pair[1].step, "a second capture");
        let problem = at_step(problem, pair[0].step, "the first");
        rules.add(problem.help("capture once, and build the machine anew before another capture"));
    }
}

/// What builds and captures installs what it captures, and restarts into a boot image for it (R101).
fn build(capture: &At<'_>, rules: &mut Rules<'_>) {
    let steps = rules.enabled();
    let set_up = steps.iter().find(|at| at.is("setup-windows"));
    // A medium has a boot image of its own.
    let has_boot_image = rules.sequence.boot_image.is_some() || rules.medium.kind.is_some();
    if set_up.is_some() && !has_boot_image {
        // The XML of a sequence by itself does not name the boot image, so an imported one has none.
        let problem = Problem::note("the sequence restarts into Windows PE to capture, and names no boot image");
        let problem = with(problem, rules.sequence.written.part("name"), "");
        let problem = at_step(problem, capture.step, "runs in it");
        rules.add(problem.help(
            "in the console, choose a boot image for the sequence; or add `boot-image = \"BER00001\"`, its package \
             ID, above the steps",
        ));
    }
    let is_applied = steps.iter().any(|at| at.is("apply-operating-system"));
    if let Some(set_up) = set_up.filter(|_| !is_applied && !rules.has_unknown_steps()) {
        let problem = Problem::new(
            Rule::IncompleteBuildAndCapture,
            "the sequence sets Windows up and captures it, and applies no image",
        );
        let problem = at_step(problem, set_up.step, "sets up what is not there");
        let problem = at_step(problem, capture.step, "and captures it");
        rules.add(problem.help("put a step of type `apply-operating-system` before `setup-windows`"));
    }
}

/// A reference machine gets no drivers (R99).
fn drivers(capture: &At<'_>, rules: &mut Rules<'_>) {
    for kind in ["auto-apply-drivers", "apply-driver-package"] {
        let built = rules.running(kind).into_iter().filter(|at| at.index < capture.index);
        let built: Vec<_> =
            built.filter(|at| at.reached.surely().any(|world| world.system == System::WindowsPe)).collect();
        for at in built {
            let problem = Problem::new(
                Rule::DriversOnReferenceMachine,
                format!("the drivers of the step `{}` are captured, too", at.name()),
            );
            let problem = at_step(problem, at.step, "");
            let problem = at_step(problem, capture.step, "captured here");
            rules.add(problem.help("build the reference machine as a virtual one, without drivers"));
        }
    }
}
