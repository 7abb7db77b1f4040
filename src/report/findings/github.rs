//! Workflow commands of GitHub Actions, which show problems as annotations.
//!
//! GitHub shows at most 10 errors and 10 warnings of a step, so errors come first; the log has all.

use super::{Finding, TextRange};
use crate::problem::Severity;

/// Returns a workflow command for each finding.
pub fn github(findings: &[Finding]) -> String {
    findings.iter().map(|finding| command(finding) + "\n").collect()
}

fn command(finding: &Finding) -> String {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = format!("file={}", escape_property(&finding.place.path));
    if let Some(TextRange { start, end }) = finding.place.range {
        properties += &format!(",line={},endLine={}", start.0, end.0);
        // GitHub refuses columns of several lines.
        if start.0 == end.0 {
            properties += &format!(",col={},endColumn={}", start.1, end.1);
        }
    }
    properties += &format!(",title={}", escape_property(finding.rule_name()));
    format!("::{command} {properties}::{}", escape_data(&finding.text()))
}

/// Escapes the data of a command, as `@actions/core` does.
fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}
