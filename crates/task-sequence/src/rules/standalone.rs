//! What does not work on stand-alone media (R128 to R139), nor partitions on prestaged ones (R146).
//!
//! A condition on `_SMSTSMediaType` guards a step. A page of the documentation prints that condition the wrong way
//! round: a step that runs from stand-alone media alone is told apart, on whatever medium.

use super::super::condition::{Operator, Test};
use super::super::reach::{Reached, System, reach};
use super::super::read_only::{Known, of_medium};
use super::super::started::Started;
use super::super::{Action, Body};
use super::{At, Rules, at_key, at_step};
use crate::MediaKind;
use authoring::problem::Problem;
use authoring::rule::Rule;

/// Variables whose value is the same on all stand-alone media (R138).
const USELESS: [&str; 3] = ["_SMSTSPackageID", "_SMSTSAdvertID", "_SMSTSClientGUID"];

pub fn check(rules: &mut Rules<'_>) {
    guarded("auto-apply-drivers", Rule::UnguardedAutoApplyDrivers, "drivers", "use `apply-driver-package`", rules);
    guarded(
        "install-software-updates",
        Rule::UnguardedSoftwareUpdates,
        "updates",
        "put the updates into the image",
        rules,
    );
    prestaged(rules);
    if !rules.is_alone() {
        return;
    }
    for at in rules.steps.clone().iter().filter(|at| at.reached.may_run()) {
        if let Some(action) = at.action() {
            forbidden(at, action, rules);
            network(at, action, rules);
        }
    }
    rules.enabled().iter().for_each(|at| conditions(at, rules));
    deploys(rules);
    too_early(rules);
    slow(rules);
}

/// Steps that ask the site, unless they are guarded.
fn guarded(kind: &str, rule: Rule, what: &str, instead: &str, rules: &mut Rules<'_>) {
    let steps: Vec<_> = rules.enabled().into_iter().filter(|at| at.is(kind)).collect();
    if steps.is_empty() {
        return;
    }
    let on = |kind| reach(rules.sequence, Some(kind));
    let (alone, bootable) = (on(MediaKind::StandAlone), on(MediaKind::Bootable));
    let is_kept_off = |found: &[Reached], at: &At<'_>| {
        let path = at.around.iter().copied().chain([at.step]);
        let own = rules.steps.iter().filter(|other| path.clone().any(|step| std::ptr::eq(step, other.step)));
        own.clone().any(|other| found[other.index].is_kept_off_by_medium())
    };
    let mut problems = Vec::new();
    for at in steps {
        let runs_alone = alone[at.index].may_run();
        if runs_alone && is_kept_off(&bootable, &at) {
            let message = format!(
                "the step `{}` asks the site for {what}, and runs from stand-alone media alone, which have no site",
                at.name()
            );
            let problem = at_condition(Problem::new(rule, message), &at, "the wrong way round");
            problems.push(problem.help(
                "write `condition = { variable = \"_SMSTSMediaType\", operator = \"not-equals\", value = \"FullMedia\" }`; \
                 a page of the documentation prints it the wrong way round",
            ));
        } else if let (true, Some(kind)) = (runs_alone, rules.without_site()) {
            let message = format!("the step `{}` asks the site for {what}, and {kind} media have none", at.name());
            let problem = rules.on_medium(at_step(Problem::new(rule, message), at.step, "not guarded"));
            problems.push(problem.help(format!(
                "{instead}, or guard it: \
                 `condition = {{ variable = \"_SMSTSMediaType\", operator = \"not-equals\", value = \"FullMedia\" }}`"
            )));
        }
    }
    rules.problems.append(&mut problems);
}

/// The condition of a step or, if it has none, of the nearest group that has one.
fn at_condition(problem: Problem, at: &At<'_>, words: &str) -> Problem {
    let mut path = at.around.iter().copied().chain([at.step]).rev();
    let asks = |step: &&super::super::Step| {
        let tests = step.condition.iter().flat_map(|condition| condition.tests());
        tests
            .into_iter()
            .any(|test| matches!(test, Test::Variable { name, .. } if name.eq_ignore_ascii_case("_SMSTSMediaType")))
    };
    let step = path.find(asks).unwrap_or(at.step);
    at_key(problem, step, "condition", words)
}

