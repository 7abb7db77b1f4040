//! Rules whose severity a manifest lowers (`media.rules`), and the number of problems affected.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::problem::{Lowering, Problem, Severity};
use crate::rule::Rule;
use authoring::doc::Doc;

/// Lowered severity by rule; `None` turns the rule off.
pub type LoweredRules = BTreeMap<Rule, Option<Severity>>;

/// Parses `media.rules`; mistakes are added to `problems`.
pub fn parse_lowered(doc: Doc<'_>, problems: &mut Vec<Problem>) -> LoweredRules {
    let mut lowered = LoweredRules::new();
    for (name, to) in doc.get("/media/rules").and_then(Json::as_object).into_iter().flatten() {
        let place = doc.place(&format!("/media/rules/{name}"));
        let to = match to.as_str() {
            Some("warning") => Some(Severity::Warning),
            Some("note") => Some(Severity::Note),
            Some("off") => None,
            // Reported by the schema.
            _ => continue,
        };
        let Some(rule) = Rule::parse(name) else {
            problems.push(super::unknown_rule(name, place, |_| true));
            continue;
        };
        if !rule.is_lowerable() {
            let message = format!("`{name}` can't be lowered: {}", rule.title());
            let help = match rule.is_acceptable() {
                true => format!("accept it instead: `accept = [\"{rule}\"]`"),
                false => "remove it; only rules about task sequences can be lowered".into(),
            };
            problems.push(Problem::error(message).at(place, "").help(help));
        } else if to.is_some_and(|to| to <= rule.severity()) {
            let problem = Problem::warning(format!("`{name}` is already a {}", rule.severity())).at(place, "");
            problems.push(problem.help("write `\"off\"`, or remove it"));
        } else if lowered.insert(rule, to).is_some() {
            let problem = Problem::error(format!("`{name}` is the rule `{rule}`, which is listed twice"));
            problems.push(problem.at(place, "").help("remove one of them"));
        }
    }
    lowered
}

/// Returns a problem with its severity lowered; `false` if its rule is off.
pub fn lower(mut problem: Problem, lowered: &LoweredRules) -> (Problem, bool) {
    match problem.rule.and_then(|rule| lowered.get(&rule)) {
        Some(Some(to)) => {
            problem.severity = problem.severity.max(*to);
            (problem, true)
        }
        Some(None) => (problem, false),
        None => (problem, true),
    }
}

/// Counts the problems of each lowered rule, reported or not.
pub fn count_lowered(lowered: &LoweredRules, is_accepted: impl Fn(Rule) -> bool, all: &[Problem]) -> Vec<Lowering> {
    let count = |rule: Rule| all.iter().filter(|problem| problem.rule == Some(rule)).count();
    let lowering = |(rule, to): (&Rule, &Option<Severity>)| Lowering {
        rule: *rule,
        to: *to,
        is_accepted: is_accepted(*rule),
        n_problems: count(*rule),
    };
    lowered.iter().map(lowering).collect()
}
