//! What an author is told: every mistake in `tests/manifests/bad` with the whole text that is drawn for it beside
//! it, and manifests in `tests/manifests/good` that nothing is said of.
//!
//! A mistake is `NAME.toml`, or a folder `NAME` with a `media.toml` in it where it takes several files. A first line
//! `#! --site BER --var a=b --vars FILE` gives the options of the command line. After a change that is meant,
//! `UPDATE=1 cargo test --test diagnostics` writes the texts anew; read them before they are committed.

// Clippy knows tests by their functions; what these call is test as well.
#![allow(clippy::unwrap_used)]

use std::fs;

use camino::{Utf8Path, Utf8PathBuf};
use tsmedia::manifest::{self, Options};
use tsmedia::problem::{Problems, Severity};
use tsmedia::report::{self, Look};

/// Fewer mistakes than this, and the test reads the wrong place.
const MIN_MISTAKES: usize = 45;

fn folder(name: &str) -> Utf8PathBuf {
    Utf8Path::new("tests/manifests").join(name)
}

/// The manifests in a folder with the names of their cases, in order.
fn cases(name: &str) -> Vec<(String, Utf8PathBuf)> {
    let mut cases: Vec<_> = folder(name)
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

/// The options in the first line of a manifest; paths of files are relative to it.
fn options(path: &Utf8Path, text: &str) -> Options {
    let mut options = Options::default();
    let first = text.lines().next().unwrap_or_default();
    let mut words = first.strip_prefix("#! ").unwrap_or_default().split_whitespace();
    while let (Some(option), Some(value)) = (words.next(), words.next()) {
        match option {
            "--site" => options.sites.push(value.to_owned()),
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
    let rendered = manifest::load(path, &options(path, &text), &mut problems).unwrap();
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
        let drawn = report::graphical(&problems, Look::default());
        assert!(!drawn.is_empty(), "{name}: nothing is said");
        let expected = folder("bad").join(name).with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &drawn).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != drawn {
            wrong.push(format!("{expected} says something else now:\n{drawn}"));
        }
    }
    assert!(wrong.is_empty(), "{}\nif that is meant: UPDATE=1 cargo test --test diagnostics", wrong.join("\n"));
}

#[test]
fn no_mistake_is_told_in_the_words_of_a_library() {
    for (name, path) in cases("bad") {
        let (_, problems) = load(&path);
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
fn nothing_is_said_of_good_manifests() {
    let cases = cases("good");
    assert!(cases.len() >= 4);
    for (name, path) in cases {
        let (rendered, problems) = load(&path);
        assert!(!rendered.is_empty(), "{name}");
        let drawn = report::graphical(&problems, Look::default());
        assert!(problems.sorted().iter().all(|problem| problem.severity == Severity::Note), "{name}:\n{drawn}");
    }
}

#[test]
fn what_is_rendered_is_a_manifest_that_renders_to_itself() {
    for (name, path) in cases("good") {
        for rendered in load(&path).0 {
            let text = rendered.to_toml();
            let folder = tempfile::tempdir().unwrap();
            let again = Utf8Path::from_path(folder.path()).unwrap().join("media.toml");
            fs::write(&again, &text).unwrap();
            let (twice, problems) = load(&again);
            let drawn = report::graphical(&problems, Look::default());
            assert_eq!(twice.len(), 1, "{name}:\n{text}\n{drawn}");
            assert_eq!(twice[0].value(), rendered.value(), "{name}");
        }
    }
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let path = "schemas/media.schema.json";
    let schema = manifest::editor_schema();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, &schema).unwrap();
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(committed == schema, "{path} is stale: run `cargo run -- schema > {path}`, or this test with UPDATE=1");
}

#[test]
fn the_editors_schema_takes_every_good_manifest_before_it_is_rendered() {
    let schema: serde_json::Value = serde_json::from_str(&manifest::editor_schema()).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    for (name, path) in cases("good") {
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
