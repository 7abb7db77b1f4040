//! Code Quality report of GitLab, in the part of Code Climate's format that GitLab reads.

use serde_json::{Value as Json, json};

use super::Finding;
use crate::problem::Severity;

/// Returns the findings as a Code Quality report.
pub fn gitlab(findings: &[Finding]) -> Json {
    let finding = |finding: &Finding| {
        let severity = match finding.severity {
            Severity::Error => "critical",
            Severity::Warning => "minor",
            Severity::Note => "info",
        };
        let begin = finding.place.range.map_or(1, |range| range.start.0);
        json!({
            "description": finding.text().replace('\n', "; "),
            "check_name": finding.rule_name(),
            "fingerprint": finding.fingerprint,
            "severity": severity,
            "location": { "path": finding.place.path, "lines": { "begin": begin } },
        })
    };
    findings.iter().map(finding).collect()
}
