use std::fs;

use camino::Utf8PathBuf;

use super::*;
use crate::condition::{Condition, Operator, Test};
use crate::{Value, schema};
use authoring::problem::Severity;

/// Reads a text as a file, and formats its problems.
fn read_text(text: &str) -> (Option<Sequence>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("sequence.toml")).unwrap();
    fs::write(&path, text).unwrap();
    fs::write(path.with_file_name("shared.toml"), SHARED).unwrap();
    fs::write(path.with_file_name("circle.toml"), CIRCLE).unwrap();
    let mut context = Context::new();
    context.insert_text("site", "code", "BER");
    let mut problems = Problems::default();
    let sequence = read(&path, &context, &mut problems, &mut Inputs::default()).unwrap();
    let words = |problem: &&Problem| {
        let text =
            problem.labels.first().map(|(place, _)| problems.source(place.source).text[place.span.clone()].to_owned());
        format!("{}: {} ({})", text.unwrap_or_default(), problem.message, problem.help.clone().unwrap_or_default())
    };
    assert_eq!(sequence.is_none(), problems.count(Severity::Error) > 0);
    (sequence, problems.sorted().iter().map(words).collect())
}

const SHARED: &str = "[[steps]]\ntype = 'restart-computer'\nname = 'Again'\ntarget = 'hard-disk'\n";
const CIRCLE: &str = "[[steps]]\ntype = 'include'\nfile = 'circle.toml'\n";

const WHOLE: &str = r#"
sequence-version = 1
name = "Deploy {{ site.code }}"
boot-image = "BER00001"

[[steps]]
type = "group"
name = "Install"
continue-on-error = true
condition = { none = [{ variable = "_SMSTSMediaType", value = "FullMedia" }] }

[[steps.steps]]
type = "partition-disk"
name = "Partition"
style = "gpt"
partitions = [
    { type = "efi", size = 500, file-system = "fat32" },
    { size = 100, size-unit = "percent", variable = "OSDisk" },
]
condition = { all = [{ variable = "_SMSTSClientCache", operator = "not-exists" }, { variable = "_SMSTSBootUEFI" }] }

[[steps.steps]]
type = "apply-network-settings"
name = "Network"
domain = "example.com"
password = { env = "JOIN_PASSWORD" }
when = "{{ site.code == 'BER' }}"

[[steps.steps]]
type = "run-command-line"
name = "Not here"
command-line = "cmd /c exit"
when = "{{ site.code == 'PAR' }}"

[[steps]]
type = "include"
file = "shared.toml"

[[steps]]
type = "foreign"
name = "Of tomorrow"
class = "SMS_TaskSequence_TomorrowAction"
command = "tomorrow.exe"
variables = [{ name = "A", property = "B", value = "C", hidden = true }]
"#;

#[test]
fn a_sequence_is_read_with_its_templates_conditions_and_included_files() {
    let (sequence, problems) = read_text(WHOLE);
    assert_eq!(problems, Vec::<String>::new());
    let sequence = sequence.unwrap();
    assert_eq!(sequence.name, "Deploy BER");
    let names: Vec<_> = sequence.walk().iter().map(|(around, step)| (around.len(), step.name.clone())).collect();
    let expected = [(0, "Install"), (1, "Partition"), (1, "Network"), (0, "Again"), (0, "Of tomorrow")];
    assert_eq!(names, expected.map(|(depth, name)| (depth, name.to_owned())));
    let group = &sequence.steps[0];
    let test = Test::Variable { name: "_SMSTSMediaType".into(), operator: Operator::Equals, value: "FullMedia".into() };
    assert_eq!(group.condition, Some(Condition::None(vec![Condition::Test(test)])));
    let disk = group.children()[0].action().unwrap();
    assert_eq!(disk.tables("partitions").len(), 2);
    assert_eq!(disk.tables("partitions")[1].get("size"), Some(&Value::Integer(100)));
    let place = group.children()[0].places.part("partitions/1/size-unit").unwrap();
    assert_eq!(&WHOLE[place.span], "\"percent\"");
    assert!(disk.is_set("boot-disk"), "the default");
    assert!(matches!(group.children()[1].action().unwrap().values["password"], Value::Secret(_)));
}

