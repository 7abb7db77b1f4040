mod observed;

use std::error::Error as _;
use std::fs;

use camino::Utf8PathBuf;
use proptest::prelude::*;

use super::*;
use crate::strategy::{self, Format};
use crate::{Value, read as read_file, write as write_file};
use authoring::inputs::Inputs;
use authoring::problem::Problems;
use authoring::values::Context;

/// Document that follows the grammar, with steps of most kinds, written for these tests.
const DOCUMENT: &str = include_str!("tests/document.xml");

/// Reads a text as a sequence file, or returns the messages of its problems.
fn from_toml(text: &str) -> std::result::Result<Sequence, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("sequence.toml")).unwrap();
    fs::write(&path, text).unwrap();
    let mut problems = Problems::default();
    let sequence = read_file(&path, &Context::new(), &mut problems, &mut Inputs::default()).unwrap();
    sequence.ok_or_else(|| problems.sorted().iter().map(|problem| problem.message.clone()).collect())
}

/// Imports a document, writes it as a file, reads that file, and exports it again.
fn through_a_file(xml: &str) -> (Sequence, String) {
    let mut sequence = read(xml).unwrap();
    sequence.name = "x".into();
    let toml = write_file(&sequence, &Default::default());
    let again = from_toml(&toml).unwrap_or_else(|problems| panic!("{problems:#?}\n{toml}"));
    assert_eq!(again, sequence, "{toml}");
    (again, write(&sequence).unwrap())
}

#[test]
fn what_was_imported_is_exported_again_to_the_letter() {
    let (sequence, xml) = through_a_file(DOCUMENT);
    assert_eq!(normal_form(&xml).unwrap(), normal_form(DOCUMENT).unwrap());
    assert_eq!(xml, DOCUMENT.trim_end(), "the console's own order and form");
    let kept: Vec<_> = sequence.walk().into_iter().filter(|(_, step)| has_unmapped_parts(step)).collect();
    let names: Vec<_> = kept.iter().map(|(_, step)| step.name.as_str()).collect();
    assert_eq!(names, ["Of tomorrow", "Own command line", "subsequence"]);
}

#[test]
fn other_documents_are_refused_with_the_reason() {
    let refused = |text: &str| {
        let error = read(text).unwrap_err();
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    };
    for (text, words) in [
        ("<sequence version=\"4.00\"></sequence>", "version 4.00"),
        ("<sequence></sequence>", "has no version"),
        ("<Deployment/>", "the root element is `<Deployment>`"),
        (
            "<sequence version=\"3.10\"><group name=\"g\"><condition><operator type=\"xor\"/></condition></group></sequence>",
            "can't read the condition of `g`: unknown operator `xor` in a condition",
        ),
    ] {
        let error = refused(text);
        assert!(error.contains(words), "{text}: {error}");
    }
    let deep =
        format!("<sequence version=\"3.10\">{}{}</sequence>", "<group name=\"g\">".repeat(40), "</group>".repeat(40));
    assert!(refused(&deep).contains("groups are nested deeper than 32 levels"));
    let test = "<expression type=\"SMS_TaskSequence_VariableConditionExpression\"><variable name=\"Operator\">exists</variable>\
                <variable name=\"Variable\">A</variable></expression>";
    let nested = |n: usize| {
        let (before, after) = ("<operator type=\"not\">".repeat(n), "</operator>".repeat(n));
        format!(
            "<sequence version=\"3.10\"><group name=\"g\"><condition>{before}{test}{after}</condition></group></sequence>"
        )
    };
    assert!(refused(&nested(40)).contains("conditions are nested deeper than 32 levels"));
    // Accepted conditions can be written as a file, and read again.
    through_a_file(&nested(31));
}

#[test]
fn no_value_of_a_secret_is_kept() {
    let text = DOCUMENT.replace(
        "<variable name=\"OSDJoinPassword\" property=\"DomainPassword\"></variable>",
        "<variable name=\"OSDJoinPassword\" property=\"DomainPassword\">hunter2</variable>",
    );
    assert!(text.contains("hunter2"));
    let sequence = read(&text).unwrap();
    assert!(!format!("{sequence:?}").contains("hunter2"));
    assert!(!write(&sequence).unwrap().contains("hunter2"));
    let toml = write_file(&sequence, &Default::default());
    assert!(toml.contains("password = { env = \"\" } # fill in"), "{toml}");
}

