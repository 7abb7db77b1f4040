use super::*;
use crate::xml::document::parse;
use crate::{Action, Step, catalog};

/// Types that conversions create, which are looked up by name.
const KINDS: [&str; 20] = [
    "apply-driver-package",
    "apply-network-settings",
    "apply-operating-system",
    "apply-windows-settings",
    "auto-apply-drivers",
    "capture-network-settings",
    "capture-operating-system-image",
    "capture-user-state",
    "check-readiness",
    "disable-bitlocker",
    "install-application",
    "install-software-updates",
    "partition-disk",
    "prepare-client-for-capture",
    "prepare-windows-for-capture",
    "restart-computer",
    "restore-user-state",
    "run-powershell-script",
    "set-dynamic-variables",
    "setup-windows",
];

/// Builds a sequence from groups and steps.
fn document(steps: &str) -> Element {
    parse(&format!(
        "<sequence version=\"3.00\" name=\"x\"><group expand=\"true\" name=\"g\">{steps}</group></sequence>"
    ))
    .unwrap()
}

fn converted(steps: &str, share: &mut Share) -> (Vec<Step>, Conversion) {
    let root = document(steps);
    assert!(is_toolkit(&root));
    let (sequence, conversion) = convert(&root, share).unwrap();
    let steps = match sequence.steps.into_iter().next().map(|step| step.body) {
        Some(Body::Group(steps)) => steps,
        _ => Vec::new(),
    };
    (steps, conversion)
}

fn action(step: &Step) -> &Action {
    step.action().unwrap_or_else(|| panic!("{step:?}"))
}

fn script(name: &str, script: &str) -> String {
    format!("<step name=\"{name}\"><action>cscript.exe \"%SCRIPTROOT%\\{script}</action></step>")
}

fn in_phase(phase: &str, steps: &str) -> String {
    format!(
        "<group name=\"{phase}\"><condition><expression type=\"SMS_TaskSequence_VariableConditionExpression\"><variable \
         name=\"Variable\">Phase</variable><variable name=\"Operator\">equals</variable><variable name=\"Value\">{phase}\
         </variable></expression></condition>{steps}</group>"
    )
}

const RESTART: &str =
    "<step type=\"SMS_TaskSequence_RebootAction\" name=\"r\"><action>smsboot.exe /target:WinPE</action></step>";

#[test]
fn every_type_that_is_made_is_in_the_catalog() {
    for kind in KINDS {
        assert!(catalog::find(kind).is_some(), "{kind}");
    }
}

#[test]
fn sequences_of_the_toolkit_are_recognized_by_their_content() {
    let is_one = |xml: &str| is_toolkit(&parse(xml).unwrap());
    assert!(is_one(
        "<sequence version=\"3.10\"><step name=\"a\"><action>cscript.exe \"%SCRIPTROOT%\\ZTIGather.wsf\"</action></step></sequence>"
    ));
    assert!(is_one("<sequence version=\"3.00\"><group name=\"a\"><action/></group></sequence>"));
    // A console's sequence of version 3.00, and one with the toolkit's integration.
    assert!(!is_one(
        "<sequence version=\"3.00\"><group name=\"a\"><step type=\"SMS_TaskSequence_RebootAction\" name=\"b\"><action>smsboot.exe</action></step></group></sequence>"
    ));
    assert!(!is_one(
        "<sequence version=\"3.10\"><step type=\"BDD_Gather\" name=\"a\"><action>smsswd.exe /run: cscript.exe \"%DeployRoot%\\Scripts\\ZTIGather.wsf\"</action></step></sequence>"
    ));
}

#[test]
fn restarts_go_where_the_toolkit_would_go() {
    let apply = script("apply", "LTIApply.wsf\"");
    let stage = script("stage", "LTIApply.wsf\" /PE");
    let text = [
        in_phase("STATECAPTURE", &format!("{stage}{RESTART}")),
        in_phase("INSTALL", &apply),
        in_phase("POSTINSTALL", RESTART),
        in_phase("STATERESTORE", RESTART),
    ];
    let (groups, _) = converted(&text.concat(), &mut Share::default());
    let restarts: Vec<_> = groups.iter().map(|group| action(group.children().last().unwrap())).collect();
    let shown: Vec<_> = restarts.iter().map(|action| (action.kind.name, action.text("target"))).collect();
    assert_eq!(
        shown,
        [
            ("restart-computer", Some("windows-pe")),
            ("apply-network-settings", None),
            ("setup-windows", None),
            ("restart-computer", Some("hard-disk")),
        ]
    );
}

