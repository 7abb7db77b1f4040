//! Diagnostics of manifests and task sequences. `tests/manifests/bad`, `tests/sequences/bad` and `tests/rules` (an
//! example for each rule) contain mistakes, each with the complete text of its diagnostics. Those in the folders `good`
//! must have none.
//!
//! A mistake is `NAME.toml`, or a folder `NAME` with a `media.toml` if it takes several files. A first line `#! --site
//! BER --var a=b --vars FILE` gives the options of the command line. After an intended change, `UPDATE=1 cargo test
//! --test it diagnostics::` rewrites the texts; review them before you commit.

use std::fs;
use std::process::Command;

use crate::fixtures::repository::expect_fresh;
use camino::{Utf8Path, Utf8PathBuf};
use tsmedia::manifest::{self, Kind, Options, portable, task_sequence};
use tsmedia::problem::{Problems, Severity};
use tsmedia::report::{self, TextStyle};
use tsmedia::rule::Rule;
use tsmedia::{sequence, simulate};

/// Smallest plausible number of mistakes.
const MIN_MISTAKES: usize = 45;

/// Smallest plausible number of wrong task sequences.
const MIN_SEQUENCES: usize = 30;

fn folder(name: &str) -> Utf8PathBuf {
    Utf8Path::new("tests/manifests").join(name)
}

/// Returns the manifests in a folder with the names of their cases, in order.
fn cases(name: &str) -> Vec<(String, Utf8PathBuf)> {
    cases_in(&folder(name))
}

fn cases_in(folder: &Utf8Path) -> Vec<(String, Utf8PathBuf)> {
    let mut cases: Vec<_> = folder
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path())
        .filter_map(|path| match path.extension() {
            Some("toml") => Some((path.file_stem().unwrap().to_owned(), path)),
            None if path.is_dir() => Some((path.file_name().unwrap().to_owned(), path.join("media.toml"))),
            _ => None,
        })
        .collect();
    cases.sort();
    cases
}

/// Returns the task sequences in a folder with their diagnostics.
fn sequences(name: &str) -> Vec<(String, Problems)> {
    let checked = |(name, path): (String, Utf8PathBuf)| (name, sequence(&path));
    cases_in(&Utf8Path::new("tests/sequences").join(name)).into_iter().map(checked).collect()
}

/// Checks a task sequence.
fn sequence(path: &Utf8Path) -> Problems {
    let text = fs::read_to_string(path).unwrap();
    assert!(sequence::is_sequence_text(&text), "{path}");
    let kind = match text.lines().next().unwrap().strip_prefix("#! --media-kind ") {
        Some("stand-alone") => Some(Kind::StandAlone),
        Some("prestaged") => Some(Kind::Prestaged),
        Some("bootable") => Some(Kind::Bootable),
        Some("capture") => Some(Kind::Capture),
        Some(other) => panic!("{path}: {other}"),
        None => None,
    };
    let mut problems = Problems::default();
    let found = task_sequence::check_standalone(path, &Options::default(), kind, &mut problems).unwrap();
    // What is wrong in meaning leaves a sequence, and what is wrong in form none.
    assert!(found.is_some() || problems.has_errors(), "{path}");
    problems
}

/// Returns the options in the first line of a manifest; paths of files are relative to it.
fn options(path: &Utf8Path, text: &str) -> Options {
    let mut options = Options::default();
    let first = text.lines().next().unwrap_or_default();
    let mut words = first.strip_prefix("#! ").unwrap_or_default().split_whitespace();
    while let (Some(option), Some(value)) = (words.next(), words.next()) {
        match option {
            "--site" => options.sites.push(value.to_owned()),
            "--media-kind" => {}
            "--vars" => options.vars_files.push(path.with_file_name(value)),
            "--var" => {
                let (name, value) = value.split_once('=').unwrap();
                options.vars.push((name.to_owned(), value.to_owned()));
            }
            other => panic!("{path}: {other}"),
        }
    }
    options
}

fn load(path: &Utf8Path) -> (Vec<manifest::Rendered>, Problems) {
    let text = fs::read_to_string(path).unwrap();
    let mut problems = Problems::default();
    let options = options(path, &text);
    let rendered = manifest::load(path, &options, &mut problems).unwrap();
    manifest::warn_unused_vars(&options, &mut problems);
    (rendered, problems)
}

