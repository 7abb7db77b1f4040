//! Rules of the field in words: one in full, and those that a manifest lowers.

use serde_json::{Value as Json, json};

use crate::problem::{Lowering, Severity};
use crate::rule::{Rule, page as address};

use super::{Page, counted};

/// A rule with its source.
pub fn rule(rule: &Rule) -> Page {
    let mut page = Page::of_line(format!("{}, {}: {}", rule.name(), article(rule.severity), rule.title));
    page.gap();
    rule.words.lines().for_each(|line| page.line(line));
    let lowered = match rule.is_lowerable {
        true => format!("`rules = {{ {} = \"off\" }}` in `[media]` lowers it.", rule.name()),
        false => "It can't be lowered.".into(),
    };
    page.line(lowered);
    if let Some(why) = rule.unchecked {
        page.line(format!("It is not checked: {why}."));
    }
    page.gap();
    page.line("Sources:");
    for source in rule.sources.split(' ') {
        page.row(format!("  {source:<8}  "), address(source).unwrap_or_default());
    }
    page
}

/// The same as data.
pub fn rule_json(rule: &Rule) -> Json {
    let sources = rule.sources.split(' ').map(|key| (key.to_owned(), Json::from(address(key)))).collect();
    json!({
        "rule": rule.name(),
        "severity": word(rule.severity),
        "title": rule.title,
        "words": rule.words,
        "lowerable": rule.is_lowerable,
        "unchecked": rule.unchecked,
        "sources": Json::Object(sources),
    })
}

/// What became of a rule that a manifest lowers.
pub fn lowering(lowering: &Lowering) -> String {
    let Lowering { rule, to, n_problems } = lowering;
    let times = match n_problems {
        0 => "was not broken".to_owned(),
        n => format!("was broken {}", counted(*n, "time")),
    };
    match to {
        Some(severity) => format!("{rule} is {} by `media.rules`, and {times}", article(*severity)),
        None => format!("{rule} is off by `media.rules`, and {times}"),
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn article(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "an error",
        Severity::Warning => "a warning",
        Severity::Note => "a note",
    }
}