#[test]
fn a_disabled_step_changes_nothing_for_the_others() {
    let apply = script("apply", "LTIApply.wsf\"").replace("<step ", "<step disable=\"true\" ");
    let (steps, _) = converted(&format!("{apply}{RESTART}"), &mut Share::default());
    assert!(steps[..3].iter().all(|step| step.is_disabled));
    assert_eq!(action(&steps[3]).kind.name, "restart-computer");
}

#[test]
fn drivers_move_behind_the_image_with_the_conditions_of_their_groups() {
    let drivers = script("drivers", "ZTIDrivers.wsf\"");
    let model = "<condition><expression type=\"SMS_TaskSequence_VariableConditionExpression\"><variable name=\"Variable\">Model\
                 </variable><variable name=\"Operator\">equals</variable><variable name=\"Value\">14</variable></expression>\
                 </condition>";
    let group = format!("<group name=\"model\" disable=\"true\">{model}{drivers}</group>");
    let text = in_phase("PREINSTALL", &group) + &in_phase("INSTALL", &script("apply", "LTIApply.wsf\""));
    let (groups, conversion) = converted(&text, &mut Share::default());
    assert_eq!((groups.len(), conversion.steps[0].fate), (1, ConversionStatus::Moved));
    let moved = groups[0].children().last().unwrap();
    assert!(moved.is_disabled && action(moved).kind.name == "auto-apply-drivers");
    assert_eq!(moved.condition.as_ref().unwrap().to_string(), "_SMSTSModel = 14");
}

#[test]
fn drivers_that_a_variable_selects_wait_for_their_author() {
    let step = "<step type=\"BDD_InjectDrivers\" name=\"d\"><defaultVarList><variable name=\"DriverSelectionProfile\" \
                property=\"DriverSelectionProfile\">nothing</variable></defaultVarList><action>cscript.exe \
                \"%SCRIPTROOT%\\ZTIDrivers.wsf\"</action></step>";
    let (steps, conversion) = converted(step, &mut Share::default());
    assert!(steps[0].is_disabled && action(&steps[0]).kind.name == "apply-driver-package");
    assert_eq!(conversion.steps[0].fate, ConversionStatus::Unfinished);
}

#[test]
fn bundles_install_what_they_name_once_and_end() {
    let mut share = Share::default();
    let list = "<applications><application guid=\"{A}\"><Name>a</Name><Dependency>{b}</Dependency><Dependency>{a}</Dependency>\
                <Dependency>{gone}</Dependency></application><application guid=\"{B}\"><Name>b</Name><Source>.\\Applications\\B</Source>\
                <CommandLine>b.exe</CommandLine><WorkingDirectory>.\\Applications\\B\\x64\\bin</WorkingDirectory>\
                <Dependency>{A}</Dependency></application></applications>";
    share.add(&parse(list).unwrap()).unwrap();
    let step = "<step type=\"BDD_InstallApplication\" name=\"s\"><defaultVarList><variable name=\"ApplicationGUID\" \
                property=\"ApplicationGUID\">{a}</variable></defaultVarList><action>cscript.exe \"%SCRIPTROOT%\\ZTIApplications.wsf\"</action></step>";
    let (steps, conversion) = converted(step, &mut share);
    let install = action(&steps[0]);
    assert_eq!((steps.len(), steps[0].name.as_str(), install.kind.name), (1, "s", "run-command-line"));
    assert_eq!(install.text("package"), Some("MDT00001"));
    assert_eq!(install.text("working-directory"), Some("x64\\bin"));
    assert_eq!(conversion.steps[0].todo, "find the missing dependencies: {gone}");
}

#[test]
fn groups_that_nest_too_deep_are_refused() {
    let (before, after) = ("<group name=\"g\">".repeat(40), "</group>".repeat(40));
    let error = convert(&document(&format!("{before}{after}")), &mut Share::default()).unwrap_err();
    assert!(error.to_string().contains("nested deeper than 32 levels"), "{error}");
}