#[test]
fn every_mistake_is_told_as_it_is_written_down() {
    let cases = cases("bad");
    assert!(cases.len() >= MIN_MISTAKES, "only {} mistakes", cases.len());
    let mut wrong = Vec::new();
    for (name, path) in &cases {
        let (rendered, problems) = load(path);
        assert_eq!(rendered.is_empty(), problems.has_errors(), "{name}: errors and a result, or neither");
        let drawn = report::graphical(&problems, TextStyle::default());
        wrong.extend(compared(&folder("bad").join(name).with_extension("txt"), &drawn));
    }
    let sequences = sequences("bad");
    assert!(sequences.len() >= MIN_SEQUENCES, "only {} sequences", sequences.len());
    for (name, problems) in &sequences {
        let drawn = report::graphical(problems, TextStyle::default());
        wrong.extend(compared(&Utf8PathBuf::from(format!("tests/sequences/bad/{name}.txt")), &drawn));
    }
    assert!(wrong.is_empty(), "{}\nif that is meant: UPDATE=1 cargo test --test it diagnostics::", wrong.join("\n"));
}

/// Returns the problems of the examples in `tests/rules`, by name.
fn examples() -> impl Iterator<Item = (String, Problems)> {
    rule_examples().into_iter().map(|(folder, _, problems)| (folder.into_string(), problems))
}

/// Returns the problems of each example in `tests/rules`, with its folder and rule.
fn rule_examples() -> Vec<(Utf8PathBuf, Rule, Problems)> {
    let folders = Utf8Path::new("tests/rules").read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    let mut folders: Vec<_> = folders.collect();
    folders.sort();
    let example = |folder: Utf8PathBuf| {
        let rule = rule_of(&folder);
        let path = folder.join("sequence.toml");
        let problems = if path.exists() { sequence(&path) } else { load(&folder.join("media.toml")).1 };
        (folder, rule, problems)
    };
    folders.into_iter().filter(|folder| environment(folder).is_none()).map(example).collect()
}

/// Returns the rule that a folder is named after.
fn rule_of(folder: &Utf8Path) -> Rule {
    let name = folder.file_name().unwrap();
    let (code, slug) = name.split_once('-').unwrap();
    let rule = Rule::parse(slug).unwrap_or_else(|| panic!("{name}: no such rule"));
    assert_eq!(code, format!("R{:03}", rule.number()), "{name}");
    rule
}