fn forbidden(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    let (rule, key, message, help) = match action.kind.name {
        "download-package-content" => (
            Rule::DownloadOnStandAlone,
            "name",
            "downloads content, and stand-alone media have no site to ask where it is",
            "leave it out, or guard it by `_SMSTSMediaType`; what is on the medium is found without it",
        ),
        "install-package" | "install-application" if action.values.contains_key("base-variable") => (
            Rule::DynamicListOnStandAlone,
            "base-variable",
            "installs what variables name, and stand-alone media carry what the sequence names itself",
            "name the packages or applications in steps of their own",
        ),
        "setup-windows" if action.values.contains_key("pre-production-package") => (
            Rule::PreProductionClient,
            "pre-production-package",
            "installs the pre-production client, which stand-alone media have not",
            "leave out `pre-production-package`",
        ),
        _ => return,
    };
    let problem = Problem::new(rule, format!("the step `{}` {message}", at.name()));
    let problem = rules.on_medium(at_key(problem, at.step, key, ""));
    rules.add(problem.help(help));
}

/// Steps that may not find what they need (R135, R136).
fn network(at: &At<'_>, action: &Action, rules: &mut Rules<'_>) {
    let (rule, key, what, help) = match action.kind.name {
        "request-state-store" | "release-state-store" => (
            Rule::NetworkStepOnStandAlone,
            "name",
            "asks a state migration point",
            "keep the state on the disk: `in-place = true`",
        ),
        "connect-network-folder" => {
            (Rule::NetworkStepOnStandAlone, "path", "connects a shared folder", "carry its files as a package")
        }
        "capture-operating-system-image" => {
            (Rule::NetworkStepOnStandAlone, "destination", "writes to a share", "see that it can be reached")
        }
        "apply-operating-system" if action.is_set("run-from-network") => (
            Rule::NetworkStepOnStandAlone,
            "run-from-network",
            "reads a distribution point",
            "leave out `run-from-network`",
        ),
        "upgrade-operating-system" if action.values.contains_key("feature-update") => (
            Rule::FeatureUpdateOnStandAlone,
            "feature-update",
            "gets a feature update",
            "name an upgrade package: `package = \"BER00011\"`",
        ),
        "upgrade-operating-system" if action.text("dynamic-update") == Some("override-policy") => {
            (Rule::FeatureUpdateOnStandAlone, "dynamic-update", "gets updates of Setup", "leave out `dynamic-update`")
        }
        _ => return,
    };
    let problem = Problem::new(rule, format!("the step `{}` {what}, and needs the network for it", at.name()));
    let problem = rules.on_medium(at_key(problem, at.step, key, ""));
    rules.add(problem.help(format!("{help}, or guard it by `_SMSTSMediaType`")));
}

/// Conditions whose outcome is fixed on stand-alone media (R138).
///
/// A comparison that tells such media from others, such as `_SMSTSPackageID` with `INMEM_TS`, is useful.
fn conditions(at: &At<'_>, rules: &mut Rules<'_>) {
    let Some(condition) = &at.step.condition else { return };
    for test in condition.tests() {
        let Test::Variable { name, operator, value } = test else { continue };
        let Some(name) = USELESS.iter().find(|known| known.eq_ignore_ascii_case(name)) else { continue };
        if operator.is_about_presence() || super::has_variable(value) {
            continue;
        }
        let (found, holds) = match of_medium(name, Started::StandAlone) {
            Known::Text(text) => (format!("it is always `{text}`"), operator.holds(Some(text), value)),
            _ => ("it is never set".into(), operator.holds(None, value)),
        };
        // One that names the fixed value asks whether the medium is a stand-alone one.
        let asks_for_medium = matches!(of_medium(name, Started::StandAlone), Known::Text(text) if
            Operator::Equals.holds(Some(text), value) || Operator::Like.holds(Some(text), value));
        if asks_for_medium {
            continue;
        }
        let always = if holds { "always" } else { "never" };
        let problem = Problem::new(
            Rule::UselessCondition,
            format!("the condition compares `{name}`, and {always} holds on stand-alone media: {found}"),
        );
        let problem = rules.on_medium(at_key(problem, at.step, "condition", ""));
        rules.add(problem.help("compare something else, such as `_SMSTSPackageName` or a variable of your own"));
    }
}

