//! JUnit XML: a test suite for each manifest, and a test case for each of its sites.

use std::fmt::Write as _;

use super::{Finding, TextRange};
use crate::foreign_text;
use crate::problem::{Origin, Severity};

/// Manifest or task sequence that was checked.
#[derive(Clone, Debug)]
pub struct CheckedFile {
    /// Path as given.
    pub name: String,
    /// Path from the root of the repository.
    pub path: String,
    /// Sites of the manifest; empty if it has none, or can't be read.
    pub sites: Vec<String>,
}

/// Manifest or task sequence, or one site of a manifest, with its problems.
#[derive(Clone, Debug)]
pub struct TestCase {
    /// Path of the file, from the root of the repository.
    pub path: String,
    /// Site, if the manifest has any.
    pub site: Option<String>,
    /// Problems of the file that affect the site.
    pub findings: Vec<Finding>,
}

impl TestCase {
    fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

/// Sorts findings into a test case for each file and site. Those of no file get a case of their own.
pub fn test_cases(findings: &[Finding], files: &[CheckedFile]) -> Vec<TestCase> {
    let mut is_placed = vec![false; findings.len()];
    let mut cases = Vec::new();
    for file in files {
        let sites: Vec<_> = match &file.sites[..] {
            [] => vec![None],
            sites => sites.iter().map(|site| Some(site.clone())).collect(),
        };
        for site in sites {
            let mut of_case = Vec::new();
            for (at, finding) in findings.iter().enumerate() {
                let is_of_site = |origin: &Origin| {
                    origin.manifest == file.name && (site.is_none() || origin.site.is_none() || origin.site == site)
                };
                if finding.origins.iter().any(is_of_site)
                    || finding.origins.is_empty() && finding.place.path == file.path
                {
                    is_placed[at] = true;
                    of_case.push(finding.clone());
                }
            }
            cases.push(TestCase { path: file.path.clone(), site, findings: of_case });
        }
    }
    for (finding, _) in findings.iter().zip(is_placed).filter(|(_, is_placed)| !is_placed) {
        cases.push(TestCase { path: finding.place.path.clone(), site: None, findings: vec![finding.clone()] });
    }
    cases
}

/// Returns test cases as JUnit XML. Cases of one file must follow each other.
pub fn junit(cases: &[TestCase]) -> String {
    let counts = |cases: &[TestCase]| {
        format!("tests=\"{}\" failures=\"{}\"", cases.len(), cases.iter().filter(|case| case.has_errors()).count())
    };
    let mut xml =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"tsmedia check\" {}>\n", counts(cases));
    for suite in cases.chunk_by(|one, other| one.path == other.path) {
        let path = attribute(&suite[0].path);
        let _ = writeln!(xml, "  <testsuite name=\"{path}\" {}>", counts(suite));
        suite.iter().for_each(|case| xml += &test_case(case, &path));
        xml += "  </testsuite>\n";
    }
    xml + "</testsuites>\n"
}

fn test_case(case: &TestCase, path: &str) -> String {
    let name = attribute(case.site.as_deref().unwrap_or("check"));
    let mut xml = format!("    <testcase classname=\"{path}\" name=\"{name}\" file=\"{path}\"");
    if case.findings.is_empty() {
        return xml + "/>\n";
    }
    xml += ">\n";
    let (errors, others): (Vec<_>, Vec<_>) =
        case.findings.iter().partition(|finding| finding.severity == Severity::Error);
    // Viewers show one failure of a test case, so it has all errors.
    if let Some(first) = errors.first() {
        let more = if errors.len() > 1 { format!(" (and {} more)", errors.len() - 1) } else { String::new() };
        let (message, kind) = (attribute(&format!("{}{more}", first.message)), first.rule_name());
        let _ = writeln!(xml, "      <failure message=\"{message}\" type=\"{kind}\">{}</failure>", texts(&errors));
    }
    if !others.is_empty() {
        let _ = writeln!(xml, "      <system-out>{}</system-out>", texts(&others));
    }
    xml + "    </testcase>\n"
}

/// Returns the problems as text, each with its place.
fn texts(findings: &[&Finding]) -> String {
    let text = |finding: &&Finding| {
        let place = match finding.place.range {
            Some(TextRange { start: (line, column), .. }) => format!("{}:{line}:{column}", finding.place.path),
            None => finding.place.path.clone(),
        };
        format!("{place}: {}[{}]: {}", finding.severity.word(), finding.rule_name(), finding.text())
    };
    escape(&findings.iter().map(text).collect::<Vec<_>>().join("\n"))
}

fn escape(text: &str) -> String {
    // XML 1.0 has no control characters but these, not even escaped.
    let text: String = text
        .chars()
        .map(|c| if c.is_control() && !"\n\t".contains(c) { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    foreign_text::xml(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")).into_owned()
}

fn attribute(text: &str) -> String {
    escape(text).replace('"', "&quot;").replace('\n', "&#10;")
}
