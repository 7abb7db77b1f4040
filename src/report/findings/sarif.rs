//! SARIF 2.1.0, which GitHub code scanning and other viewers of static analysis read.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{Finding, FindingPlace, NO_RULE};
use crate::problem::Severity;
use crate::rule::Rule;

/// Returns the findings as a SARIF log with one run.
pub fn sarif(findings: &[Finding]) -> Json {
    let rules: BTreeSet<_> = findings.iter().map(|finding| finding.rule).collect();
    let rules: Vec<_> = rules.into_iter().collect();
    let driver = json!({
        "name": "tsmedia",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": rules.iter().map(|rule| rule_json(*rule)).collect::<Vec<_>>(),
    });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(|finding| result(finding, &rules)).collect::<Vec<_>>(),
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn rule_json(rule: Option<Rule>) -> Json {
    let Some(rule) = rule else {
        return json!({
            "id": NO_RULE,
            "shortDescription": { "text": "problem that breaks no rule" },
            "defaultConfiguration": { "level": "error" },
        });
    };
    json!({
        "id": rule.slug(),
        "name": rule.code(),
        "shortDescription": { "text": rule.title() },
        "fullDescription": { "text": rule.explanation() },
        "help": {
            "text": rule.explanation(),
            "markdown": format!("{}\n\nRun `tsmedia check --explain {rule}` for its sources.", rule.explanation()),
        },
        "defaultConfiguration": { "level": level(rule.severity()) },
    })
}

fn result(finding: &Finding, rules: &[Option<Rule>]) -> Json {
    let related: Vec<_> = finding
        .related
        .iter()
        .enumerate()
        .map(|(id, (place, words))| {
            let mut location = location(place);
            location["id"] = (id + 1).into();
            if !words.is_empty() {
                location["message"] = json!({ "text": words });
            }
            location
        })
        .collect();
    let mut result = json!({
        "ruleId": finding.rule_name(),
        "ruleIndex": rules.iter().position(|rule| *rule == finding.rule),
        "level": level(finding.severity),
        "message": { "text": finding.text() },
        "locations": [location(&finding.place)],
        "partialFingerprints": { "tsmediaProblem/v1": finding.fingerprint },
    });
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    result
}

fn location(place: &FindingPlace) -> Json {
    let mut physical = json!({ "artifactLocation": { "uri": uri(&place.path), "uriBaseId": "%SRCROOT%" } });
    if let Some(range) = place.range {
        physical["region"] = json!({
            "startLine": range.start.0,
            "startColumn": range.start.1,
            "endLine": range.end.0,
            "endColumn": range.end.1,
        });
    }
    json!({ "physicalLocation": physical })
}

/// Returns a path as a relative URI (RFC 3986, unreserved characters and `/`).
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
