//! Formats problems for code forges and pipelines: annotations of GitHub, Code Quality of GitLab, SARIF and JUnit.
//!
//! All of them place a problem at one line of a file. Problems without a line that the repository has are placed at their
//! manifest.

mod github;
mod gitlab;
mod junit;
mod sarif;

use std::collections::BTreeMap;

use crate::problem::{Origin, Place, Problem, Problems, Severity};
use crate::report::problems::line_and_column;
use crate::rule::Rule;

pub use github::github;
pub use gitlab::gitlab;
pub use junit::{CheckedFile, TestCase, junit, test_cases};
pub use sarif::sarif;

/// Identifier of problems that break no rule, such as TOML that can't be parsed.
const NO_RULE: &str = "general";

/// Problem at a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Severity.
    pub severity: Severity,
    /// Rule that is broken, if any.
    pub rule: Option<Rule>,
    /// Message, as on the screen.
    pub message: String,
    /// Help, if there is any.
    pub help: Option<String>,
    /// Place to change.
    pub place: FindingPlace,
    /// Other places, with their remarks.
    pub related: Vec<(FindingPlace, String)>,
    /// Digest that stays the same while the problem does, wherever its line moves.
    pub fingerprint: String,
    /// Manifests and sites that have it.
    pub origins: Vec<Origin>,
}

/// Lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingPlace {
    /// Path from the root of the repository, with `/` between its parts.
    pub path: String,
    /// Range of lines and columns; `None` for the whole file.
    pub range: Option<TextRange>,
}

/// Range in a text. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextRange {
    /// First line and column.
    pub start: (usize, usize),
    /// Line and column after the last character.
    pub end: (usize, usize),
}

impl Finding {
    /// Name of the rule, or [`NO_RULE`].
    fn rule_name(&self) -> &'static str {
        self.rule.map_or(NO_RULE, Rule::slug)
    }

    /// Message, and help in a line of its own.
    fn text(&self) -> String {
        match &self.help {
            Some(help) => format!("{}\nhelp: {help}", self.message),
            None => self.message.clone(),
        }
    }
}

/// Returns the problems as findings: errors first, then in the order of their lines. `path_in_repository` returns the
/// path of a file that the repository has; other problems are placed at `fallback`.
pub fn findings(
    problems: &Problems,
    path_in_repository: &dyn Fn(&str) -> Option<String>,
    fallback: &str,
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    // Positions of the findings with one key.
    let mut known: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for problem in problems.sorted() {
        let place = |place: &Place| {
            let source = problems.source(place.source);
            let path = path_in_repository(&source.name)?;
            let [start, end] = [place.span.start, place.span.end].map(|at| line_and_column(&source.text, at));
            Some(FindingPlace { path, range: Some(TextRange { start, end }) })
        };
        let mut places = problem.labels.iter().filter_map(|(at, words)| Some((place(at)?, words.clone())));
        let first = places.next().map(|(place, _)| place);
        let related: Vec<_> = places.collect();
        let manifest = problem.origins.first().and_then(|origin| path_in_repository(&origin.manifest));
        let path = manifest.unwrap_or_else(|| fallback.to_owned());
        let place = first.unwrap_or(FindingPlace { path, range: None });
        let Problem { severity, rule, message, help, origins, .. } = problem.clone();
        let key = fingerprint(&[&place.path, rule.map_or(NO_RULE, Rule::slug), &message, &line(problem, problems)]);
        let alike = known.entry(key.clone()).or_default();
        // Manifests that share a profile have its problems in common.
        let is_same = |at: &&usize| {
            let other = &findings[**at];
            (other.severity, &other.help, &other.place, &other.related) == (severity, &help, &place, &related)
        };
        if let Some(at) = alike.iter().find(is_same) {
            findings[*at].origins.extend(origins);
            continue;
        }
        alike.push(findings.len());
        let fingerprint = fingerprint(&[&key, &alike.len().to_string()]);
        findings.push(Finding { severity, rule, message, help, place, related, fingerprint, origins });
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// Returns the line that a problem is about, without the space around it.
fn line(problem: &Problem, problems: &Problems) -> String {
    let Some((place, _)) = problem.labels.first() else { return String::new() };
    // A line with a secret must not be guessed from its digest.
    let source = problems.source(place.source);
    let start = source.text[..place.span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = source.text[start..].find('\n').map_or(source.text.len(), |len| start + len);
    let is_secret = source.secrets.iter().any(|secret| secret.start < end && start < secret.end);
    if is_secret { String::new() } else { source.text[start..end].trim().to_owned() }
}

fn fingerprint(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    hasher.finalize().to_hex().as_str()[..32].to_owned()
}

#[cfg(test)]
mod tests;