#[test]
fn what_is_wrong_in_form_is_told_at_its_line() {
    let reports = |text: &str, expected: &str| {
        let (_, problems) = read_text(&format!("sequence-version = 1\nname = \"x\"\n[[steps]]\n{text}\n"));
        assert_eq!(problems, [expected], "{text}");
    };
    reports(
        "type = 'restart-computr'\nname = 'x'",
        "'restart-computr': unknown step type `restart-computr` (did you mean `restart-computer`?)",
    );
    reports(
        "type = 'restart-computer'\nname = 'x'",
        "[[steps]]: a step of type `restart-computer` needs `target` (write `target = \"windows-pe\"`: system to start)",
    );
    reports(
        "type = 'restart-computer'\nname = 'x'\ntarget = 'windows-pe'\nmesage = 'y'",
        "mesage: a step of type `restart-computer` has no key `mesage` (did you mean `message`? a step of type \
         `restart-computer` has the keys `type`, `name`, `description`, `disabled`, `continue-on-error`, `condition`, `when`, \
         `attributes`, `target`, `message`, `message-timeout`, `timeout`, `success-codes`, `retries`, `command`, \
         `variables` and `omitted`)",
    );
    reports(
        "type = 'run-command-line'\nname = 'x'\ncommand-line = 'x'\ntimeout = 1000",
        "1000: `timeout` is 1000; the maximum is 999 (write a number from 1 to 999)",
    );
    reports(
        "type = 'run-command-line'\nname = 'x'\ncommand-line = 'x'\nuser = 'x'\npassword = 'hunter2'",
        "'hunter2': `password` is a secret in plain text (write `password = { env = \"NAME\" }`, or \
         use `file` or `command`)",
    );
    reports(
        "type = 'group'\nname = 'x'\ncondition = { variable = 'A', operator = 'exists', value = 'b' }",
        "'exists': `exists` takes no value (remove the value)",
    );
    reports(
        "type = 'group'\nname = 'x'\ncondition = { variable = 'A', file = 'b' }",
        "{ variable = 'A', file = 'b' }: a condition has one test, but this one has `variable` and another (combine \
         them with `all = [{ … }, { … }]`)",
    );
    reports(
        "type = 'include'\nfile = 'circle.toml'",
        "'circle.toml': `circle.toml` includes itself (remove it; the steps of an included file are inserted in place of the include)",
    );
    reports(
        "type = 'install-package'\nname = 'x'\npackage = 'ber00010'",
        "'ber00010': `ber00010` is not a package ID: expected a site code and five hexadecimal digits, in capital letters (did you mean `BER00010`?)",
    );
}

#[test]
fn files_that_include_each_other_without_end_come_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| Utf8PathBuf::from_path_buf(folder.path().join(name)).unwrap();
    let include = |name: &str| format!("[[steps]]\ntype = 'include'\nfile = '{name}'\n").repeat(10);
    fs::write(path("a.toml"), format!("sequence-version = 1\nname = 'x'\n{}", include("b.toml"))).unwrap();
    for (name, included) in [("b", "c"), ("c", "d"), ("d", "e"), ("e", "f")] {
        fs::write(path(&format!("{name}.toml")), include(&format!("{included}.toml"))).unwrap();
    }
    fs::write(path("f.toml"), SHARED).unwrap();
    let mut problems = Problems::default();
    let read = read(&path("a.toml"), &Context::new(), &mut problems, &mut Inputs::default()).unwrap();
    assert_eq!(read, None);
    let messages: Vec<_> = problems.sorted().iter().map(|problem| problem.message.clone()).collect();
    assert_eq!(messages, ["the task sequence has more than 10000 steps and groups, too many for a site"]);
}

#[test]
fn a_sequence_that_is_read_is_valid_by_the_schema_of_editors() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    jsonschema::draft7::meta::validate(&schema).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let valid = |text: &str| {
        let value: serde_json::Value = toml::from_str(text).unwrap();
        validator.iter_errors(&value).map(|error| error.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(valid(WHOLE), Vec::<String>::new());
    assert_ne!(valid(&WHOLE.replace("style = \"gpt\"", "styel = \"gpt\"")), Vec::<String>::new());
}
