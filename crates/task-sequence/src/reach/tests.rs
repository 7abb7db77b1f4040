use camino::Utf8PathBuf;

use super::*;
use authoring::inputs::Inputs;
use authoring::problem::Problems;
use authoring::values::Context;

/// Returns the reachability of all steps, by name.
fn found(steps: &str, kind: Option<MediaKind>) -> Vec<(String, Reached)> {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("sequence.toml")).unwrap();
    std::fs::write(&path, format!("sequence-version = 1\nname = 'x'\n{steps}")).unwrap();
    let mut problems = Problems::default();
    let sequence = super::super::read(&path, &Context::new(), &mut problems, &mut Inputs::default()).unwrap();
    let sequence = sequence.unwrap_or_else(|| panic!("{problems:?}"));
    let names = sequence.walk().into_iter().map(|(_, step)| step.name.clone()).collect::<Vec<_>>();
    names.into_iter().zip(reach(&sequence, kind)).collect()
}

/// Returns the names of the steps that may run.
fn running(steps: &str, kind: Option<MediaKind>) -> String {
    let found = found(steps, kind);
    found.iter().filter(|(_, reached)| reached.may_run()).map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
}

fn set(name: &str, variable: &str, value: &str) -> String {
    format!("[[steps]]\ntype = 'set-variable'\nname = '{name}'\nvariable = '{variable}'\nvalue = '{value}'\n")
}

fn run(name: &str, more: &str) -> String {
    format!("[[steps]]\ntype = 'run-command-line'\nname = '{name}'\ncommand-line = 'a.exe'\n{more}\n")
}

fn when(variable: &str, operator: &str, value: &str) -> String {
    let value = if value.is_empty() { String::new() } else { format!(", value = '{value}'") };
    format!("condition = {{ variable = '{variable}', operator = '{operator}'{value} }}")
}

#[test]
fn the_kind_of_medium_decides_what_it_guards() {
    let steps = [
        run("everywhere", ""),
        run("guarded", &when("_smstsmediatype", "not-equals", "fullmedia")),
        run("alone", &when("_SMSTSMediaType", "equals", "FullMedia")),
        run("disk", &when("_SMSTSLaunchMode", "equals", "HD")),
        run("stick", &when("_SMSTSLaunchMode", "like", "UFD*")),
    ]
    .concat();
    assert_eq!(running(&steps, Some(MediaKind::StandAlone)), "everywhere alone stick");
    assert_eq!(running(&steps, Some(MediaKind::Bootable)), "everywhere guarded stick");
    assert_eq!(running(&steps, Some(MediaKind::Prestaged)), "everywhere guarded disk");
    assert_eq!(running(&steps, None), "everywhere guarded alone disk stick");
}

#[test]
fn variables_that_were_set_decide_until_a_program_may_have_set_them() {
    let asks = |name: &str| run(name, &when("Role", "equals", "server"));
    let steps = [set("one", "Role", "client"), asks("never"), asks("never-before-a-program")].concat();
    assert_eq!(running(&steps, None), "one");
    let steps = [set("one", "Role", "client"), run("program", ""), asks("after")].concat();
    assert_eq!(running(&steps, None), "one program after");
    let steps = [set("one", "Role", "client"), set("two", "Role", "%Other%"), asks("after")].concat();
    assert_eq!(running(&steps, None), "one two after");
    let steps = [set("one", "Role", ""), run("gone", &when("Role", "exists", ""))].concat();
    assert_eq!(running(&steps, None), "one");
}

#[test]
fn conditions_that_contradict_each_other_hold_never() {
    let group = |inner: &str| {
        format!(
            "[[steps]]\ntype = 'group'\nname = 'group'\n{}\n[[steps.steps]]\ntype = 'run-command-line'\nname = 'in'\ncommand-line = 'x'\n{inner}\n",
            when("Role", "equals", "server")
        )
    };
    let never = group(&when("Role", "equals", "client"));
    assert_eq!(running(&never, None), "group");
    let found = found(&never, None);
    assert_eq!(found[1].1.contradiction.as_ref().unwrap().origin, Some(Origin::Required(0)));
    assert_eq!(running(&group(&when("Role", "not-equals", "client")), None), "group in");
    let both = "condition = { all = [{ variable = 'A', value = '1' }, { none = [{ variable = 'A' }] }] }";
    assert_eq!(running(&run("x", both), None), "");
    let either = "condition = { any = [{ variable = 'A', value = '1' }, { none = [{ variable = 'A' }] }] }";
    assert_eq!(running(&run("x", either), None), "x");
}

#[test]
fn what_the_computer_has_is_not_known() {
    let tests = [
        "{ file = 'C:\\x' }",
        "{ wmi = 'SELECT * FROM Win32_Battery' }",
        "{ none = [{ folder = 'C:\\x' }] }",
        "{ variable = '_SMSTSLastActionSucceeded', value = 'false' }",
        "{ variable = '_SMSTSLastActionSucceeded', value = 'true' }",
        "{ variable = 'A', value = '%B%' }",
    ];
    let steps: String = tests.iter().map(|test| run("x", &format!("condition = {test}"))).collect();
    assert_eq!(running(&steps, Some(MediaKind::StandAlone)), "x x x x x x");
}

