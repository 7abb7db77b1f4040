//! Counts constructions that make code and messages hard to read, so that they don't creep back.
//!
//! `cargo test --test it -- language --nocapture` prints the counts, and each line that counts. Why these, and what to
//! write instead, is in `docs/contributing/style.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::fixtures::repository::{files_below, read};

/// Most doc comments that may start with a question word: a few are questions that the code answers.
const MAX_QUESTIONS: usize = 5;
/// Most lines with "what is" and the like, which plain sentences need now and then.
const MAX_WHAT_IS: usize = 70;
/// Most type names, in percent, that may be used for more than one type of a crate.
const MAX_SHARED_NAMES: usize = 5;
/// Fewest lines of 1,000 that have a comment which says why.
const MIN_COMMENTS: usize = 17;

/// Names that every module may use for a type of its own.
const CONVENTIONAL: [&str; 3] = ["Arguments", "Error", "Kind"];

/// A line of a source file.
struct Line<'a> {
    path: &'a Path,
    number: usize,
    text: &'a str,
    /// Text of the doc comment if the line is the first of one.
    doc_start: Option<&'a str>,
}

/// Reads the Rust sources below the folders.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let files = folders.iter().flat_map(|folder| files_below(folder, "rs"));
    files.map(|path| (path.clone(), read(path))).collect()
}

/// Returns the text of a doc comment on this line.
fn doc_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim_start)
}

fn lines<'a>(path: &'a Path, source: &'a str) -> impl Iterator<Item = Line<'a>> {
    let mut was_doc = false;
    source.lines().enumerate().map(move |(index, text)| {
        let doc = doc_of(text);
        let doc_start = doc.filter(|_| !was_doc);
        was_doc = doc.is_some();
        Line { path, number: index + 1, text, doc_start }
    })
}

/// Prints the lines that have a fault, and their number.
fn count(name: &str, sources: &[(PathBuf, String)], has_fault: &dyn Fn(&Line) -> bool) -> usize {
    let faulty: Vec<_> =
        sources.iter().flat_map(|(path, source)| lines(path, source)).filter(|line| has_fault(line)).collect();
    for line in &faulty {
        println!("{}:{}: {}", line.path.display(), line.number, line.text.trim());
    }
    println!("{}: {name}\n", faulty.len());
    faulty.len()
}

/// Returns the words of a text in lower case.
fn words(text: &str) -> Vec<String> {
    let is_end = |c: char| !c.is_alphanumeric() && c != '\'' && c != '_';
    text.split(is_end).filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn starts_with_any(text: &str, starts: &[&str]) -> bool {
    words(text).first().is_some_and(|first| starts.contains(&first.as_str()))
}

/// Returns `true` if the text has `first`, not as a placeholder (`{what}`), followed by one of the other words.
fn has_pair(text: &str, first: &str, seconds: &[&str]) -> bool {
    let text = text.replace(&format!("{{{first}}}"), "it");
    words(&text).windows(2).any(|pair| pair[0] == first && seconds.contains(&pair[1].as_str()))
}

/// Returns `true` for "`x` is no manifest", and `false` for "there is no manifest" and "is no longer".
fn denies_a_noun(text: &str) -> bool {
    let words = words(text);
    let verb = |word: &String| ["is", "are", "was", "were"].contains(&word.as_str());
    words.windows(3).enumerate().any(|(at, three)| {
        let is_existence = at > 0 && words[at - 1] == "there";
        verb(&three[0]) && three[1] == "no" && !is_existence && !["longer", "more", "less"].contains(&&*three[2])
    })
}

#[test]
fn comments_and_messages_speak_plainly() {
    let mut sources = sources(&["src", "crates", "tests/it"]);
    // This file names what it looks for.
    sources.retain(|(path, _)| !path.ends_with("it/language.rs"));
    let starts = ["what", "whether", "how", "where", "who", "whoever", "nobody"];
    let verbs = ["is", "was", "has", "of"];
    type Fault<'a> = (&'a str, usize, &'a dyn Fn(&Line) -> bool);
    let faults: [Fault; 5] = [
        ("doc comments that start with a question word", MAX_QUESTIONS, &|line| {
            line.doc_start.is_some_and(|doc| starts_with_any(doc, &starts))
        }),
        ("doc comments that start with \"The same\"", 0, &|line| {
            line.doc_start.is_some_and(|doc| doc.starts_with("The same"))
        }),
        ("lines with \"what is\", \"what was\", \"what has\" or \"what of\"", MAX_WHAT_IS, &|line| {
            has_pair(line.text, "what", &verbs)
        }),
        ("lines with \"nobody\" or \"whoever\"", 0, &|line| {
            words(line.text).iter().any(|word| word == "nobody" || word == "whoever")
        }),
        ("lines with \"is no X\"", 0, &|line| denies_a_noun(line.text)),
    ];
    for (name, limit, has_fault) in faults {
        let found = count(name, &sources, has_fault);
        assert!(found <= limit, "{found} {name}, and at most {limit} are allowed; see docs/contributing/style.md");
    }
}

#[test]
fn type_names_are_used_once_in_a_crate() {
    let mut crates = vec![sources(&["src"])];
    for name in ["authoring", "disc-layout", "task-sequence"] {
        crates.push(sources(&[&format!("crates/{name}/src")]));
    }
    let (mut n_names, mut n_shared) = (0, 0);
    for sources in crates {
        let mut types: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for line in sources.iter().flat_map(|(path, source)| lines(path, source)) {
            let Some(name) = type_name(line.text).filter(|name| !CONVENTIONAL.contains(name)) else { continue };
            types.entry(name).or_default().push(format!("{}:{}", line.path.display(), line.number));
        }
        n_names += types.len();
        for (name, places) in types.iter().filter(|(_, places)| places.len() > 1) {
            println!("{name}: {}", places.join(" "));
            n_shared += 1;
        }
    }
    let percent = 100 * n_shared / n_names;
    println!("{n_shared} of {n_names} type names ({percent} %) are used for more than one type");
    assert!(percent < MAX_SHARED_NAMES, "{percent} % of the type names are used for more than one type");
}

/// Returns the name of the type that a line at the outermost level defines.
fn type_name(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("pub(").and_then(|line| line.split_once(") ")).map_or(line, |(_, line)| line);
    let keyword = ["struct ", "enum ", "trait ", "type ", "union "];
    let rest = keyword.iter().find_map(|keyword| line.strip_prefix(keyword))?;
    // Lines of TOML in tests look alike: `type = …`.
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

#[test]
fn function_bodies_say_why() {
    let sources = sources(&["src", "crates"]);
    let lines = || sources.iter().flat_map(|(path, source)| lines(path, source));
    let n_code = lines().filter(|line| !line.text.trim().is_empty() && doc_of(line.text).is_none()).count();
    let n_comments = lines().filter(|line| doc_of(line.text).is_none() && line.text.contains("// ")).count();
    let per_mille = 1_000 * n_comments / n_code;
    println!("{n_comments} of {n_code} lines have a comment: {}.{} %", per_mille / 10, per_mille % 10);
    assert!(per_mille >= MIN_COMMENTS, "only {per_mille} of 1,000 lines have a comment that says why");
}