/// Environment variables of an example that is checked with the images of the examples, by its first line
/// (`#! --with-images --env NAME=VALUE`); `None` if a manifest or task sequence is enough.
fn environment(folder: &Utf8Path) -> Option<Vec<(String, String)>> {
    let text = fs::read_to_string(folder.join("media.toml")).ok()?;
    let words = text.lines().next()?.strip_prefix("#! --with-images")?.split_whitespace();
    let variables = words.filter(|word| *word != "--env").map(|variable| variable.split_once('=').unwrap());
    Some(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Output of `tsmedia check` for an example in a copy of its folder, with the images of the examples.
fn checked_with_images(folder: &Utf8Path, images: &Utf8Path, environment: Vec<(String, String)>) -> String {
    let copy = tempfile::tempdir().unwrap();
    for (from, name) in [(folder.join("."), "."), (images.join("install.wim"), "images/install.wim")]
        .into_iter()
        .chain([(images.join("x64/boot.wim"), "images/boot.wim")])
    {
        let to = copy.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        assert!(Command::new("cp").args(["-r", from.as_str()]).arg(to).status().unwrap().success());
    }
    let mut check = Command::new(env!("CARGO_BIN_EXE_tsmedia"));
    let ran = check.arg("check").current_dir(copy.path()).envs(environment).output().unwrap();
    String::from_utf8(ran.stderr).unwrap()
}

/// Images that the repository's examples use.
fn images() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::try_from(folder.path().to_owned()).unwrap();
    assert!(Command::new("bash").args(["examples/boot/make", path.as_str(), "x64"]).status().unwrap().success());
    (folder, path)
}

#[test]
fn every_checked_rule_has_an_example_with_the_whole_output() {
    let examples = rule_examples();
    let mut wrong = Vec::new();
    let mut rules: Vec<_> = examples.iter().map(|(_, rule, _)| *rule).collect();
    for (folder, rule, problems) in &examples {
        let drawn = report::graphical(problems, TextStyle::default()).replace(&format!("{folder}/"), "");
        wrong.extend(compared(&folder.join("expected.txt"), &drawn));
        let broken: Vec<_> = problems.sorted().iter().filter_map(|problem| problem.rule).collect();
        assert!(broken.contains(rule), "{folder} breaks {broken:?}");
        assert_eq!(rule.unchecked(), None, "{folder}");
    }
    let (_folder, images) = images();
    for entry in Utf8Path::new("tests/rules").read_dir_utf8().unwrap() {
        let folder = entry.unwrap().into_path();
        let Some(environment) = environment(&folder) else { continue };
        let rule = rule_of(&folder);
        let drawn = checked_with_images(&folder, &images, environment);
        wrong.extend(compared(&folder.join("expected.txt"), &drawn));
        assert!(drawn.contains(&format!("{}[{rule}]:", rule.severity())), "{folder}:\n{drawn}");
        rules.push(rule);
    }
    assert!(wrong.is_empty(), "{}\nif that is meant: UPDATE=1 cargo test --test it diagnostics::", wrong.join("\n"));
    for rule in Rule::all().into_iter().filter(|rule| rule.unchecked().is_none()) {
        let has_example = rules.contains(&rule);
        assert!(
            has_example != report::reference::RULES_WITHOUT_EXAMPLE.contains(&rule),
            "{rule}: has an example: {has_example}"
        );
    }
}

#[test]
fn problems_have_the_severities_of_their_rules() {
    let mistakes = cases("bad").into_iter().map(|(name, path)| (name, load(&path).1)).chain(sequences("bad"));
    for (name, problems) in mistakes.chain(examples()).filter(|(_, problems)| problems.lowerings.list().is_empty()) {
        for problem in problems.sorted() {
            let expected = problem.rule.map_or(problem.severity, Rule::severity);
            assert_eq!(problem.severity, expected, "{name}: {}", problem.message);
        }
    }
}

/// Describes how diagnostics differ from the expected text.
fn compared(expected: &Utf8Path, drawn: &str) -> Option<String> {
    assert!(!drawn.is_empty(), "{expected}: nothing is said");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(expected, drawn).unwrap();
    }
    let is_same = fs::read_to_string(expected).unwrap_or_default() == drawn;
    (!is_same).then(|| format!("{expected} says something else now:\n{drawn}"))
}

#[test]
fn no_mistake_is_told_in_the_words_of_a_library() {
    let manifests = cases("bad").into_iter().map(|(name, path)| (name, load(&path).1));
    for (name, problems) in manifests.chain(sequences("bad")).chain(examples()) {
        for problem in problems.sorted() {
            let message = &problem.message;
            assert!(!message.ends_with('.'), "{name}: {message}");
            assert!(!message.starts_with(char::is_uppercase), "{name}: {message}");
            assert!(problem.help.is_some(), "{name}: no help: {message}");
            assert!(!problem.labels.is_empty(), "{name}: no line: {message}");
            for jargon in ["schema", "JSON", "null", "anyOf", "oneOf", "regex", "pattern", "^["] {
                assert!(!message.contains(jargon), "{name}: {message}");
            }
        }
    }
}

#[test]
fn no_mistake_is_told_with_the_value_of_a_secret() {
    let manifests = cases("bad").into_iter().map(|(name, path)| (name, load(&path).1));
    let mut n_secrets = 0;
    for (name, problems) in manifests.chain(sequences("bad")).chain(examples()) {
        let shown = report::graphical(&problems, TextStyle::default())
            + &serde_json::Value::from(report::json(&problems)).to_string();
        for value in ["Zq7", "Zq7-never-shown", "87152", "hunter2", "open-sesame", "ever-shown", "ever_shown"] {
            assert!(!shown.contains(value), "{name} shows {value}:\n{shown}");
        }
        n_secrets += shown.matches("•••").count();
    }
    assert!(n_secrets > 20, "only {n_secrets} secrets were masked");
}