#[test]
fn the_system_follows_restarts_and_setup() {
    let restart = |target: &str, more: &str| {
        format!("[[steps]]\ntype = 'restart-computer'\nname = 'restart'\ntarget = '{target}'\n{more}\n")
    };
    let setup = "[[steps]]\ntype = 'setup-windows'\nname = 'setup'\nclient-package = 'BER00001'\n";
    let in_full = when("_SMSTSInWinPE", "equals", "false");
    let steps = [
        restart("windows-pe", &in_full),
        run("a", ""),
        setup.into(),
        run("b", ""),
        run("c", &when("_SMSTSInWinPE", "equals", "true")),
    ]
    .concat();
    let found = found(&steps, None);
    assert!(found[0].1.runs_only_in(System::FullOs));
    assert!(found[1].1.runs_only_in(System::WindowsPe), "restarted, or was there before");
    assert!(found[3].1.runs_only_in(System::FullOs));
    assert!(found[4].1.runs.is_empty());
    assert_eq!(found[4].1.contradiction.as_ref().unwrap().origin, Some(Origin::System));
}

#[test]
fn a_step_that_always_fails_ends_the_sequence_or_its_group() {
    let ends = "[[steps]]\ntype = 'run-command-line'\nname = 'end'\ncommand-line = 'cmd /c exit 1'\n";
    let steps = [ends.to_owned(), run("behind", "")].concat();
    assert_eq!(running(&steps, None), "end");
    assert_eq!(found(&steps, None)[1].1.ended_by, Some(0));
    let steps = [ends.to_owned() + "continue-on-error = true\n", run("behind", "")].concat();
    assert_eq!(running(&steps, None), "end behind");
    let steps = [ends.to_owned() + "success-codes = [1]\n", run("behind", "")].concat();
    assert_eq!(running(&steps, None), "end behind");
    let steps = [ends.to_owned() + &when("A", "exists", ""), "\n".into(), run("behind", "")].concat();
    assert_eq!(running(&steps, None), "end behind");
    let inner = ends.replace("[[steps]]", "[[steps.steps]]") + &run("rest", "").replace("[[steps]]", "[[steps.steps]]");
    let group = "[[steps]]\ntype = 'group'\nname = 'group'\ncontinue-on-error = true\n";
    assert_eq!(running(&[group, &inner, &run("behind", "")].concat(), None), "group end behind");
}

#[test]
fn worlds_stay_few() {
    let steps: String = (0..40)
        .map(|at| run(&format!("s{at}"), &when(&format!("V{at}"), "equals", "1")).replace("run-command-line", "x"))
        .map(|text| {
            text.replace("type = 'x'", "type = 'set-variable'").replace("command-line = 'a.exe'", "variable = 'Z'")
        })
        .collect();
    let found = found(&steps, None);
    assert!(found.iter().all(|(_, reached)| reached.may_run() && reached.before.len() <= MAX_WORLDS));
}

#[test]
fn what_no_later_condition_tests_makes_no_worlds() {
    let tests = |step: usize| -> String {
        let test = |at: usize| format!("{{ variable = 'V{}', value = '1' }}", step * 30 + at);
        (0..30).map(test).collect::<Vec<_>>().join(", ")
    };
    let steps: String = (0..20).map(|at| run(&format!("s{at}"), &format!("condition.all = [{}]", tests(at)))).collect();
    let found = found(&steps, None);
    assert!(found.iter().all(|(_, reached)| reached.may_run() && reached.before.len() <= 4));
    // A test that is repeated, in the same condition or later, still is contradicted.
    let twice = "condition.all = [{ variable = 'A', value = '1' }, { variable = 'B', value = '1' }, { variable = 'a', value = '2' }]";
    let steps = [run("a", twice), run("b", &when("B", "equals", "1"))].concat();
    assert_eq!(running(&steps, None), "b");
}

#[test]
fn what_tells_stand_alone_media_from_others_decides() {
    let steps = [
        run("alone", &when("_SMSTSPackageID", "equals", "INMEM_TS")),
        run("site", &when("_SMSTSPackageID", "not-equals", "inmem_ts")),
        run("deployed", &when("_SMSTSAdvertID", "exists", "")),
        run("not-deployed", &when("_SMSTSClientGUID", "not-exists", "")),
        run("by-user", &when("_SMSTSUserStarted", "equals", "true")),
    ]
    .concat();
    assert_eq!(running(&steps, Some(MediaKind::StandAlone)), "alone not-deployed");
    assert_eq!(running(&steps, Some(MediaKind::Bootable)), "alone site deployed not-deployed");
    assert_eq!(running(&steps, None), "alone site deployed not-deployed by-user");
}
