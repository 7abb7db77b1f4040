//! Checks of stand-alone media (R128 to R139), and of partitioning on prestaged media (R146).
//!
//! A condition on `_SMSTSMediaType` guards a step. One page of Microsoft's documentation prints
//! that condition inverted, so a step that runs only from stand-alone media gets a help of its own.

use super::super::condition::{Operator, Test};
use super::super::reach::{Reached, System, reach};
use super::super::read_only::{KnownValue, known_value};
use super::super::start_source::StartSource;
use super::super::{Action, Body};
use super::{PlacedStep, Rules, at_key, at_step};
use crate::MediaKind;
use authoring::problem::Problem;
use authoring::rule::Rule;

/// Variables with the same value on all stand-alone media (R138).
const FIXED_VARIABLES: [&str; 3] = ["_SMSTSPackageID", "_SMSTSAdvertID", "_SMSTSClientGUID"];

pub fn check(rules: &mut Rules<'_>) {
    check_guarded(
        "auto-apply-drivers",
        Rule::UnguardedAutoApplyDrivers,
        "drivers",
        "use `apply-driver-package`",
        rules,
    );
    check_guarded(
        "install-software-updates",
        Rule::UnguardedSoftwareUpdates,
        "updates",
        "put the updates into the image",
        rules,
    );
    check_partitioning(rules);
    if !rules.is_stand_alone() {
        return;
    }
    for at in rules.steps.clone().iter().filter(|at| at.reached.may_run()) {
        if let Some(action) = at.action() {
            check_unsupported(at, action, rules);
            check_network(at, action, rules);
        }
    }
    rules.enabled().iter().for_each(|at| check_conditions(at, rules));
    check_deployment(rules);
    check_early_installs(rules);
    check_delays(rules);
}

/// Checks that steps which contact the site are guarded.
fn check_guarded(kind: &str, rule: Rule, what: &str, instead: &str, rules: &mut Rules<'_>) {
    let steps: Vec<_> = rules.enabled().into_iter().filter(|at| at.is(kind)).collect();
    if steps.is_empty() {
        return;
    }
    let on = |kind| reach(rules.sequence, Some(kind));
    // An inverted condition is recognized by its effect: the step runs from stand-alone media, but not from
    // bootable ones.
    let (alone, bootable) = (on(MediaKind::StandAlone), on(MediaKind::Bootable));
    let is_kept_off = |found: &[Reached], at: &PlacedStep<'_>| {
        let path = at.around.iter().copied().chain([at.step]);
        // A group that the condition excludes excludes its steps as well.
        let own = rules.steps.iter().filter(|other| path.clone().any(|step| std::ptr::eq(step, other.step)));
        own.clone().any(|other| found[other.index].is_excluded_by_medium())
    };
    let mut problems = Vec::new();
    for at in steps {
        let runs_alone = alone[at.index].may_run();
        if runs_alone && is_kept_off(&bootable, &at) {
            let message = format!(
                "the step `{}` gets {what} from the site, but runs only from stand-alone media, which have no site",
                at.name()
            );
            let problem = at_condition(Problem::new(rule, message), &at, "inverted condition");
            problems.push(problem.help(
                "write `condition = { variable = \"_SMSTSMediaType\", operator = \"not-equals\", value = \"FullMedia\" }`; \
                 one page of Microsoft's documentation prints it inverted",
            ));
        } else if let (true, Some(kind)) = (runs_alone, rules.without_site()) {
            let message = format!("the step `{}` gets {what} from the site, but {kind} media have none", at.name());
            let problem = rules.at_media_kind(at_step(Problem::new(rule, message), at.step, "not guarded"));
            problems.push(problem.help(format!(
                "{instead}, or guard it: \
                 `condition = {{ variable = \"_SMSTSMediaType\", operator = \"not-equals\", value = \"FullMedia\" }}`"
            )));
        }
    }
    rules.problems.append(&mut problems);
}

