//! Converts problems to diagnostics of the protocol.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use authoring::file::overlay_path;
use serde_json::{Value as Json, json};

use super::{text, uri};
use crate::problem::{Place, Problem, Problems, Severity};
use crate::rule;

/// Diagnostic, and the replacement that its help proposes.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// `Diagnostic` of the protocol.
    pub diagnostic: Json,
    /// Text to put in place of the range of the diagnostic.
    pub replacement: Option<String>,
}

/// Findings of each file.
pub type Findings = BTreeMap<PathBuf, Vec<Finding>>;

/// Sorts problems by file. Problems without a file are put at the start of `root`.
pub fn findings(problems: &Problems, root: &Path) -> Findings {
    let mut found = Findings::new();
    for problem in problems.sorted() {
        let place = problem.labels.iter().map(|(place, _)| place).find(|place| path(place, problems).is_some());
        let at = place.and_then(|place| path(place, problems)).unwrap_or_else(|| root.to_owned());
        found.entry(at).or_default().push(finding(problem, place, problems, root));
    }
    found
}

/// Returns the finding of a file that can't be read at all.
pub fn unreadable(message: &str) -> Finding {
    let start = json!({ "line": 0, "character": 0 });
    let diagnostic =
        json!({ "range": { "start": start, "end": start }, "severity": 1, "source": "tsmedia", "message": message });
    Finding { diagnostic, replacement: None }
}

/// Returns the file of a place; `None` for a built-in profile or the command line.
fn path(place: &Place, problems: &Problems) -> Option<PathBuf> {
    let path = Path::new(&problems.source(place.source).name);
    path.is_absolute().then(|| overlay_path(path))
}

fn finding(problem: &Problem, place: Option<&Place>, problems: &Problems, root: &Path) -> Finding {
    let folder = root.parent().map(|folder| format!("{}/", folder.display())).unwrap_or_default();
    // Editors open files by absolute paths, so messages contain them; show them relative to the manifest.
    let shown = |text: &str| text.replace(&folder, "");
    let range = |place: &Place| text::range(&problems.source(place.source).text, &place.span);
    let start = json!({ "line": 0, "character": 0 });
    let mut message = shown(&problem.message);
    if let Some(help) = &problem.help {
        message += &format!("\nhelp: {}", shown(help));
    }
    let mut diagnostic = json!({
        "range": place.map_or_else(|| json!({ "start": start, "end": start }), range),
        "severity": match problem.severity {
            Severity::Error => 1,
            Severity::Warning => 2,
            Severity::Note => 3,
        },
        "source": "tsmedia",
        "message": message,
    });
    if let Some(rule) = problem.rule {
        diagnostic["code"] = json!(rule.slug());
        if let Some(href) = rule.pages().find_map(|page| address(rule::page(page)?)) {
            diagnostic["codeDescription"] = json!({ "href": href });
        }
    }
    let related = problem.labels.iter().filter(|(other, _)| Some(other) != place).filter_map(|(place, words)| {
        let message = if words.is_empty() { "also here" } else { words };
        Some(json!({
            "location": { "uri": uri::from_path(&path(place, problems)?), "range": range(place) },
            "message": shown(message),
        }))
    });
    let related: Vec<_> = related.collect();
    if !related.is_empty() {
        diagnostic["relatedInformation"] = json!(related);
    }
    Finding { diagnostic, replacement: place.and_then(|place| replacement(problem, place, problems)) }
}

/// Returns the URL of a page of Configuration Manager's documentation, given as `Title (osd/…)`.
fn address(page: &str) -> Option<String> {
    let (_, path) = page.strip_suffix(')')?.rsplit_once('(')?;
    let is_path = path.contains('/') && path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_'));
    is_path.then(|| format!("https://learn.microsoft.com/intune/configmgr/{path}"))
}

/// Returns the replacement for the labelled text, if the help suggests one ("did you mean …").
fn replacement(problem: &Problem, place: &Place, problems: &Problems) -> Option<String> {
    let rest = problem.help.as_deref()?.strip_prefix("did you mean `")?;
    let right = &rest[..rest.find("`?")?];
    let raw = problems.source(place.source).text.get(place.span.clone())?;
    let quote = raw.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    let wrong = raw.trim_matches(['"', '\'']);
    // The message must quote exactly the labelled text: a label may cover more than the wrong part.
    let mut quoted = problem.message.split('`').skip(1).step_by(2);
    let is_named = quoted.any(|part| part == wrong || part.ends_with(&format!("/{wrong}")));
    if !is_named || wrong.is_empty() || right.contains(['"', '\'', '\\', '\n']) {
        return None;
    }
    Some(match quote {
        Some(quote) => format!("{quote}{right}{quote}"),
        None => right.to_owned(),
    })
}