/// Stand-alone media deploy a system (R134).
fn deploys(rules: &mut Rules<'_>) {
    let kinds = ["apply-operating-system", "upgrade-operating-system"];
    if rules.has_unknown_steps() || kinds.iter().any(|kind| !rules.running(kind).is_empty()) {
        return;
    }
    // A step that can't run is told by itself.
    if rules.enabled().iter().any(|at| kinds.iter().any(|kind| at.is(kind))) {
        return;
    }
    let problem =
        Problem::new(Rule::NothingDeployed, "the sequence deploys no system, and stand-alone media do nothing else");
    let problem = super::with(problem, rules.sequence.written.part("name"), "");
    let problem = rules.on_medium(problem);
    rules.add(problem.help("add a step of type `apply-operating-system` or `upgrade-operating-system`"));
}

/// Stand-alone media install nothing before the system (R133).
fn too_early(rules: &mut Rules<'_>) {
    let applied = rules.running("apply-operating-system");
    for kind in ["install-package", "install-application", "install-software-updates"] {
        for at in rules.running(kind) {
            let is_early = at.reached.surely().any(|world| world.system == System::FullOs && !world.has_applied);
            let Some(system) = applied.iter().find(|system| system.index > at.index).filter(|_| is_early) else {
                continue;
            };
            let problem = Problem::new(
                Rule::InstallBeforeOperatingSystem,
                format!("the step `{}` installs before the system is there", at.name()),
            );
            let problem = at_step(problem, at.step, "too early");
            let problem = at_step(problem, system.step, "the system comes here");
            rules.add(problem.help("move it behind `setup-windows`, or guard it by `_SMSTSMediaType`"));
        }
    }
}

/// What waits without a network (R137, R139).
fn slow(rules: &mut Rules<'_>) {
    let leaves: Vec<_> = rules.enabled().into_iter().filter(|at| !matches!(at.step.body, Body::Group(_))).collect();
    for pair in leaves.windows(2) {
        let is_pair = pair[0].is("restart-computer") && pair[1].is("install-application");
        if is_pair && pair[1].reached.may_run() && !pair[1].step.continues_on_error {
            let problem = Problem::new(
                Rule::DelayedApplication,
                format!("the step `{}` waits seven minutes after the restart", pair[1].name()),
            );
            let problem = at_step(problem, pair[1].step, "");
            let problem = at_step(problem, pair[0].step, "restarts");
            rules.add(problem.help("add `continue-on-error = true`, or leave out the restart"));
        }
    }
    let sets = |at: &At<'_>| {
        let action = at.action().filter(|action| action.is("set-variable"));
        action
            .and_then(|action| action.text("variable"))
            .is_some_and(|name| name.eq_ignore_ascii_case("SMSTSDisableStatusRetry"))
    };
    if !rules.enabled().iter().any(sets) && rules.enabled().iter().any(|at| at.action().is_some()) {
        let problem =
            Problem::new(Rule::StatusRetries, "without a network each step tries for a while to send its status");
        let problem = rules.on_medium(super::with(problem, rules.sequence.written.part("name"), ""));
        rules.add(problem.help("set `SMSTSDisableStatusRetry` to `true` in a first step of type `set-variable`"));
    }
}

/// Partitioning wipes what was staged (R146).
fn prestaged(rules: &mut Rules<'_>) {
    if rules.medium.kind != Some(MediaKind::Prestaged) {
        return;
    }
    for at in rules.running("partition-disk") {
        let problem = Problem::new(
            Rule::PartitioningOnPrestaged,
            format!("the step `{}` wipes what was staged on the disk", at.name()),
        );
        let problem = rules.on_medium(at_step(problem, at.step, "not guarded"));
        rules.add(problem.help(
            "guard it: `condition = { variable = \"_SMSTSMediaType\", operator = \"not-equals\", value = \"OEMMedia\" }`",
        ));
    }
}