/// Adds a label at the condition of the step that tests the media type, or of the nearest group
/// that does.
fn at_condition(problem: Problem, at: &PlacedStep<'_>, words: &str) -> Problem {
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

fn check_unsupported(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let (rule, key, message, help) = match action.kind.name {
        "download-package-content" => (
            Rule::DownloadOnStandAlone,
            "name",
            "downloads content, but stand-alone media have no site to locate it",
            "remove it, or guard it by `_SMSTSMediaType`; content on the medium is found without it",
        ),
        "install-package" | "install-application" if action.values.contains_key("base-variable") => (
            Rule::DynamicListOnStandAlone,
            "base-variable",
            "installs software listed in variables, but stand-alone media only carry what steps name directly",
            "name each package or application in a step",
        ),
        "setup-windows" if action.values.contains_key("pre-production-package") => (
            Rule::PreProductionClient,
            "pre-production-package",
            "installs the pre-production client, which stand-alone media do not support",
            "remove `pre-production-package`",
        ),
        _ => return,
    };
    let problem = Problem::new(rule, format!("the step `{}` {message}", at.name()));
    let problem = rules.at_media_kind(at_key(problem, at.step, key, ""));
    rules.add(problem.help(help));
}

/// Checks steps that may not reach what they need without a network (R135, R136).
fn check_network(at: &PlacedStep<'_>, action: &Action, rules: &mut Rules<'_>) {
    let (rule, key, what, help) = match action.kind.name {
        "request-state-store" | "release-state-store" => (
            Rule::NetworkStepOnStandAlone,
            "name",
            "contacts a state migration point",
            "keep the state on the disk: `in-place = true`",
        ),
        "connect-network-folder" => (
            Rule::NetworkStepOnStandAlone,
            "path",
            "connects to a shared folder",
            "put its files on the medium as a package",
        ),
        "capture-operating-system-image" => {
            (Rule::NetworkStepOnStandAlone, "destination", "writes to a share", "make sure that the share is reachable")
        }
        "apply-operating-system" if action.is_set("run-from-network") => (
            Rule::NetworkStepOnStandAlone,
            "run-from-network",
            "reads from a distribution point",
            "remove `run-from-network`",
        ),
        "upgrade-operating-system" if action.values.contains_key("feature-update") => (
            Rule::FeatureUpdateOnStandAlone,
            "feature-update",
            "downloads a feature update",
            "use an upgrade package: `package = \"BER00011\"`",
        ),
        "upgrade-operating-system" if action.text("dynamic-update") == Some("override-policy") => (
            Rule::FeatureUpdateOnStandAlone,
            "dynamic-update",
            "downloads updates of Windows Setup",
            "remove `dynamic-update`",
        ),
        _ => return,
    };
    let problem = Problem::new(rule, format!("the step `{}` {what}, which requires a network", at.name()));
    let problem = rules.at_media_kind(at_key(problem, at.step, key, ""));
    rules.add(problem.help(format!("{help}, or guard it by `_SMSTSMediaType`")));
}

/// Checks for conditions whose outcome is fixed on stand-alone media (R138).
///
/// A comparison that distinguishes such media from others, such as `_SMSTSPackageID` with
/// `INMEM_TS`, is useful.
fn check_conditions(at: &PlacedStep<'_>, rules: &mut Rules<'_>) {
    let Some(condition) = &at.step.condition else { return };
    for test in condition.tests() {
        let Test::Variable { name, operator, value } = test else { continue };
        let Some(name) = FIXED_VARIABLES.iter().find(|known| known.eq_ignore_ascii_case(name)) else { continue };
        if operator.tests_existence() || super::has_variable(value) {
            continue;
        }
        let (found, holds) = match known_value(name, StartSource::StandAlone) {
            KnownValue::Text(text) => (format!("it is always `{text}`"), operator.holds(Some(text), value)),
            _ => ("it is never set".into(), operator.holds(None, value)),
        };
        // A comparison with the fixed value tests for stand-alone media, and does so correctly.
        let asks_for_medium = matches!(known_value(name, StartSource::StandAlone), KnownValue::Text(text) if
            Operator::Equals.holds(Some(text), value) || Operator::Like.holds(Some(text), value));
        if asks_for_medium {
            continue;
        }
        let always = if holds { "always" } else { "never" };
        let problem = Problem::new(
            Rule::UselessCondition,
            format!("the comparison of `{name}` is {always} true on stand-alone media: {found}"),
        );
        let problem = rules.at_media_kind(at_key(problem, at.step, "condition", ""));
        rules.add(problem.help("compare another variable, such as `_SMSTSPackageName` or one of your own"));
    }
}

/// Checks that a sequence on stand-alone media deploys an operating system (R134).
fn check_deployment(rules: &mut Rules<'_>) {
    let kinds = ["apply-operating-system", "upgrade-operating-system"];
    if rules.has_unknown_steps() || kinds.iter().any(|kind| !rules.running(kind).is_empty()) {
        return;
    }
    // A step that can't run has a problem of its own.
    if rules.enabled().iter().any(|at| kinds.iter().any(|kind| at.is(kind))) {
        return;
    }
    let problem = Problem::new(
        Rule::NothingDeployed,
        "the task sequence deploys no operating system, but stand-alone media support nothing else",
    );
    let problem = super::at_place(problem, rules.sequence.places.part("name"), "");
    let problem = rules.at_media_kind(problem);
    rules.add(problem.help("add a step of type `apply-operating-system` or `upgrade-operating-system`"));
}

/// Checks that software is installed after the operating system (R133).
fn check_early_installs(rules: &mut Rules<'_>) {
    let applied = rules.running("apply-operating-system");
    for kind in ["install-package", "install-application", "install-software-updates"] {
        for at in rules.running(kind) {
            let is_early = at.reached.certain().any(|world| world.system == System::FullOs && !world.has_applied);
            let Some(system) = applied.iter().find(|system| system.index > at.index).filter(|_| is_early) else {
                continue;
            };
            let problem = Problem::new(
                Rule::InstallBeforeOperatingSystem,
                format!("the step `{}` installs software before the operating system is applied", at.name()),
            );
            let problem = at_step(problem, at.step, "too early");
            let problem = at_step(problem, system.step, "applied here");
            rules.add(problem.help("move it after `setup-windows`, or guard it by `_SMSTSMediaType`"));
        }
    }
}

/// Checks for delays without a network (R137, R139).
fn check_delays(rules: &mut Rules<'_>) {
    let leaves: Vec<_> = rules.enabled().into_iter().filter(|at| !matches!(at.step.body, Body::Group(_))).collect();
    for pair in leaves.windows(2) {
        let is_pair = pair[0].is("restart-computer") && pair[1].is("install-application");
        if is_pair && pair[1].reached.may_run() && !pair[1].step.continues_on_error {
            let problem = Problem::new(
                Rule::DelayedApplication,
                format!("the step `{}` waits seven minutes after the restart", pair[1].name()),
            );
            let problem = at_step(problem, pair[1].step, "");
            let problem = at_step(problem, pair[0].step, "restarts here");
            rules.add(problem.help("add `continue-on-error = true`, or remove the restart"));
        }
    }
    let sets = |at: &PlacedStep<'_>| {
        let action = at.action().filter(|action| action.is("set-variable"));
        action
            .and_then(|action| action.text("variable"))
            .is_some_and(|name| name.eq_ignore_ascii_case("SMSTSDisableStatusRetry"))
    };
    if !rules.enabled().iter().any(sets) && rules.enabled().iter().any(|at| at.action().is_some()) {
        let problem = Problem::new(Rule::StatusRetries, "without a network, every step retries its status message");
        let problem = rules.at_media_kind(super::at_place(problem, rules.sequence.places.part("name"), ""));
        rules
            .add(problem.help("set `SMSTSDisableStatusRetry` to `true` in a step of type `set-variable` at the start"));
    }
}

/// Checks that no step wipes the staged content of prestaged media (R146).
fn check_partitioning(rules: &mut Rules<'_>) {
    if rules.medium.kind != Some(MediaKind::Prestaged) {
        return;
    }
    for at in rules.running("partition-disk") {
        let problem = Problem::new(
            Rule::PartitioningOnPrestaged,
            format!("the step `{}` wipes the staged content from the disk", at.name()),
        );
        let problem = rules.at_media_kind(at_step(problem, at.step, "not guarded"));
        rules.add(problem.help(
            "guard it: `condition = { variable = \"_SMSTSMediaType\", operator = \"not-equals\", value = \"OEMMedia\" }`",
        ));
    }
}