#[test]
fn operating_systems_are_asked_for_by_queries() {
    let text =
        "sequence-version = 1\nname = 'x'\n[[steps]]\ntype = 'group'\nname = 'g'\ncondition = { os = ['NAME'] }\n";
    let xml = |name: &str| write(&from_toml(&text.replace("NAME", name)).unwrap());
    let known = xml("All Windows 11 (64-bit)").unwrap();
    assert!(known.contains("BuildNumber &gt;= 22000") && known.contains("OSArchitecture = '64-bit'"), "{known}");
    let error = xml("Windows of tomorrow").unwrap_err();
    assert!(error.source().unwrap().to_string().contains("only the site knows"));
}

/// Removes secrets: the XML has none, and reading it inserts placeholders to fill in.
fn leave_out_secrets(steps: &mut [Step]) {
    for step in steps {
        match &mut step.body {
            Body::Group(steps) => leave_out_secrets(steps),
            Body::Action(action) => action.values.retain(|_, value| !matches!(value, Value::Secret(_))),
            Body::Foreign(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_sequence_is_the_same_after_it_was_a_file(sequence in strategy::sequence(Format::Toml)) {
        let toml = write_file(&sequence, &Default::default());
        let again = from_toml(&toml);
        prop_assert_eq!(again, Ok(sequence), "{}", toml);
    }

    #[test]
    fn every_sequence_is_the_same_after_it_was_xml(sequence in strategy::sequence(Format::Xml)) {
        let xml = write(&sequence).unwrap();
        let mut again = read(&xml).unwrap();
        again.name.clone_from(&sequence.name);
        leave_out_secrets(&mut again.steps);
        let normal = normal_form(&xml).unwrap();
        prop_assert_eq!(normal_form(&write(&again).unwrap()).unwrap(), normal);
        prop_assert_eq!(again, sequence, "{}", xml);
    }

    #[test]
    fn documents_that_are_damaged_are_read_or_refused(
        at in 0..DOCUMENT.len(), cut in 0..40_usize, with in "[<>&;\"'=/a-z0-9 %{]{0,6}"
    ) {
        let begin = (0..=at).rev().find(|at| DOCUMENT.is_char_boundary(*at)).unwrap_or(0);
        let end = (begin + cut..=DOCUMENT.len()).find(|at| DOCUMENT.is_char_boundary(*at)).unwrap_or(DOCUMENT.len());
        let text = format!("{}{with}{}", &DOCUMENT[..begin], &DOCUMENT[end..]);
        if let Ok(mut sequence) = read(&text) {
            sequence.name = "x".into();
            prop_assert!(write(&sequence).is_ok());
            let toml = write_file(&sequence, &Default::default());
            prop_assert_eq!(from_toml(&toml), Ok(sequence), "{}", toml);
        }
    }
}

/// Steps of Configure DHCP of the Microsoft Deployment Toolkit: with empty variables, with an empty
/// list, and without a list.
const WITHOUT_VALUES: &str = concat!(
    r#"<sequence version="3.10">"#,
    r#"<step type="BDD_ConfigureDHCP" name="Leases" description="" runIn="WinPEandFullOS" successCodeList="0" "#,
    r#"retryCount="0" runFromNet="false"><action>smsswd.exe /run: cscript.exe "%DeployRoot%\Scripts\Lease.wsf""#,
    r#"</action><defaultVarList><variable name="DHCPServerOptionRouter" property="DHCPServerOptionRouter"></variable>"#,
    r#"<variable name="DHCPServerOptionPXEClient" property="DHCPServerOptionPXEClient" hidden="true"></variable>"#,
    r#"</defaultVarList></step>"#,
    r#"<step type="BDD_ConfigureDHCP" name="Empty" description="" runIn="WinPE" successCodeList="0" retryCount="0" "#,
    r#"runFromNet="false"><action>a.exe</action><defaultVarList></defaultVarList></step>"#,
    r#"<step type="BDD_ConfigureDHCP" name="None" description="" runIn="FullOS" successCodeList="0" retryCount="0" "#,
    r#"runFromNet="false"><action>a.exe</action></step></sequence>"#,
);

#[test]
fn lists_without_a_value_in_them_are_exported_again() {
    let (sequence, xml) = through_a_file(WITHOUT_VALUES);
    assert_eq!(document::parse(&xml).unwrap(), document::parse(WITHOUT_VALUES).unwrap(), "{xml}");
    let variables = |step: &Step| match &step.body {
        Body::Foreign(foreign) => foreign.variables.as_ref().map(Vec::len),
        _ => panic!("`{}` is known", step.name),
    };
    assert_eq!(sequence.steps.iter().map(variables).collect::<Vec<_>>(), [Some(2), Some(0), None]);
}
