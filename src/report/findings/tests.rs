use super::*;

/// An error with text of every kind to escape, a warning without a line, and two notes that are alike but for their line.
fn problems() -> Problems {
    let mut problems = Problems::default();
    let text = "a = 1\nname = \"ü, x: 100%\"\nb = 2\nb = 2\n";
    let source = problems.add_source("sites/a b.toml", text);
    let place = |span| Place { source, span };
    problems.enter("media.toml", Some("BER"));
    problems.add(
        Problem::new(Rule::parse("R52").unwrap(), "100 % \"weak\", <b> & ::x::\u{7}")
            .at(place(13..26), "here")
            .at(place(0..1), "and here")
            .help("use, a: longer one"),
    );
    problems.enter("media.toml", None);
    problems.add(Problem::warning("nowhere"));
    problems.enter("", None);
    problems.add(Problem::note("twice").at(place(27..28), ""));
    problems.add(Problem::note("twice").at(place(33..34), ""));
    problems
}

fn found(problems: &Problems) -> Vec<Finding> {
    findings(problems, &|name| Some(format!("lab/{name}")), "lab/media.toml")
}

#[test]
fn github_reads_commands_with_escaped_texts() {
    insta::assert_snapshot!(github(&found(&problems())));
}

#[test]
fn gitlab_reads_a_list_with_fingerprints() {
    insta::assert_snapshot!(format!("{:#}", gitlab(&found(&problems()))));
}

#[test]
fn sarif_has_rules_regions_and_related_places() {
    insta::assert_snapshot!(
        format!("{:#}", sarif(&found(&problems()))).replace(env!("CARGO_PKG_VERSION"), "<version>")
    );
}

#[test]
fn junit_has_a_case_for_each_file_and_site() {
    let file = |name: &str, sites: &[&str]| CheckedFile {
        name: name.into(),
        path: format!("lab/{name}"),
        sites: sites.iter().map(|site| (*site).to_owned()).collect(),
    };
    let files = [file("media.toml", &["BER", "HAM"]), file("other.toml", &[])];
    insta::assert_snapshot!(junit(&test_cases(&found(&problems()), &files)), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="tsmedia check" tests="5" failures="1">
      <testsuite name="lab/media.toml" tests="2" failures="1">
        <testcase classname="lab/media.toml" name="BER" file="lab/media.toml">
          <failure message="100 % &quot;weak&quot;, &lt;b&gt; &amp; ::x::�" type="weak-password">lab/sites/a b.toml:2:8: error[weak-password]: 100 % "weak", &lt;b&gt; &amp; ::x::�
    help: use, a: longer one</failure>
          <system-out>lab/media.toml: warning[general]: nowhere</system-out>
        </testcase>
        <testcase classname="lab/media.toml" name="HAM" file="lab/media.toml">
          <system-out>lab/media.toml: warning[general]: nowhere</system-out>
        </testcase>
      </testsuite>
      <testsuite name="lab/other.toml" tests="1" failures="0">
        <testcase classname="lab/other.toml" name="check" file="lab/other.toml"/>
      </testsuite>
      <testsuite name="lab/sites/a b.toml" tests="2" failures="0">
        <testcase classname="lab/sites/a b.toml" name="check" file="lab/sites/a b.toml">
          <system-out>lab/sites/a b.toml:3:1: note[general]: twice</system-out>
        </testcase>
        <testcase classname="lab/sites/a b.toml" name="check" file="lab/sites/a b.toml">
          <system-out>lab/sites/a b.toml:4:1: note[general]: twice</system-out>
        </testcase>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
fn fingerprints_stay_when_lines_move_and_differ_otherwise() {
    let first = found(&problems());
    let prints: std::collections::BTreeSet<_> = first.iter().map(|finding| finding.fingerprint.clone()).collect();
    assert_eq!(prints.len(), first.len());
    let mut moved = Problems::default();
    let source = moved.add_source("sites/a b.toml", "# a comment\nb = 2\n");
    moved.add(Problem::note("twice").at(Place { source, span: 12..13 }, ""));
    assert_eq!(found(&moved)[0].fingerprint, first[2].fingerprint);
}

#[test]
fn the_line_of_a_secret_is_not_in_the_fingerprint() {
    let print = |value: &str| {
        let mut problems = Problems::default();
        let text = format!("password = {value}\n");
        let source = problems.add_source("media.toml", text);
        problems.add(Problem::error("wrong").at(Place { source, span: 0..8 }, ""));
        found(&problems)[0].fingerprint.clone()
    };
    assert_eq!(print("\"hunter2\""), print("\"hunter3\""));
}

#[test]
fn sarif_has_what_its_schema_requires() {
    let log = sarif(&found(&problems()));
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let ids: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    for result in log["runs"][0]["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(ids[index], result["ruleId"]);
        assert!(result["message"]["text"].is_string() && result["locations"][0].is_object(), "{result:#}");
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert!(region.is_null() || region["startLine"].as_u64().is_some_and(|line| line > 0), "{result:#}");
    }
    assert!(!format!("{log}").contains("null"), "{log:#}");
}
