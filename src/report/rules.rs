//! Formats rules: the explanation of one, the list of all, and those whose severity a manifest lowers.

use serde_json::{Value as Json, json};

use crate::problem::{Lowering, Severity};
use crate::rule::{Rule, page as address};

use super::{Page, counted};

/// Formats the explanation of a rule with its sources.
pub fn rule(rule: Rule) -> Page {
    let mut page = Page::of_line(format!("{}[{rule}]: {}", rule.severity(), rule.title()));
    page.gap();
    page.line(rule.explanation());
    page.line(format!("Its number is {}.", rule.code()));
    let lowered = match rule.is_lowerable() {
        true => format!("To turn it off: `rules = {{ {rule} = \"off\" }}` in `[media]`."),
        false if rule.is_acceptable() => format!("To hide its problems: `accept = [\"{rule}\"]` in `[media]`."),
        false => "Its severity can't be lowered.".into(),
    };
    page.line(lowered);
    if let Some(why) = rule.unchecked() {
        page.line(format!("It is not checked: {why}."));
    }
    page.gap();
    page.line("Sources:");
    for source in rule.pages() {
        page.row(format!("  {source:<8}  "), address(source).unwrap_or_default());
    }
    page
}

/// Returns a rule as JSON.
fn rule_json(rule: Rule) -> Json {
    let sources = rule.pages().map(|key| (key.to_owned(), Json::from(address(key)))).collect();
    json!({
        "rule": rule.slug(),
        "rule-number": rule.code(),
        "severity": rule.severity().word(),
        "title": rule.title(),
        "words": rule.explanation(),
        "lowerable": rule.is_lowerable(),
        "unchecked": rule.unchecked(),
        "sources": Json::Object(sources),
    })
}

/// Lists all rules: number, severity, slug and title.
pub fn rules() -> Page {
    let mut page = Page::default();
    let slug_len = Rule::all().into_iter().map(|rule| rule.slug().len()).max().unwrap_or_default();
    for rule in Rule::all() {
        let unchecked = if rule.unchecked().is_some() { " (not checked)" } else { "" };
        let cells = format!("{:<4}  {:<7}  {rule:<slug_len$}  ", rule.code(), rule.severity().word());
        page.row(cells, format!("{}{unchecked}", rule.title()));
    }
    page
}

/// Returns rules as JSON.
pub fn rules_json(rules: &[Rule]) -> Json {
    json!({ "rules": rules.iter().copied().map(rule_json).collect::<Vec<_>>() })
}

/// Returns a line for a rule whose severity a manifest lowers.
pub fn lowering(lowering: &Lowering) -> String {
    let Lowering { rule, to, is_accepted, n_problems } = lowering;
    let problems = counted(*n_problems, "problem");
    match to {
        None if *is_accepted => format!("`media.accept` hides {rule}: {problems}"),
        Some(severity) => format!("`media.rules` makes {rule} {}: {problems}", article(*severity)),
        None => format!("`media.rules` turns {rule} off: {problems}"),
    }
}

/// Returns rules whose severity manifests lower as JSON.
pub fn lowerings_json(lowerings: &[Lowering]) -> Json {
    let lowering = |lowering: &Lowering| {
        json!({
            "rule": lowering.rule.slug(),
            "rule-number": lowering.rule.code(),
            "severity": lowering.to.map(Severity::word),
            "hits": lowering.n_problems,
        })
    };
    lowerings.iter().map(lowering).collect()
}

fn article(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "an error",
        Severity::Warning => "a warning",
        Severity::Note => "a note",
    }
}