#[test]
fn nothing_is_said_of_good_manifests() {
    let cases = cases("good");
    assert!(cases.len() >= 4);
    for (name, path) in cases {
        let (rendered, problems) = load(&path);
        assert!(!rendered.is_empty(), "{name}");
        let drawn = report::graphical(&problems, TextStyle::default());
        assert!(problems.sorted().iter().all(|problem| problem.severity == Severity::Note), "{name}:\n{drawn}");
    }
    let sequences = sequences("good");
    assert!(sequences.len() >= 5);
    for (name, problems) in sequences {
        let drawn = report::graphical(&problems, TextStyle::default());
        assert!(problems.sorted().iter().all(|problem| problem.severity == Severity::Note), "{name}:\n{drawn}");
    }
}

/// Manifests of the repository without errors: those without diagnostics, examples of rules, and the examples.
fn sound_manifests() -> Vec<Utf8PathBuf> {
    let folders = |folder: &str| {
        let entries = Utf8Path::new(folder).read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
        entries.filter(|folder| folder.join("media.toml").exists()).collect::<Vec<_>>()
    };
    let rules = folders("tests/rules").into_iter().filter(|folder| environment(folder).is_none());
    let named = rules.chain(folders("examples")).map(|folder| folder.join("media.toml"));
    let mut all: Vec<_> = named.chain(cases("good").into_iter().map(|(_, path)| path)).collect();
    all.sort();
    all
}

#[test]
fn what_is_rendered_is_a_manifest_elsewhere_that_renders_to_itself() {
    let mut n_rendered = 0;
    for (at, path) in sound_manifests().into_iter().enumerate() {
        for rendered in load(&path).0 {
            let folder = Utf8PathBuf::from(format!("target/tmp/rendered/{at}"));
            fs::create_dir_all(&folder).unwrap();
            let again = folder.join("media.toml");
            let text = portable::to_toml(&rendered, &folder);
            fs::write(&again, &text).unwrap();
            let (twice, problems) = load(&again);
            let drawn = report::graphical(&problems, TextStyle::default());
            assert_eq!(twice.len(), 1, "{path}:\n{text}\n{drawn}");
            let (once, twice) = (portable::to_toml(&rendered, "".into()), portable::to_toml(&twice[0], "".into()));
            assert_eq!(twice, once, "{path}");
            n_rendered += 1;
        }
    }
    assert!(n_rendered > 30, "{n_rendered}");
}

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let schemas = [
        ("media", manifest::editor_schema()),
        ("sequence", sequence::schema()),
        ("facts", simulate::editor_schema()),
        ("library", manifest::library_schema()),
        ("site", manifest::site_file_schema()),
    ];
    for (of, schema) in schemas {
        expect_fresh(&format!("schemas/{of}.schema.json"), &schema);
    }
}

#[test]
fn the_editors_schema_takes_every_good_manifest_before_it_is_rendered() {
    let schema: serde_json::Value = serde_json::from_str(&manifest::editor_schema()).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let of_sequences: serde_json::Value = serde_json::from_str(&sequence::schema()).unwrap();
    let of_sequences = jsonschema::draft7::new(&of_sequences).unwrap();
    let manifests = cases("good").into_iter().map(|case| (&validator, case));
    let sequences = cases_in("tests/sequences/good".into()).into_iter().map(|case| (&of_sequences, case));
    for (validator, (name, path)) in manifests.chain(sequences) {
        let value: toml::Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        // A date of TOML is text to an editor.
        fn plain(value: toml::Value) -> serde_json::Value {
            match value {
                toml::Value::Datetime(date) => date.to_string().into(),
                toml::Value::Array(items) => items.into_iter().map(plain).collect(),
                toml::Value::Table(table) => {
                    table.into_iter().map(|(key, value)| (key, plain(value))).collect::<serde_json::Map<_, _>>().into()
                }
                other => serde_json::to_value(other).unwrap(),
            }
        }
        let value = plain(toml::Value::Table(value));
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}
